// dot.cuh: products of packed bytes, four an instruction.
//
// Reference: PTX ISA, "Integer Arithmetic Instructions: dp4a".

#include "values.cuh"

// sum + a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3], of the bytes of two words as values of A and B.
template <class A, class B> __device__ __forceinline__ int plus_dot(int sum, unsigned int a, unsigned int b) {
#ifdef __CUDA_ARCH__
    if constexpr (is_signed<A> && is_signed<B>) asm("dp4a.s32.s32 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(b));
    else if constexpr (is_signed<A>) asm("dp4a.s32.u32 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(b));
    else if constexpr (is_signed<B>) asm("dp4a.u32.s32 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(b));
    else asm("dp4a.u32.u32 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(b));
#else
    for (int i = 0; i < 4; ++i) sum += static_cast<A>(a >> 8 * i) * static_cast<B>(b >> 8 * i);
#endif
    return sum;
}
