// CUDA's arithmetic functions, for g++.  Conversions to integers saturate, and turn NaN into what PTX says of cvt.
#pragma once

extern "C" {
float fmaf(float, float, float) noexcept;
float sqrtf(float) noexcept;
float fabsf(float) noexcept;
float fminf(float, float) noexcept;
float fmaxf(float, float) noexcept;
float rintf(float) noexcept;
float floorf(float) noexcept;
float ceilf(float) noexcept;
float truncf(float) noexcept;
float roundf(float) noexcept;
float expf(float) noexcept;
float logf(float) noexcept;
double fma(double, double, double) noexcept;
double sqrt(double) noexcept;
double fabs(double) noexcept;
double fmin(double, double) noexcept;
double fmax(double, double) noexcept;
double rint(double) noexcept;
double floor(double) noexcept;
double ceil(double) noexcept;
double trunc(double) noexcept;
double round(double) noexcept;
double exp(double) noexcept;
double log(double) noexcept;
int abs(int) noexcept;
void* memcpy(void*, const void*, unsigned long) noexcept;
[[noreturn]] void abort() noexcept;
int printf(const char*, ...) __attribute__((format(printf, 1, 2)));
}
[[noreturn]] static inline void __trap() { abort(); }

// Overloads that CUDA has for float.
static inline float fma(float a, float b, float c) { return fmaf(a, b, c); }
static inline float sqrt(float x) { return sqrtf(x); }
static inline float fabs(float x) { return fabsf(x); }
static inline float abs(float x) { return fabsf(x); }
static inline double abs(double x) { return fabs(x); }
static inline long long abs(long long x) { return x < 0 ? -x : x; }
static inline float rint(float x) { return rintf(x); }
static inline float floor(float x) { return floorf(x); }
static inline float ceil(float x) { return ceilf(x); }
static inline float trunc(float x) { return truncf(x); }
static inline float round(float x) { return roundf(x); }

#define CUDA_MINMAX(T)                                              \
    static constexpr T min(T a, T b) { return b < a ? b : a; }      \
    static constexpr T max(T a, T b) { return a < b ? b : a; }
CUDA_MINMAX(int)
CUDA_MINMAX(unsigned int)
CUDA_MINMAX(long)
CUDA_MINMAX(unsigned long)
CUDA_MINMAX(long long)
CUDA_MINMAX(unsigned long long)
#undef CUDA_MINMAX
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }

template <class T> static inline bool isnan(T x) { return __builtin_isnan(x); }
template <class T> static inline bool isinf(T x) { return __builtin_isinf(x); }
template <class T> static inline bool isfinite(T x) { return __builtin_isfinite(x); }

// A load through the read-only cache is a load.
template <class T> static inline T __ldg(const T* pointer) { return *pointer; }

static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline float __saturatef(float x) { return x >= 0 ? (x < 1 ? x : 1) : 0; }

namespace cuda_on_cpu {
// `low` and `high` are exact in From (high is the power of two above the largest value); NaN fails every comparison.
template <class To, class From> static inline To saturate(From x, From low, From high, To lowest, To highest, To nan) {
    return x >= high ? highest : x >= low ? static_cast<To>(x) : x < low ? lowest : nan;
}
}  // namespace cuda_on_cpu

#define CUDA_CONVERSION(name, function, From, To, low, high, lowest, highest, nan)      \
    static inline To name(From x) {                                                     \
        return cuda_on_cpu::saturate<To, From>(function(x), low, high, lowest, highest, nan); \
    }
#define CUDA_CONVERSIONS(name, ...)                     \
    CUDA_CONVERSION(name##_rn, rint, __VA_ARGS__)       \
    CUDA_CONVERSION(name##_rz, trunc, __VA_ARGS__)      \
    CUDA_CONVERSION(name##_rd, floor, __VA_ARGS__)      \
    CUDA_CONVERSION(name##_ru, ceil, __VA_ARGS__)
#define CUDA_INT int, -0x1p31f, 0x1p31f, -2147483647 - 1, 2147483647
#define CUDA_UINT unsigned int, 0, 0x1p32f, 0u, 4294967295u
#define CUDA_LL long long, -0x1p63f, 0x1p63f, -9223372036854775807LL - 1, 9223372036854775807LL, -9223372036854775807LL - 1
#define CUDA_ULL unsigned long long, 0, 0x1p64f, 0ull, 18446744073709551615ull, 0x8000000000000000ull
CUDA_CONVERSIONS(__float2int, float, CUDA_INT, 0)
CUDA_CONVERSIONS(__float2uint, float, CUDA_UINT, 0u)
CUDA_CONVERSIONS(__float2ll, float, CUDA_LL)
CUDA_CONVERSIONS(__float2ull, float, CUDA_ULL)
CUDA_CONVERSIONS(__double2int, double, CUDA_INT, -2147483647 - 1)
CUDA_CONVERSIONS(__double2uint, double, CUDA_UINT, 0x80000000u)
CUDA_CONVERSIONS(__double2ll, double, CUDA_LL)
CUDA_CONVERSIONS(__double2ull, double, CUDA_ULL)
#undef CUDA_INT
#undef CUDA_UINT
#undef CUDA_LL
#undef CUDA_ULL
#undef CUDA_CONVERSIONS
#undef CUDA_CONVERSION
static inline float __int2float_rn(int x) { return static_cast<float>(x); }
static inline float __uint2float_rn(unsigned int x) { return static_cast<float>(x); }
static inline float __ll2float_rn(long long x) { return static_cast<float>(x); }
static inline float __double2float_rn(double x) { return static_cast<float>(x); }

namespace cuda_on_cpu {
template <class To, class From> static inline To bits(From value) {
    static_assert(sizeof(To) == sizeof(From));
    To result;
    memcpy(&result, &value, sizeof(To));
    return result;
}
}  // namespace cuda_on_cpu
static inline int __float_as_int(float x) { return cuda_on_cpu::bits<int>(x); }
static inline float __int_as_float(int x) { return cuda_on_cpu::bits<float>(x); }
static inline unsigned int __float_as_uint(float x) { return cuda_on_cpu::bits<unsigned int>(x); }
static inline float __uint_as_float(unsigned int x) { return cuda_on_cpu::bits<float>(x); }
static inline long long __double_as_longlong(double x) { return cuda_on_cpu::bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return cuda_on_cpu::bits<double>(x); }

static inline int __popc(unsigned int x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned int>(x)) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline unsigned int __funnelshift_r(unsigned int low, unsigned int high, unsigned int shift) {
    return static_cast<unsigned int>((static_cast<unsigned long long>(high) << 32 | low) >> (shift & 31));
}
static inline unsigned int __umulhi(unsigned int a, unsigned int b) {
    return static_cast<unsigned int>((static_cast<unsigned long long>(a) * b) >> 32);
}
static inline int __mulhi(int a, int b) { return static_cast<int>((static_cast<long long>(a) * b) >> 32); }
