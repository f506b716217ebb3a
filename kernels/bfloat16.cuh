// bfloat16.cuh: the upper half of a float as a storage type; sums are of acc_t.

struct bfloat16 {
    unsigned short bits;

    bfloat16() = default;

    // Rounded once, to nearest, ties to even; infinite where the float is, or where its neighbour would be.
    __device__ explicit bfloat16(float value) {
#if __CUDA_ARCH__ >= 800
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
        const auto whole = __builtin_bit_cast(unsigned int, value);
        const bool nan = (whole & 0x7fffffff) > 0x7f800000;
        bits = nan ? 0x7fff : (whole + 0x7fff + (whole >> 16 & 1)) >> 16;
#endif
    }

    // Whole numbers and doubles: rounded to float before, which is less than a thousandth of the rounding here.
    template <class T> __device__ explicit bfloat16(T value) : bfloat16(static_cast<float>(value)) {}

    __device__ operator float() const { return __builtin_bit_cast(float, static_cast<unsigned int>(bits) << 16); }
};
