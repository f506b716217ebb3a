// fft_filter: a filter as one tile of a transform sees it; the spectrum of this tile multiplies those of the others.
//
//   tile[i, j] = scale * weights[r, s] where i = -r * dilation_h mod points_h and j = -s * dilation_w mod points_w
//
// and 0 where there is no such tap: the product of the spectra is then a correlation. C order:
//   weights  (filter_h, filter_w)
//   tile     (points_h, points_w); in double precision, so that its spectrum adds no more than its rounding
// Prelude: out_t, which is double or complex, acc_t; BLOCK; ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a thread a value of the tile, counted along grid x.
// Shared:  none.
// Reference: gpuconv/planning/overlap.py.

#include "values.cuh"

// The tap that stands at a place of an axis, or -1.
__device__ __forceinline__ long long tap_at(long long place, long long points, long long taps, long long dilation) {
    const long long distance = place == 0 ? 0 : points - place, tap = distance / dilation;
    return distance % dilation == 0 && tap < taps ? tap : -1;
}

extern "C" __global__ void __launch_bounds__(BLOCK) fft_filter(
    const acc_t* __restrict__ weights, out_t* __restrict__ tile, long long filter_h, long long filter_w,
    long long dilation_h, long long dilation_w, long long points_h, long long points_w, double scale)
{
    const long long index = static_cast<long long>(blockIdx.x) * BLOCK + threadIdx.x;
    if (index >= points_h * points_w) return;
    const long long r = tap_at(index / points_w, points_h, filter_h, dilation_h);
    const long long s = tap_at(index % points_w, points_w, filter_w, dilation_w);
    const out_t zero = out_t(0);
    tile[index] = r < 0 || s < 0 ? zero : plus_product(zero, out_t(scale), out_t(weights[r * filter_w + s]));
}
