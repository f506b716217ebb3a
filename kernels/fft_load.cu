// fft_load: cuts images into overlapping tiles for a transform, boundary applied, cast to acc_t.
//
//   tiles[t, i, j] = image[n, y, x],  y = ty * step_h - pad_h + i * every_h,  x = tx * step_w - pad_w + j * every_w
//
// where first + t counts the tiles (n, ty, tx) of all images; tiles beyond the last are zero.
//   image  (images, height, width), C order
//   tiles  (any number, span_h, span_w); tile_pitch values from one to the next, row_pitch from one row to the next
// Prelude: image_t, out_t, acc_t; BLOCK; BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a block a row of a tile, counted along grid x.
// Shared:  none.
// Reference: gpuconv/planning/overlap.py.

#include "boundary.cuh"
#include "values.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK) fft_load(
    const image_t* __restrict__ image, acc_t* __restrict__ tiles, long long first, long long count, long long tiles_h,
    long long tiles_w, long long tile_pitch, long long row_pitch, long long span_h, long long span_w, long long step_h,
    long long step_w, long long every_h, long long every_w, long long height, long long width, long long pad_h,
    long long pad_w, acc_t fill)
{
    const long long local = blockIdx.x / span_h, tile = first + local, i = blockIdx.x % span_h;
    const long long tx = tile % tiles_w, ty = tile / tiles_w % tiles_h, n = tile / tiles_w / tiles_h;
    const long long row = source_index(ty * step_h - pad_h + i * every_h, height);
    const image_t* samples = image + (n * height + row) * width;
    acc_t* out = tiles + local * tile_pitch + i * row_pitch;
    for (long long j = threadIdx.x; j < span_w; j += BLOCK) {
        const long long column = source_index(tx * step_w - pad_w + j * every_w, width);
        const bool outside = row < 0 || column < 0;
        out[j] = tile >= count ? acc_t(0) : outside ? fill : static_cast<acc_t>(samples[column]);
    }
}
