// conv2d_separable: the outer product of two 1D filters over single-channel images, both passes in one launch: the
// image is read once and the result is written once.
//
//   out[n, y, x] = sum over r of column[r] * (sum over s of row[s] * image[n, y - pad_h + r, x - pad_w + s])
//
//   image    (images, height, width): rows `pitch` elements apart, images `image_rows` rows
//   factors  column (filter_h taps), then row (filter_w taps), by value
//   out      (images, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: image_t, out_t, acc_t; FILTER_H, FILTER_W (0: known at run time only), TAPS (capacity of the factors);
//          BLOCK_H, BLOCK_W (threads), ROWS (outputs a thread); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK_W x BLOCK_H threads, a tile of BLOCK_H * ROWS x BLOCK_W outputs a block; the tiles of all images, row
//          by row, along grid x.
// Shared:  (BLOCK_H * (TILE_W + filter_w - 1) + (TILE_H + filter_h - 1) * TILE_W) * sizeof(acc_t) bytes, dynamic.
// Reference: V. Podlozhnyuk, Image Convolution with CUDA, NVIDIA 2007 (its two kernels made one).
//
// The image rows under the tile pass through a strip of BLOCK_H rows, which leaves them filtered along x in `filtered`;
// the second pass works on that alone.

#include "boundary.cuh"
#include "values.cuh"

constexpr int TILE_H = BLOCK_H * ROWS, TILE_W = BLOCK_W;

struct Factors {
    acc_t at[TAPS];
};

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, 4) conv2d_separable(
    const image_t* __restrict__ image, const __grid_constant__ Factors factors, out_t* __restrict__ out,
    int height, int width, int out_h, int out_w, int filter_h, int filter_w, int pad_h, int pad_w, int tiles_h,
    int tiles_w, int pitch, int image_rows, int out_pitch, int out_image_rows, acc_t fill)
{
    extern __shared__ acc_t shared[];
    const int taps_h = FILTER_H ? FILTER_H : filter_h, taps_w = FILTER_W ? FILTER_W : filter_w;
    const int strip_w = TILE_W + taps_w - 1, rows = TILE_H + taps_h - 1;
    const int tx = threadIdx.x, ty = threadIdx.y;
    acc_t* const strip = shared + ty * strip_w;                // this thread's row of (BLOCK_H, strip_w)
    acc_t* const filtered = shared + BLOCK_H * strip_w + tx;  // this thread's column of (rows, TILE_W)

    const int tile_x = blockIdx.x % tiles_w * TILE_W, tile_y = blockIdx.x / tiles_w % tiles_h * TILE_H;
    const long long n = blockIdx.x / tiles_w / tiles_h;
    image += n * image_rows * pitch;
    for (int first = 0; first < rows; first += BLOCK_H) {
        const int y = first + ty;
        for (int x = tx; x < strip_w; x += BLOCK_W)
            strip[x] = sample(image, height, width, pitch, tile_y - pad_h + y, tile_x - pad_w + x, fill);
        __syncthreads();
        acc_t sum = acc_t(0);
        for (int s = 0; s < taps_w; ++s) multiply_add(sum, factors.at[taps_h + s], strip[tx + s]);
        if (y < rows) filtered[y * TILE_W] = sum;
        __syncthreads();
    }

    acc_t sums[ROWS] = {};
    for (int r = 0; r < taps_h; ++r) {
        #pragma unroll
        for (int row = 0; row < ROWS; ++row)
            multiply_add(sums[row], factors.at[r], filtered[(ty + row * BLOCK_H + r) * TILE_W]);
    }

    const int x = tile_x + tx;
    #pragma unroll
    for (int row = 0; row < ROWS; ++row) {
        const int y = tile_y + ty + row * BLOCK_H;
        if (x < out_w && y < out_h) out[(n * out_image_rows + y) * out_pitch + x] = convert<out_t>(sums[row]);
    }
}
