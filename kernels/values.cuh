// values.cuh: values on their way in and out. A value of the image becomes acc_t while it is loaded, a sum becomes
// out_t once, at the end.
//
// Prelude: acc_t; ROUNDING of a float sum to an integer (0 half to even, 1 towards zero, 2 down, 3 half up);
//          SATURATE (1: a sum that an integer output cannot hold becomes the nearest limit; 0: it wraps around);
//          SKIP_ZERO_TAPS (1: a zero weight adds nothing, even times nan).
// Reference: gpuconv/conversion.py.

#include "bfloat16.cuh"
#include "complex.cuh"
#include "float16.cuh"

template <class T> constexpr bool is_integer = T(1) / T(2) == T(0);
template <> constexpr bool is_integer<float16> = false;
template <class T> constexpr bool is_integer<Complex<T>> = false;
template <> constexpr bool is_integer<bfloat16> = false;
template <class T> constexpr bool is_signed = T(-1) < T(1);
template <> constexpr bool is_signed<float16> = true;
template <class T> constexpr bool is_signed<Complex<T>> = true;
template <> constexpr bool is_signed<bfloat16> = true;
template <class T> constexpr T highest = static_cast<T>(~0ull >> (64 - 8 * sizeof(T) + is_signed<T>));
template <class T> constexpr T lowest = is_signed<T> ? static_cast<T>(-highest<T> - 1) : T(0);

// sum += weight * value. Integers wrap around, which is defined for unsigned ones only; the low bits are the same.
template <class T> __device__ __forceinline__ void multiply_add(T& sum, T weight, T value) {
    using whole_t = unsigned long long;
    if (SKIP_ZERO_TAPS && weight == T(0)) return;
    if constexpr (is_integer<T>) sum = static_cast<T>(whole_t(sum) + whole_t(weight) * whole_t(value));
    else sum = plus_product(sum, weight, value);
}

// A whole number modulo 2^64, exactly.
template <class From> __device__ __forceinline__ unsigned long long wrapped(From value) {
    const From turns = fabs(value) * From(0x1p-64);
    const auto rest = static_cast<unsigned long long>((turns - floor(turns)) * From(0x1p64));
    return value < 0 ? 0 - rest : rest;
}

template <class To, class From> __device__ __forceinline__ To integer_from_float(From sum) {
    if constexpr (SATURATE && sizeof(To) < 4 && sizeof(From) == 4) {  // one instruction rounds, clamps and zeroes nan
        const int rounded = ROUNDING == 0 ? __float2int_rn(sum) : __float2int_rd(ROUNDING == 3 ? sum * 2 : sum);
        const int halved = ROUNDING == 3 ? (rounded >> 1) + (rounded & 1) : rounded;
        const int whole = ROUNDING == 1 ? __float2int_rz(sum) : halved;
        return static_cast<To>(min(max(whole, int(lowest<To>)), int(highest<To>)));
    }
    const From down = ROUNDING == 3 ? -floor(floor(sum * 2) * From(-0.5)) : floor(sum);
    const From value = ROUNDING == 0 ? rint(sum) : ROUNDING == 1 ? trunc(sum) : down;
    const From limit = static_cast<From>(highest<To> / 2 + 1) * 2;  // exact: the first value that is too large
    if (value >= static_cast<From>(lowest<To>) && value < limit) return static_cast<To>(value);
    if (!SATURATE && isfinite(value)) return static_cast<To>(wrapped(value));
    return value > 0 ? highest<To> : value < 0 ? lowest<To> : To(0);  // nan is neither
}

template <class To, class From> __device__ __forceinline__ To integer_from_integer(From sum) {
    if (!SATURATE) return static_cast<To>(sum);
    if constexpr (is_signed<From>) {
        const auto low = static_cast<long long>(lowest<To>);
        if (sum < 0) return is_signed<To> && sum > low ? static_cast<To>(sum) : lowest<To>;
    }
    const auto high = static_cast<unsigned long long>(highest<To>);
    return static_cast<unsigned long long>(sum) < high ? static_cast<To>(sum) : highest<To>;
}

// The one conversion of a sum to the output type.
template <class To, class From> __device__ __forceinline__ To convert(From sum) {
    if constexpr (!is_integer<To>) return static_cast<To>(sum);
    else if constexpr (is_integer<From>) return integer_from_integer<To>(sum);
    else return integer_from_float<To>(sum);
}
