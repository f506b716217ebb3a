// store_row.cuh: neighbouring outputs of a thread, on their way out.
//
// Prelude: out_t, acc_t; that of values.cuh.

#include "values.cuh"
#include "vector.cuh"

constexpr bool CLAMPED_BYTES = SATURATE && sizeof(out_t) == 1 && is_integer<acc_t> && is_signed<acc_t> && VECTOR == 4;

// Four sums as bytes of a word, each clamped, by two instructions.
template <class T> __device__ __forceinline__ unsigned int clamped_bytes(const T (&sums)[4]) {
    unsigned int bytes = 0;
#ifdef __CUDA_ARCH__
    #pragma unroll
    for (int c = 2; c >= 0; c -= 2)
        if constexpr (is_signed<out_t>)
            asm("cvt.pack.sat.s8.s32.b32 %0, %1, %2, %0;" : "+r"(bytes) : "r"(sums[c + 1]), "r"(sums[c]));
        else asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %0;" : "+r"(bytes) : "r"(sums[c + 1]), "r"(sums[c]));
#else
    for (int c = 3; c >= 0; --c) bytes = bytes << 8 | static_cast<unsigned char>(convert<out_t>(sums[c]));
#endif
    return bytes;
}

// VECTOR values at an aligned address.
template <class T> __device__ __forceinline__ void store_whole(out_t* out, const T (&sums)[VECTOR]) {
    if constexpr (CLAMPED_BYTES) {
        *reinterpret_cast<unsigned int*>(out) = clamped_bytes(sums);
    } else {
        Vector<out_t, VECTOR> results;
        #pragma unroll
        for (int c = 0; c < VECTOR; ++c) results.at[c] = convert<out_t>(sums[c]);
        *reinterpret_cast<Vector<out_t, VECTOR>*>(out) = results;
    }
}

// Writes the outputs of a thread, as many as there are up to the end of the row; `whole`: all of them, aligned.
__device__ __forceinline__ void store(out_t* out, const acc_t (&sums)[VECTOR], int rest, bool whole) {
    if (whole) {
        store_whole(out, sums);
    } else {
        #pragma unroll
        for (int c = 0; c < VECTOR; ++c)
            if (c < rest) out[c] = convert<out_t>(sums[c]);
    }
}
