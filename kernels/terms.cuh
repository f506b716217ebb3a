// terms.cuh: what a row of the image adds to the open sums of a filter that is a sum of outer products.
//
// Prelude: TERMS, FILTER_H, FILTER_W; that of row_stream.cuh.

#include "row_stream.cuh"
#include "values.cuh"

struct Terms {
    acc_t columns[TERMS][FILTER_H], rows[TERMS][FILTER_W];
};

constexpr int UNROLLED = TERMS * (FILTER_H + FILTER_W) <= 64 ? STAGE : 1;  // so that the code fits its cache

// One row of the tile, filtered along x by each term.
__device__ __forceinline__ void filter_row(acc_t (&values)[TERMS][VECTOR], const vector_t* tile, const Terms& terms) {
    #pragma unroll
    for (int v = 0; v <= APRON; ++v) {
        const vector_t part = load_shared(tile + v);
        #pragma unroll
        for (int i = 0; i < VECTOR; ++i)
            #pragma unroll
            for (int c = 0; c < VECTOR; ++c) {
                const int ahead = v * VECTOR + i - OFFSET - c, s = ahead / PIXEL;
                if (ahead < 0 || ahead % PIXEL || s >= FILTER_W) continue;
                #pragma unroll
                for (int k = 0; k < TERMS; ++k)
                    values[k][c] = plus_product(values[k][c], terms.rows[k][s], part.at[i]);
            }
    }
}

// The filtered rows, added to the sums that they are part of; the first term moves the sums up by one.
using OpenSums = acc_t[FILTER_H][VECTOR];
__device__ __forceinline__ void add_columns(OpenSums& sums, const acc_t (&values)[TERMS][VECTOR], const Terms& terms) {
    #pragma unroll
    for (int c = 0; c < VECTOR; ++c)
        #pragma unroll
        for (int j = 0; j < FILTER_H; ++j) {
            acc_t sum = j + 1 < FILTER_H ? sums[j + 1][c] : acc_t(0);
            #pragma unroll
            for (int k = 0; k < TERMS; ++k) sum = plus_product(sum, terms.columns[k][FILTER_H - 1 - j], values[k][c]);
            sums[j][c] = sum;
        }
}
