// sum_parts: the sum of partial sums, in a fixed order, converted.
//
//   out[i] = sum over p of partial[p, i]
//
//   partial  (parts, size), C order
//   out      (size)
// Prelude: out_t, acc_t; BLOCK (threads); ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK threads, an element each, blocks along grid x.
// Shared:  none.
// Reference: split-K with a reduction kernel, as in NVIDIA's CUTLASS; without atomics the order of the sum is fixed.

#include "values.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK) sum_parts(
    const acc_t* __restrict__ partial, out_t* __restrict__ out, long long size, int parts)
{
    const long long i = static_cast<long long>(blockIdx.x) * BLOCK + threadIdx.x;
    if (i >= size) return;
    acc_t sum = 0;
    #pragma unroll 8
    for (int p = 0; p < parts; ++p) multiply_add(sum, acc_t(1), partial[p * size + i]);
    out[i] = convert<out_t>(sum);
}
