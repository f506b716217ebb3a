// chunks.cuh: an array in shared memory whose chunks of OUTPUTS elements are read by neighbouring threads at a time.
//
// Prelude: image_t, acc_t; THREADS, OUTPUTS; BOUNDARY.
// Shared:  5 / 4 of the elements.
//
// 16 bytes of padding behind each 64 let eight neighbouring threads read one vector of their chunks each from different
// banks. Single elements are moved so that lanes stand in different banks, too.

#include "boundary.cuh"
#include "bfloat16.cuh"
#include "float16.cuh"
#include "vector.cuh"

constexpr int CHUNK = OUTPUTS / VECTOR;  // vectors: 64 bytes, and 16 of padding behind them

// The element that this thread moves first; three more follow, OUTPUTS apart, then the same from 4 * THREADS on. Groups
// of OUTPUTS lanes have a chunk, four chunks apart: they stand in different banks.
__device__ __forceinline__ int first_element() {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    return 128 * warp + lane / OUTPUTS * 4 * OUTPUTS + lane % OUTPUTS;
}

// Where that one stands in a padded array; the others OUTPUTS + VECTOR and 5 * THREADS from there.
__device__ __forceinline__ acc_t* first_place(vector_t* window) {
    const int i = first_element();
    return reinterpret_cast<acc_t*>(window) + i + i / OUTPUTS * VECTOR;
}

__device__ __forceinline__ void load_chunk(acc_t (&chunk)[OUTPUTS], const vector_t* window, int k) {
    load_window<CHUNK>(chunk, window + k * (CHUNK + 1));
}

// A window of `span` samples, from position `start` of the signal on; INSIDE: all of them lie in it.
template <bool INSIDE>
__device__ __forceinline__ void stage_samples(
    vector_t* window, const image_t* signal, long long width, long long start, int span, acc_t fill)
{
    const long long end = span;
    const int low = min(max(-start, 0LL), end), high = min(width - start, end);  // what lies in the signal
    const image_t* const first = signal + start;
    acc_t* place = first_place(window);
    #pragma unroll 2
    for (int i = first_element(); i < span; i += 4 * THREADS, place += 5 * THREADS) {
        #pragma unroll
        for (int j = 0; j < 4; ++j) {
            const int at = i + j * OUTPUTS;
            if (at >= span) break;
            acc_t& target = place[j * (OUTPUTS + VECTOR)];
            if (INSIDE || (at >= low && at < high)) target = static_cast<acc_t>(first[at]);
            else target = sample(signal, 1LL, width, 0LL, start + at, fill);
        }
    }
}

__device__ __forceinline__ void stage(
    vector_t* window, const image_t* signal, long long width, long long start, int span, acc_t fill)
{
    if (start >= 0 && start + span <= width) stage_samples<true>(window, signal, width, start, span, fill);
    else stage_samples<false>(window, signal, width, start, span, fill);
}
