// complex.cuh: complex numbers, aligned as NumPy's; a product that is added up takes four multiply-adds.

template <class T> struct alignas(2 * sizeof(T)) Complex {
    T re, im;

    Complex() = default;
    __device__ constexpr Complex(T re, T im) : re(re), im(im) {}
    template <class U> __device__ explicit Complex(U real) : re(static_cast<T>(real)), im(0) {}
    template <class U> __device__ explicit Complex(Complex<U> other)
        : re(static_cast<T>(other.re)), im(static_cast<T>(other.im)) {}

    __device__ bool operator==(const Complex& other) const { return re == other.re && im == other.im; }
};

// sum + weight * value.
template <class T> __device__ __forceinline__ T plus_product(T sum, T weight, T value) { return sum + weight * value; }
template <class T>
__device__ __forceinline__ Complex<T> plus_product(Complex<T> sum, Complex<T> weight, Complex<T> value) {
    sum.re = sum.re + weight.re * value.re;
    sum.im = sum.im + weight.re * value.im;
    sum.re = sum.re - weight.im * value.im;
    sum.im = sum.im + weight.im * value.re;
    return sum;
}
