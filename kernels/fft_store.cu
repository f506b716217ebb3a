// fft_store: puts the outputs of transformed tiles side by side, converted to out_t.
//
//   out[n, ty * outputs_h + i, tx * outputs_w + j] = tiles[t, i * every_h, j * every_w]
//
// where first + t counts the tiles (n, ty, tx) of all images, up to `count`. A transform spreads nan and infinities
// over its tile: *spoiled becomes 1 where an output is not finite. C order:
//   tiles  (any number, span_h, span_w)
//   out    (images, out_h, out_w)
// Prelude: image_t, out_t, acc_t; BLOCK; BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a block a row of a tile's outputs, counted along grid x.
// Shared:  none.
// Reference: gpuconv/planning/overlap.py.

#include "boundary.cuh"
#include "values.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK) fft_store(
    const acc_t* __restrict__ tiles, out_t* __restrict__ out, int* __restrict__ spoiled, long long first,
    long long count, long long tiles_h, long long tiles_w, long long span_h, long long span_w, long long outputs_h,
    long long outputs_w, long long every_h, long long every_w, long long out_h, long long out_w)
{
    const long long local = blockIdx.x / outputs_h, tile = first + local, i = blockIdx.x % outputs_h;
    const long long tx = tile % tiles_w, ty = tile / tiles_w % tiles_h, n = tile / tiles_w / tiles_h;
    const long long y = ty * outputs_h + i, left = tx * outputs_w;
    if (tile >= count || y >= out_h) return;
    const acc_t* row = tiles + (local * span_h + i * every_h) * span_w;
    out_t* target = out + (n * out_h + y) * out_w + left;
    for (long long j = threadIdx.x; j < outputs_w && left + j < out_w; j += BLOCK) {
        const acc_t value = row[j * every_w];
        if (!isfinite(value)) *spoiled = 1;
        target[j] = convert<out_t>(value);
    }
}
