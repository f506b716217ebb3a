// mma_pairs.cuh: the sums of conv2d_mma_last to global memory, with their bias, converted: two neighbouring channels at
// a time, as the threads have them.
//
// Prelude: out_t, acc_t (float); CHANNELS and POSITIONS (outputs of a block).

#include "mma_last.cuh"
#include "values.cuh"

// The bias of `channels` channels, two neighbours of every eight.
__device__ __forceinline__ void add_bias(sums_t& sums, const acc_t* bias, int channels) {
    #pragma unroll
    for (int j = 0; j < 2 * TILES_N; ++j) {
        const int c = j / 2 * 8 + j % 2;
        const acc_t offset = c < channels ? bias[c] : acc_t(0);
        #pragma unroll
        for (int i = 0; i < 2 * TILES_M; ++i) sums[i / 2][j / 2][i % 2 * 2 + j % 2] += offset;
    }
}

// The sums of a position from `out` on, two neighbours of every eight channels, of which `channels` are left.
__device__ __forceinline__ void store_pairs(
    out_t* out, const float (&sums)[TILES_N][4], int half, int channels, bool aligned)
{
    #pragma unroll
    for (int j = 0; j < TILES_N; ++j) {
        const int c = j * 8;
        Vector<out_t, 2> pair;
        pair.at[0] = convert<out_t>(sums[j][half * 2]);
        pair.at[1] = convert<out_t>(sums[j][half * 2 + 1]);
        if (aligned && c + 1 < channels) {
            *reinterpret_cast<Vector<out_t, 2>*>(out + c) = pair;
            continue;
        }
        if (c < channels) out[c] = pair.at[0];
        if (c + 1 < channels) out[c + 1] = pair.at[1];
    }
}
