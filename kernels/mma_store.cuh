// mma_store.cuh: the sums of conv2d_mma to global memory, with their bias, converted.
//
// Prelude: out_t, acc_t (float); CHANNELS and POSITIONS (outputs of a block).
//
// A thread has sums of a few positions of many channels, and stores one position of them: neighbouring threads then
// store neighbouring values. In between they stand in shared memory, 2 x 16 channels at a time.

#include "mma_steps.cuh"
#include "values.cuh"

constexpr int ROW = POSITIONS + 8;  // values from channel to channel: eight of them, or four of floats, in other banks

// Sums of 2 x 16 channels, with their bias, to shared memory: one row of POSITIONS for each.
__device__ __forceinline__ void put_sums(out_t* staged, const float (&sums)[TILES_N][4], const acc_t* bias, int channel,
                                         int channels)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    staged += (warp / 4 * 16 + lane / 4) * ROW + warp % 4 * (POSITIONS / 4) + lane % 4 * 2;
    #pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int c = channel + lane / 4 + half * 8;
        const acc_t offset = bias && c < channels ? bias[c] : acc_t(0);
        #pragma unroll
        for (int j = 0; j < TILES_N; ++j) {
            Vector<out_t, 2> pair;
            pair.at[0] = convert<out_t>(sums[j][half * 2] + offset);
            pair.at[1] = convert<out_t>(sums[j][half * 2 + 1] + offset);
            *reinterpret_cast<Vector<out_t, 2>*>(staged + half * 8 * ROW + j * 8) = pair;
        }
    }
}

// The sums of a block and their bias, through shared memory; `out` is where a thread's position stands in channel 0.
__device__ __forceinline__ void store(out_t* out, out_t* staged, const float (&sums)[TILES_M][TILES_N][4],
                                      const acc_t* bias, int channels, bool inside, long long plane)
{
    constexpr int TOGETHER = THREADS / POSITIONS;  // threads that store the same position
    const int side = threadIdx.x / 128, first = threadIdx.x / POSITIONS;
    #pragma unroll
    for (int i = 0; i < TILES_M; ++i) {
        __syncthreads();  // what stood there has been read
        put_sums(staged, sums[i], bias, side * (CHANNELS / 2) + i * 16, channels);
        __syncthreads();
        #pragma unroll
        for (int c = i * 16; c < CHANNELS; c += CHANNELS / 2) {
            const int count = inside ? min(channels - c, 16) : 0;
            const out_t* value = staged + (c / (CHANNELS / 2) * 16 + first) * ROW + threadIdx.x % POSITIONS;
            out_t* target = out + (c + first) * plane;
            for (int row = first; row < count; row += TOGETHER, value += TOGETHER * ROW, target += TOGETHER * plane)
                *target = *value;
        }
    }
}
