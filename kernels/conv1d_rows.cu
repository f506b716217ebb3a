// conv1d_rows: one filter of any length over signals along the last axis, in registers.
//
//   out[n, x] = sum over t of weights[t] * signal[n, x - pad + t]
//
//   signal   (signals, width), C order
//   weights  (taps)
//   out      (signals, out_w), C order
// Prelude: image_t, out_t, acc_t; THREADS, OUTPUTS (of a thread: 64 bytes of them); BOUNDARY, ROUNDING, SATURATE,
//          SKIP_ZERO_TAPS.
// Launch:  THREADS threads; THREADS * OUTPUTS outputs a block, `blocks` blocks a signal, along grid x.
// Shared:  (piece + (THREADS * OUTPUTS + piece) * 5 / 4) * sizeof(acc_t) bytes, dynamic; `piece` is a multiple of OUTPUTS.
// Reference: V. Volkov, Better Performance at Lower Occupancy, GTC 2010 (several outputs a thread, in registers).
//
// A thread owns OUTPUTS neighbouring outputs. For OUTPUTS taps at a time it holds the 2 * OUTPUTS samples that they meet:
// one 16-byte load of samples and one of taps feed VECTOR * OUTPUTS multiply-adds.

#include "boundary.cuh"
#include "values.cuh"
#include "vector.cuh"

constexpr int CHUNK = OUTPUTS / VECTOR;  // vectors: 64 bytes, and 16 of padding behind them

// Elements are moved in rounds. In each, groups of OUTPUTS lanes have a chunk, four chunks apart: from different banks.
__device__ __forceinline__ int element_of(int round) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    return 128 * warp + lane / OUTPUTS * 4 * OUTPUTS + lane % OUTPUTS + round / 4 * 4 * THREADS + round % 4 * OUTPUTS;
}

// Where that one stands in a padded array.
__device__ __forceinline__ acc_t& place_of(vector_t* window, int round) {
    const int first = element_of(0);
    acc_t* values = reinterpret_cast<acc_t*>(window) + (first + first / OUTPUTS * VECTOR);
    return values[round / 4 * 5 * THREADS + round % 4 * (OUTPUTS + VECTOR)];
}

__device__ __forceinline__ void load_chunk(acc_t (&chunk)[OUTPUTS], const vector_t* window, int k) {
    load_window<CHUNK>(chunk, window + k * (CHUNK + 1));
}

// Adds `count` taps, at most OUTPUTS, times the samples they meet.
template <bool WHOLE>
__device__ __forceinline__ void add_chunk(acc_t (&sums)[OUTPUTS], const vector_t* taps, const acc_t (&first)[OUTPUTS],
                                          const acc_t (&second)[OUTPUTS], int count)
{
    #pragma unroll
    for (int v = 0; v < OUTPUTS / VECTOR; ++v) {
        const vector_t part = load_shared(taps + v);
        #pragma unroll
        for (int i = 0; i < VECTOR; ++i) {
            const int t = v * VECTOR + i;
            if (!WHOLE && t >= count) return;
            #pragma unroll
            for (int j = 0; j < OUTPUTS; ++j)
                multiply_add(sums[j], part.at[i], t + j < OUTPUTS ? first[t + j] : second[t + j - OUTPUTS]);
        }
    }
}

// A window of `span` samples, from position `start` of the signal on.
__device__ __forceinline__ void stage(vector_t* window, const image_t* signal, long long width, long long start, int span, acc_t fill) {
    if (start >= 0 && start + span <= width) {
        signal += start;
        #pragma unroll 8
        for (int round = 0; round / 4 * 4 * THREADS < span; ++round)
            if (element_of(round) < span) place_of(window, round) = static_cast<acc_t>(signal[element_of(round)]);
    } else {
        for (int round = 0; round / 4 * 4 * THREADS < span; ++round) {
            const int i = element_of(round);
            if (i < span) place_of(window, round) = sample(signal, 1LL, width, 0LL, start + i, fill);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 640 / THREADS) conv1d_rows(
    const image_t* __restrict__ signal, const acc_t* __restrict__ weights, out_t* __restrict__ out, long long width, long long out_w,
    long long taps, long long pad, long long blocks, int piece, acc_t fill)
{
    extern __shared__ vector_t shared[];
    vector_t* const window = shared + piece / VECTOR;  // of the signal, behind (piece) taps
    const int tx = threadIdx.x;
    const long long n = blockIdx.x / blocks, first = blockIdx.x % blocks * (THREADS * OUTPUTS);
    signal += n * width;

    acc_t sums[OUTPUTS] = {};
    for (long long begin = 0; begin < taps; begin += piece) {
        const int count = min(static_cast<long long>(piece), taps - begin), chunks = count / OUTPUTS;
        for (int t = tx; t < count; t += THREADS) shared[t / VECTOR].at[t % VECTOR] = weights[begin + t];
        stage(window, signal, width, first - pad + begin, (THREADS + (count + OUTPUTS - 1) / OUTPUTS) * OUTPUTS, fill);
        __syncthreads();
        acc_t samples[2][OUTPUTS];
        load_chunk(samples[0], window, tx);
        int k = 0;
        for (; k + 2 <= chunks; k += 2) {
            load_chunk(samples[1], window, tx + k + 1);
            add_chunk<true>(sums, shared + k * CHUNK, samples[0], samples[1], OUTPUTS);
            load_chunk(samples[0], window, tx + k + 2);
            add_chunk<true>(sums, shared + (k + 1) * CHUNK, samples[1], samples[0], OUTPUTS);
        }
        for (; k * OUTPUTS < count; ++k) {
            load_chunk(samples[0], window, tx + k);
            load_chunk(samples[1], window, tx + k + 1);
            add_chunk<false>(sums, shared + k * CHUNK, samples[0], samples[1], count - k * OUTPUTS);
        }
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
    out += n * out_w + first;
    const int rest = min(static_cast<long long>(THREADS * OUTPUTS), out_w - first);
    #pragma unroll
    for (int round = 0; round < OUTPUTS; ++round)
        if (element_of(round) < rest) out[element_of(round)] = convert<out_t>(place_of(window, round));
}
