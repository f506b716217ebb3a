// fft_multiply: the spectra of tiles times that of a filter.
//
//   spectra[t, i, j] *= filter[i / columns % size] as one index over all of `spectra`
//
// Complex numbers, real part first. C order:
//   spectra  `values` of them; neighbouring columns are of one frequency
//   filter   (size,)
// Prelude: image_t, out_t, acc_t; BLOCK; BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a thread a value, counted along grid x.
// Shared:  none.
// Reference: gpuconv/planning/overlap.py.

#include "boundary.cuh"
#include "values.cuh"
#include "vector.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK) fft_multiply(
    acc_t* __restrict__ spectra, const acc_t* __restrict__ filter, long long values, long long size, long long columns)
{
    using Number = Vector<acc_t, 2>;
    const long long index = static_cast<long long>(blockIdx.x) * BLOCK + threadIdx.x;
    if (index >= values) return;
    Number* place = reinterpret_cast<Number*>(spectra) + index;
    const Number a = *place, b = reinterpret_cast<const Number*>(filter)[index / columns % size];
    Number product;
    product.at[0] = a.at[0] * b.at[0] - a.at[1] * b.at[1];
    product.at[1] = a.at[0] * b.at[1] + a.at[1] * b.at[0];
    *place = product;
}
