// fft_multiply: the spectra of tiles times that of a filter.
//
//   spectra[i] *= filter[i / columns % size]
//
// with one index over all of `spectra`, whose neighbouring columns are of one frequency.
//   spectra  `values` of them, C order
//   filter   (size,)
// Prelude: acc_t, a complex number; BLOCK; ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads; a thread a value, counted along grid x.
// Shared:  none.
// Reference: gpuconv/planning/overlap.py.

#include "values.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK) fft_multiply(
    acc_t* __restrict__ spectra, const acc_t* __restrict__ filter, long long values, long long size, long long columns)
{
    const long long index = static_cast<long long>(blockIdx.x) * BLOCK + threadIdx.x;
    if (index < values) spectra[index] = plus_product(acc_t(0), filter[index / columns % size], spectra[index]);
}
