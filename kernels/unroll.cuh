// unroll.cuh: a loop that is certain to be unrolled, however long it is (#pragma unroll gives up without a word).

template <int VALUE> struct Constant {
    __device__ constexpr operator int() const { return VALUE; }
};

// body(0), body(1) ... body(COUNT - 1); the argument is a constant expression inside the body.
template <int COUNT, class Body> __device__ __forceinline__ void unroll(Body body) {
    if constexpr (COUNT > 0) {
        unroll<COUNT - 1>(body);
        body(Constant<COUNT - 1>());
    }
}
