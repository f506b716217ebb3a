// filter_row.cuh: rows of a tile, filtered along x with the taps of a row.
//
// Prelude: that of row_stream.cuh; FILTER_H, TAPS (separable_stream.cu).

#include "row_stream.cuh"
#include "unroll.cuh"

constexpr int FILTERED = THREADS + 1;  // vectors of a filtered row: an odd number, against bank conflicts

struct Factors {
    acc_t at[TAPS];
};

// The products of vector v of a tile's row with the taps of neighbouring values that meet it.
template <int COUNT>
__device__ __forceinline__ void add_vector(
    acc_t (&values)[COUNT], const vector_t& part, int v, const Factors& factors)
{
    #pragma unroll
    for (int i = 0; i < VECTOR; ++i)
        #pragma unroll
        for (int c = 0; c < COUNT; ++c) {
            const int ahead = v * VECTOR + i - OFFSET - c, s = ahead / PIXEL;
            if (ahead >= 0 && ahead % PIXEL == 0 && s < FILTER_W)
                values[c] = plus_product(values[c], factors.at[FILTER_H + s], part.at[i]);
        }
}

// One row of the tile, filtered along x.
__device__ __forceinline__ void filter_row(acc_t (&values)[VECTOR], const vector_t* tile, const Factors& factors) {
    #pragma unroll
    for (int v = 0; v <= APRON; ++v) {
        const vector_t part = load_shared(tile + v);
        if constexpr (FILTER_W == 1) {
            for (int c = 0; c < VECTOR; ++c)
                values[c] = TAPS == FILTER_H ? part.at[c] : plus_product(acc_t(0), factors.at[TAPS - 1], part.at[c]);
            return;
        } else {
            add_vector(values, part, v, factors);
        }
    }
}

// All rows of a stage: each of STAGE neighbouring threads filters one of them for all, from one window.
__device__ __forceinline__ void filter_stage(vector_t* filtered, const vector_t* tile, const Factors& factors) {
    constexpr int FIRST = OFFSET / VECTOR;  // vector of the window that has a tap
    const int row = threadIdx.x % STAGE, first = threadIdx.x - row;
    acc_t values[STAGE * VECTOR] = {};
    tile += row * PITCH + first;
    unroll<APRON + STAGE - FIRST>([&](auto v) {
        add_vector(values, load_shared(tile + FIRST + v), FIRST + v, factors);
    });
    #pragma unroll
    for (int k = 0; k < STAGE; ++k) put_shared(filtered + row * FILTERED + first + k, &values[k * VECTOR]);
}
