// store_row.cuh: neighbouring outputs of a thread, on their way out.
//
// Prelude: out_t, acc_t; that of values.cuh.

#include "values.cuh"
#include "vector.cuh"

// Writes the outputs of a thread, as many as there are up to the end of the row; `whole`: all of them, aligned.
__device__ __forceinline__ void store(out_t* out, const acc_t (&sums)[VECTOR], int rest, bool whole) {
    if (whole) {
        Vector<out_t, VECTOR> results;
        #pragma unroll
        for (int c = 0; c < VECTOR; ++c) results.at[c] = convert<out_t>(sums[c]);
        *reinterpret_cast<Vector<out_t, VECTOR>*>(out) = results;
    } else {
        #pragma unroll
        for (int c = 0; c < VECTOR; ++c)
            if (c < rest) out[c] = convert<out_t>(sums[c]);
    }
}
