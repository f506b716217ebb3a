// conv2d_direct: the formula as it stands, one output a thread. Slow, and takes everything: any filter, stride,
// dilation and groups, extents beyond 2^31.
//
//   out[n, c, y, x] = bias[c] + sum over k, r, s of weights[c, k, r, s] * image[n, g * channels_in + k, i, j]
//   i = y * stride_h - pad_h + r * dilation_h,  j = x * stride_w - pad_w + s * dilation_w,  g = c / channels_out
//
// g is the group of c. C order:
//   image    (images, groups * channels_in, height, width)
//   weights  (groups * channels_out, channels_in, filter_h, filter_w)
//   bias     (groups * channels_out), or null
//   out      (images, groups * channels_out, out_h, out_w); `outputs` values
// Prelude: image_t, out_t, acc_t; BLOCK; BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a thread an output, counted along grid x.
// Shared:  none.
// Reference: gpuconv/backends/numpy.py.

#include "boundary.cuh"
#include "values.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK, 4) conv2d_direct(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, long long outputs, long long groups, long long channels_in, long long channels_out,
    long long height, long long width, long long out_h, long long out_w, long long filter_h, long long filter_w,
    long long pad_h, long long pad_w, long long stride_h, long long stride_w, long long dilation_h,
    long long dilation_w, acc_t fill)
{
    const long long index = static_cast<long long>(blockIdx.x) * BLOCK + threadIdx.x;
    if (index >= outputs) return;
    const long long x = index % out_w, y = index / out_w % out_h, plane = index / out_w / out_h;
    const long long c = plane % (groups * channels_out), n = plane / (groups * channels_out);
    const long long first_channel = (n * groups + c / channels_out) * channels_in;
    const image_t* channel = image + first_channel * height * width;
    const acc_t* weight = weights + c * channels_in * filter_h * filter_w;

    acc_t sum = acc_t(0);
    for (long long k = 0; k < channels_in; ++k, channel += height * width)
        for (long long r = 0; r < filter_h; ++r)
            for (long long s = 0; s < filter_w; ++s)
                multiply_add(sum, *weight++, sample(channel, height, width, y * stride_h - pad_h + r * dilation_h,
                                                    x * stride_w - pad_w + s * dilation_w, fill));
    if (bias) multiply_add(sum, acc_t(1), bias[c]);
    out[index] = convert<out_t>(sum);
}
