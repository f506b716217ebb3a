// conv2d_small: one small filter over single-channel images, near the limit of the memory or of the multiply-adds.
//
//   out[n, y, x] = sum over r, s of weights[r, s] * image[n, y - pad_h + r, x - pad_w + s]
//
//   image    (images, height, width), C order
//   weights  (FILTER_H, FILTER_W), by value: they lie in the constant bank, where multiply-adds take them as operands
//   out      (images, out_h, out_w), C order
// Prelude: image_t, out_t, acc_t; FILTER_H, FILTER_W; BLOCK_H, BLOCK_W (threads), ROWS (outputs a thread, down);
//          OFFSET (columns that the tile begins before its first window, so that with the usual pad it begins at a
//          multiple of 16 bytes); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK_W x BLOCK_H threads, a tile of BLOCK_H * ROWS x BLOCK_W * VECTOR outputs a block; tiles: grid x, the
//          rows of tiles of all images along grid y, continued along z.
// Shared:  SHARED_H * SHARED_W * 16 bytes, static.
// Reference: Iandola et al., Communication-minimizing 2D convolution in GPU registers, ICIP 2013.
//
// A thread owns ROWS x VECTOR outputs. It walks down the ROWS + FILTER_H - 1 rows of the tile that they need, holds
// one window of a row in registers and adds it to every output it belongs to: a 16-byte load feeds up to
// VECTOR * FILTER_H * FILTER_W / 2 multiply-adds.

#include "place.cuh"
#include "stage.cuh"
#include "store.cuh"
#include "unroll.cuh"

constexpr int TILE_H = BLOCK_H * ROWS, TILE_W = BLOCK_W * VECTOR;
constexpr int WINDOW = ceil_div(OFFSET + VECTOR + FILTER_W - 1, VECTOR);  // vectors
constexpr int SHARED_H = TILE_H + FILTER_H - 1, SHARED_W = BLOCK_W - 1 + WINDOW;

struct Weights {
    acc_t at[FILTER_H * FILTER_W];
};

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, 2) conv2d_small(
    const image_t* __restrict__ image, const __grid_constant__ Weights weights, out_t* __restrict__ out,
    int height, int width,
    int out_h, int out_w, int pad_h, int pad_w, int images, int tiles_h, acc_t fill)
{
    __shared__ vector_t tile[SHARED_H][SHARED_W];
    const Place place = place_of_block(tiles_h);
    if (place.n >= images) return;
    const int n = place.n, tile_y = place.y * TILE_H, tile_x = place.x * TILE_W;
    const int tx = threadIdx.x, ty = threadIdx.y;

    stage<SHARED_H, SHARED_H, SHARED_W, SHARED_W>(
        tile[0], image, {height, width, fill}, n, SHARED_H, tile_y - pad_h, tile_x - pad_w - OFFSET);
    __syncthreads();

    acc_t sums[ROWS][VECTOR] = {};
    unroll<ROWS + FILTER_H - 1>([&](auto i) {
        acc_t window[WINDOW * VECTOR];
        load_window<WINDOW>(window, &tile[ty * ROWS + i][tx]);
        #pragma unroll
        for (int row = max(0, i - FILTER_H + 1); row <= min(i, ROWS - 1); ++row)
            #pragma unroll
            for (int s = 0; s < FILTER_W; ++s)
                #pragma unroll
                for (int x = 0; x < VECTOR; ++x)
                    multiply_add(sums[row][x], weights.at[(i - row) * FILTER_W + s], window[OFFSET + x + s]);
    });

    out_t* target = out + (static_cast<long long>(n * out_h + tile_y + ty * ROWS) * out_w + (tile_x + tx * VECTOR));
    if (tile_y + TILE_H <= out_h && tile_x + TILE_W <= out_w && has_aligned_rows(out, out_w)) {
        #pragma unroll
        for (int row = 0; row < ROWS; ++row) store_vector(target + static_cast<long long>(row) * out_w, sums[row]);
        return;
    }
    __syncthreads();  // the windows have been read, their place is free
    #pragma unroll
    for (int row = 0; row < ROWS; ++row) put_shared(&tile[ty * ROWS + row][tx], sums[row]);
    __syncthreads();
    out += static_cast<long long>(n * out_h + tile_y) * out_w + tile_x;
    store_tile<TILE_H, TILE_W, SHARED_W>(out, tile[0], out_w, out_h - tile_y, out_w - tile_x);
}
