// conv1d: one filter of any length over signals along the last axis, through windows in shared memory.
//
//   out[n, x] = sum over t of weights[t] * signal[n, x * stride - pad + t * dilation]
//
//   signal   (signals, width), C order
//   weights  (taps)
//   out      (signals, out_w), C order
// Prelude: image_t, out_t, acc_t; OUTPUTS (of a thread); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  any number of threads; OUTPUTS * threads outputs a block, `blocks` blocks a signal, along grid x.
// Shared:  (piece + window) * sizeof(acc_t) bytes, dynamic, with
//          window = (OUTPUTS * threads - 1) * stride + (piece - 1) * dilation + 1.
// Reference: Kirk and Hwu, Programming Massively Parallel Processors, chapter on convolution (tiles with halo).
//
// The taps come in pieces of `piece`, each with the window of the signal it meets, so that any number of them works.
// A thread's outputs lie blockDim.x apart: neighbouring threads read neighbouring samples.

#include "boundary.cuh"
#include "values.cuh"

extern "C" __global__ void __launch_bounds__(256, 4) conv1d(
    const image_t* __restrict__ signal, const acc_t* __restrict__ weights, out_t* __restrict__ out, long long width,
    long long out_w, long long taps, long long pad, long long blocks, int stride, int dilation, int piece, acc_t fill)
{
    extern __shared__ acc_t shared[];
    acc_t* const staged = shared;          // (piece) taps
    acc_t* const window = shared + piece;  // of the signal
    const int threads = blockDim.x, tx = threadIdx.x;
    const long long n = blockIdx.x / blocks, first = blockIdx.x % blocks * (OUTPUTS * threads);

    signal += n * width;
    acc_t sums[OUTPUTS] = {};
    for (long long begin = 0; begin < taps; begin += piece) {
        const int count = min(static_cast<long long>(piece), taps - begin);
        const int span = (OUTPUTS * threads - 1) * stride + (count - 1) * dilation + 1;
        const long long start = first * stride - pad + begin * dilation;
        for (int t = tx; t < count; t += threads) staged[t] = weights[begin + t];
        for (int i = tx; i < span; i += threads) window[i] = sample(signal, 1LL, width, 0LL, start + i, fill);
        __syncthreads();
        for (int t = 0; t < count; ++t) {
            #pragma unroll
            for (int i = 0; i < OUTPUTS; ++i)
                multiply_add(sums[i], staged[t], window[(tx + i * threads) * stride + t * dilation]);
        }
        __syncthreads();
    }

    #pragma unroll
    for (int i = 0; i < OUTPUTS; ++i) {
        const long long x = first + tx + i * threads;
        if (x < out_w) out[n * out_w + x] = convert<out_t>(sums[i]);
    }
}
