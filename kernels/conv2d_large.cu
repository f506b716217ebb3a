// conv2d_large: one filter of any size over single-channel images, or over each of several channels that stand side by
// side, near the limit of the multiply-adds.
//
//   out[n, y, x] = sum over r, s of weights[r, s] * image[n, y - pad_h + r, x - pad_w + s]
//
//   image    (images, height, width, PIXEL): rows `pitch` elements apart, images `image_rows` rows
//   weights  (filter_h, filter_w): by value, at most CAPACITY of them, or where CAPACITY is 0 on the device
//   out      (images, out_h, out_w, PIXEL): the same with `out_pitch` and `out_image_rows`
// Prelude: that of large_filter.cuh.
// Launch:  32 x BLOCK_H threads, a tile of TILE_H x TILE_W outputs of one channel a block; grid as in place.cuh, where
//          the blocks of all channels stand side by side: what they read is read from memory once.
// Shared:  SHARED * 16 + PIECE_H * PIECE_W * sizeof(acc_t) bytes, static.
// Reference: Lavin, maxDNN: an efficient convolution kernel for deep learning with Maxwell GPUs, 2015.

#include "large_filter.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, 2) conv2d_large(
    const image_t* __restrict__ image, const __grid_constant__ Weights<CAPACITY>::Argument weights,
    out_t* __restrict__ out, int height, int width, int out_h, int out_w, int pad_h, int pad_w, int images, int tiles_h,
    int pitch, int image_rows, int out_pitch, int out_image_rows, int filter_h, int filter_w, int piece_h, acc_t fill)
{
    __shared__ vector_t tile[SHARED], taps[PIECE_H][PIECE_W / VECTOR];
    const Place place = place_of_block(tiles_h);
    if (place.n >= images) return;
    const int tile_y = place.y * TILE_H, tile_x = place.x / PIXEL * TILE_W, channel = place.x % PIXEL;
    acc_t sums[ROWS][OUTPUTS] = {};
    add_filter(sums, tile, taps[0], image + channel, {height, width, pitch, image_rows, fill}, place.n,
               tile_y - pad_h, tile_x - pad_w, weights, {filter_h, filter_w, piece_h});
    out += static_cast<long long>(place.n * out_image_rows + tile_y) * out_pitch + tile_x * PIXEL + channel;
    store_outputs(out, tile, sums, out_pitch, out_h - tile_y, out_w - tile_x);
}
