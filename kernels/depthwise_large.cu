// depthwise_large: filters of any size of each channel's own (a depthwise layer), or several filters over
// single-channel images (a filter bank), near the limit of the multiply-adds.
//
//   out[n, c, k, y, x] = bias[c, k] + sum over r, s of weights[c, k, r, s] * image[n, c, y - pad_h + r, x - pad_w + s]
//
//   image    (n * channels, height, width): rows `pitch` elements apart, images `image_rows` rows
//   weights  (channels, filters, filter_h, filter_w), C order, on the device
//   bias     (channels, filters), or null
//   out      (n * channels * filters = images, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: that of large_filter.cuh, with CAPACITY 0.
// Launch:  as conv2d_large, with the tiles of every image of the output.
// Shared:  SHARED * 16 + PIECE_H * PIECE_W * sizeof(acc_t) bytes, static.
// Reference: as conv2d_large.

#include "large_filter.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, 2) depthwise_large(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, int height, int width, int out_h, int out_w, int pad_h, int pad_w, int images, int tiles_h,
    int pitch, int image_rows, int out_pitch, int out_image_rows, int channels, int filters, int filter_h, int filter_w,
    int piece_h, acc_t fill)
{
    __shared__ vector_t tile[SHARED], taps[PIECE_H][PIECE_W / VECTOR];
    const Place place = place_of_block(tiles_h);
    if (place.n >= images) return;
    const int tile_y = place.y * TILE_H, tile_x = place.x * TILE_W, k = place.n % (channels * filters);
    const acc_t* filter = weights + static_cast<long long>(k) * filter_h * filter_w;
    acc_t sums[ROWS][OUTPUTS];
    const acc_t start = bias ? bias[k] : acc_t(0);
    #pragma unroll
    for (int i = 0; i < ROWS * OUTPUTS; ++i) sums[i / OUTPUTS][i % OUTPUTS] = start;
    add_filter(sums, tile, taps[0], image, {height, width, pitch, image_rows, fill}, place.n / filters,
               tile_y - pad_h, tile_x - pad_w, filter, {filter_h, filter_w, piece_h});
    out += static_cast<long long>(place.n * out_image_rows + tile_y) * out_pitch + tile_x;
    store_outputs(out, tile, sums, out_pitch, out_h - tile_y, out_w - tile_x);
}
