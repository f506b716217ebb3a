// fft_store: puts the outputs of transformed tiles side by side, converted to out_t.
//
//   out[n, ty * outputs_h + i, tx * outputs_w + j] = tiles[t, i * every_h, j * every_w]
//
// where first + t counts the tiles (n, ty, tx) of all images, up to `count`. A transform spreads nan and infinities
// over its tile: what is not finite is summed up again, directly from image and weights (kernels/conv2d_direct.cu).
//   tiles    (any number, span_h, span_w); tile_pitch values from one to the next, row_pitch from one row to the next
//   image    (images, height, width), C order
//   weights  (filter_h, filter_w), C order
//   out      (images, out_h, out_w), C order
// Prelude: image_t, out_t, acc_t; BLOCK; BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a block a row of a tile's outputs, counted along grid x.
// Shared:  none.
// Reference: gpuconv/planning/overlap.py.

#include "boundary.cuh"
#include "values.cuh"

template <class T> __device__ bool is_finite(T value) { return isfinite(value); }
template <class T> __device__ bool is_finite(Complex<T> value) { return isfinite(value.re) && isfinite(value.im); }

extern "C" __global__ void __launch_bounds__(BLOCK) fft_store(
    const acc_t* __restrict__ tiles, const image_t* __restrict__ image, const acc_t* __restrict__ weights,
    out_t* __restrict__ out, long long first, long long count, long long tiles_h, long long tiles_w,
    long long tile_pitch, long long row_pitch, long long outputs_h, long long outputs_w, long long every_h,
    long long every_w, long long height, long long width, long long out_h, long long out_w, long long filter_h,
    long long filter_w, long long pad_h, long long pad_w, long long stride_h, long long stride_w, long long dilation_h,
    long long dilation_w, acc_t fill)
{
    const long long local = blockIdx.x / outputs_h, tile = first + local, i = blockIdx.x % outputs_h;
    const long long tx = tile % tiles_w, ty = tile / tiles_w % tiles_h, n = tile / tiles_w / tiles_h;
    const long long y = ty * outputs_h + i, left = tx * outputs_w;
    if (tile >= count || y >= out_h) return;
    const acc_t* outputs = tiles + local * tile_pitch + i * every_h * row_pitch;
    const image_t* samples = image + n * height * width;
    out_t* target = out + (n * out_h + y) * out_w;
    for (long long x = left + threadIdx.x; x < min(left + outputs_w, out_w); x += BLOCK) {
        acc_t value = outputs[(x - left) * every_w];
        if (!is_finite(value)) {
            value = acc_t(0);
            for (long long r = 0; r < filter_h; ++r) {
                const long long row = source_index(y * stride_h - pad_h + r * dilation_h, height);
                for (long long s = 0; s < filter_w; ++s) {
                    const long long column = source_index(x * stride_w - pad_w + s * dilation_w, width);
                    const bool outside = row < 0 || column < 0;
                    multiply_add(value, weights[r * filter_w + s],
                                 outside ? fill : static_cast<acc_t>(samples[row * width + column]));
                }
            }
        }
        target[x] = convert<out_t>(value);
    }
}
