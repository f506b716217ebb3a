// conv1d_rows: filters of any length over signals along the last axis, in registers: one filter, or one or several for
// each channel (a depthwise layer).
//
//   out[n, x] = bias[n % channels] + sum over t of weights[n % channels, t] * signal[n / filters, x - pad + t]
//
//   signal   (signals, width): `pitch` elements from one to the next
//   weights  (channels, taps)
//   bias     (channels), or null
//   out      (signals * filters, out_w): `out_pitch` elements from one to the next
// Prelude: image_t, out_t, acc_t; THREADS, OUTPUTS (of a thread: 64 bytes of them); LAYER (0: one channel, one filter,
//          no bias); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  THREADS threads; THREADS * OUTPUTS outputs a block, `blocks` blocks a signal, along grid x.
// Shared:  (piece + (THREADS * OUTPUTS + piece) * 5 / 4) * sizeof(acc_t) bytes, dynamic; `piece` is a multiple of
//          OUTPUTS.
// Reference: V. Volkov, Better Performance at Lower Occupancy, GTC 2010 (several outputs a thread, in registers).
//
// A thread owns OUTPUTS neighbouring outputs. For OUTPUTS taps at a time it holds the 2 * OUTPUTS samples that they
// meet: one 16-byte load of samples and one of taps feed VECTOR * OUTPUTS multiply-adds.

#include "chunks.cuh"
#include "taps.cuh"

constexpr int BLOCKS = THREADS < 40 ? 16 : 640 / THREADS;  // of a multiprocessor; some take no more than 16

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) conv1d_rows(
    const image_t* __restrict__ signal, const acc_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, long long width, long long out_w, long long taps, long long pad, long long pitch,
    long long out_pitch, int blocks, int channels, int filters, int piece, acc_t fill)
{
    extern __shared__ vector_t shared[];
    vector_t* const window = shared + piece / VECTOR;  // of the signal, behind (piece) taps
    const int tx = threadIdx.x;
    const int n = blockIdx.x / blocks, channel = LAYER ? n % channels : 0;
    const long long first = static_cast<long long>(blockIdx.x % blocks) * (THREADS * OUTPUTS);
    signal += (LAYER ? n / filters : n) * pitch;
    weights += channel * taps;

    acc_t sums[OUTPUTS];
    const acc_t start = LAYER && bias ? bias[channel] : acc_t(0);
    #pragma unroll
    for (int i = 0; i < OUTPUTS; ++i) sums[i] = start;
    for (long long begin = 0; begin < taps; begin += piece) {
        const int count = min(static_cast<long long>(piece), taps - begin);
        for (int t = tx; t < count; t += THREADS) shared[t / VECTOR].at[t % VECTOR] = weights[begin + t];
        const int span = (THREADS + (count + OUTPUTS - 1) / OUTPUTS) * OUTPUTS;
        stage(window, signal, width, first - pad + begin, span, fill);
        __syncthreads();
        add_taps(sums, shared, count, [&](acc_t (&chunk)[OUTPUTS], int k) { load_chunk(chunk, window, tx + k); });
        __syncthreads();
    }

    #pragma unroll
    for (int v = 0; v < CHUNK; ++v) {
        vector_t part;
        #pragma unroll
        for (int i = 0; i < VECTOR; ++i) part.at[i] = sums[v * VECTOR + i];
        window[tx * (CHUNK + 1) + v] = part;
    }
    __syncthreads();
    out += n * out_pitch + first;
    const int rest = min(static_cast<long long>(THREADS * OUTPUTS), out_w - first);
    const acc_t* const place = first_place(window);
    out += first_element();
    #pragma unroll
    for (int i = 0; i < OUTPUTS; ++i) {
        const int at = i / 4 * 4 * THREADS + i % 4 * OUTPUTS;
        if (first_element() + at >= rest) continue;
        out[at] = convert<out_t>(place[i / 4 * 5 * THREADS + i % 4 * (OUTPUTS + VECTOR)]);
    }
}
