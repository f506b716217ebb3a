// float16.cuh: half precision as a storage type; sums are of acc_t. No #include: a conversion is one instruction on a
// GPU, and the host compiler's own where this text runs on the CPU.

struct float16 {
    unsigned short bits;

    float16() = default;

    // Rounded once, to nearest, ties to even; infinite beyond 65504.
    __device__ explicit float16(float value) {
#ifdef __CUDA_ARCH__
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
        bits = __builtin_bit_cast(unsigned short, static_cast<_Float16>(value));
#endif
    }

    __device__ explicit float16(double value) {
#ifdef __CUDA_ARCH__
        asm("cvt.rn.f16.f64 %0, %1;" : "=h"(bits) : "d"(value));
#else
        bits = __builtin_bit_cast(unsigned short, static_cast<_Float16>(value));
#endif
    }

    // Whole numbers: exact in float wherever the result is finite.
    template <class T> __device__ explicit float16(T whole) : float16(static_cast<float>(whole)) {}

    __device__ operator float() const {
#ifdef __CUDA_ARCH__
        float result;
        asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(bits));
        return result;
#else
        return static_cast<float>(__builtin_bit_cast(_Float16, bits));
#endif
    }
};
