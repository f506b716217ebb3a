// conv3d_direct: the formula as it stands over volumes, one output a thread. Slow, and takes everything: any filter,
// stride and dilation, extents beyond 2^31.
//
//   out[n, z, y, x] = sum over q, r, s of weights[q, r, s] * image[n, h, i, j]
//   h = z * stride_d - pad_d + q * dilation_d, and i and j likewise
//
// C order:
//   image    (volumes, depth, height, width)
//   weights  (filter_d, filter_h, filter_w)
//   out      (volumes, out_d, out_h, out_w); `outputs` values
// Prelude: image_t, out_t, acc_t; BLOCK; BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a thread an output, counted along grid x.
// Shared:  none.
// Reference: gpuconv/backends/numpy.py.

#include "boundary.cuh"
#include "values.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK, 4) conv3d_direct(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, out_t* __restrict__ out, long long outputs,
    long long depth, long long height, long long width, long long out_d, long long out_h, long long out_w,
    long long filter_d, long long filter_h, long long filter_w, long long pad_d, long long pad_h, long long pad_w,
    long long stride_d, long long stride_h, long long stride_w, long long dilation_d, long long dilation_h,
    long long dilation_w, acc_t fill)
{
    const long long index = static_cast<long long>(blockIdx.x) * BLOCK + threadIdx.x;
    if (index >= outputs) return;
    const long long x = index % out_w, y = index / out_w % out_h, z = index / out_w / out_h % out_d;
    image += index / out_w / out_h / out_d * depth * height * width;

    acc_t sum = acc_t(0);
    for (long long q = 0; q < filter_d; ++q) {
        const long long front = source_index(z * stride_d - pad_d + q * dilation_d, depth);
        const image_t* plane = image + front * height * width;
        for (long long r = 0; r < filter_h; ++r)
            for (long long s = 0; s < filter_w; ++s) {
                const long long i = y * stride_h - pad_h + r * dilation_h, j = x * stride_w - pad_w + s * dilation_w;
                multiply_add(sum, *weights++, front < 0 ? fill : sample(plane, height, width, i, j, fill));
            }
    }
    out[index] = convert<out_t>(sum);
}
