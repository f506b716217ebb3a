// conv2d_tiled: one filter over single-channel images, through tiles in shared memory.
//
//   out[n, y, x] = sum over r, s of weights[r, s] * image[n, y - pad_h + r, x - pad_w + s]
//
//   image    (images, height, width): rows `pitch` elements apart, images `image_rows` rows
//   weights  (FILTER_H, FILTER_W), by value: they lie in the constant bank, where multiply-adds take them as operands
//   out      (images, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: image_t, out_t, acc_t; FILTER_H, FILTER_W; BLOCK_H, BLOCK_W (threads), ROWS (outputs a thread);
//          BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK_W x BLOCK_H threads, a tile of BLOCK_H * ROWS x BLOCK_W outputs a block; the tiles of all images, row
//          by row, along grid x.
// Shared:  (TILE_H + FILTER_H - 1) * (TILE_W + FILTER_W - 1) * sizeof(acc_t) bytes, static.
// Reference: Kirk and Hwu, Programming Massively Parallel Processors, chapter on convolution (tiles with halo).
//
// A thread owns ROWS outputs in a column. It walks down the FILTER_H + ROWS - 1 samples above which they lie, once for
// each filter column, and adds each sample to all the outputs it belongs to: one load feeds up to ROWS multiply-adds.

#include "boundary.cuh"
#include "values.cuh"

constexpr int TILE_H = BLOCK_H * ROWS, TILE_W = BLOCK_W;

struct Weights {
    acc_t at[FILTER_H * FILTER_W];
};

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, 4) conv2d_tiled(
    const image_t* __restrict__ image, const __grid_constant__ Weights weights, out_t* __restrict__ out,
    int height, int width, int out_h, int out_w, int pad_h, int pad_w, int tiles_h, int tiles_w, int pitch,
    int image_rows, int out_pitch, int out_image_rows, acc_t fill)
{
    __shared__ acc_t tile[TILE_H + FILTER_H - 1][TILE_W + FILTER_W - 1];
    const int tile_x = blockIdx.x % tiles_w * TILE_W, tile_y = blockIdx.x / tiles_w % tiles_h * TILE_H;
    const long long n = blockIdx.x / tiles_w / tiles_h;
    const int tx = threadIdx.x, ty = threadIdx.y;

    image += n * image_rows * pitch;
    for (int y = ty; y < TILE_H + FILTER_H - 1; y += BLOCK_H)
        for (int x = tx; x < TILE_W + FILTER_W - 1; x += BLOCK_W)
            tile[y][x] = sample(image, height, width, pitch, tile_y - pad_h + y, tile_x - pad_w + x, fill);
    __syncthreads();

    acc_t sums[ROWS] = {};
    #pragma unroll
    for (int s = 0; s < FILTER_W; ++s) {
        #pragma unroll
        for (int i = 0; i < ROWS + FILTER_H - 1; ++i) {
            const acc_t value = tile[ty * ROWS + i][tx + s];
            #pragma unroll
            for (int row = 0; row < ROWS; ++row) {
                const int r = i - row;
                if (r >= 0 && r < FILTER_H) multiply_add(sums[row], weights.at[r * FILTER_W + s], value);
            }
        }
    }

    const int x = tile_x + tx;
    for (int row = 0; row < ROWS; ++row) {
        const int y = tile_y + ty * ROWS + row;
        if (x < out_w && y < out_h) out[(n * out_image_rows + y) * out_pitch + x] = convert<out_t>(sums[row]);
    }
}
