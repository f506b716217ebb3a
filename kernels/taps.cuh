// taps.cuh: many taps of a 1D filter for OUTPUTS neighbouring outputs of a thread, in registers.
//
// Prelude: acc_t; OUTPUTS, a multiple of VECTOR; SKIP_ZERO_TAPS.
//
// OUTPUTS taps at a time meet 2 * OUTPUTS samples: a chunk of them that the thread has already, and the next one.

#include "values.cuh"
#include "vector.cuh"

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

// Adds `count` taps, in shared memory, to the sums; load(chunk, k) loads the samples that output 0 meets at the taps
// from OUTPUTS * k on, also for one k beyond.
template <class Load>
__device__ __forceinline__ void add_taps(acc_t (&sums)[OUTPUTS], const vector_t* taps, int count, Load load) {
    constexpr int CHUNK = OUTPUTS / VECTOR;
    const int whole = count / OUTPUTS;
    acc_t samples[2][OUTPUTS];
    load(samples[0], 0);
    int k = 0;
    for (; k + 2 <= whole; k += 2) {
        load(samples[1], k + 1);
        add_chunk<true>(sums, taps + k * CHUNK, samples[0], samples[1], OUTPUTS);
        load(samples[0], k + 2);
        add_chunk<true>(sums, taps + (k + 1) * CHUNK, samples[1], samples[0], OUTPUTS);
    }
    for (; k * OUTPUTS < count; ++k) {
        load(samples[0], k);
        load(samples[1], k + 1);
        add_chunk<false>(sums, taps + k * CHUNK, samples[0], samples[1], count - k * OUTPUTS);
    }
}
