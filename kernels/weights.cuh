// weights.cuh: the weights of a filter as an argument, and one of them.
//
// Prelude: acc_t; CAPACITY: by value, at most so many of them, or 0: on the device.

template <int COUNT> struct Weights {
    struct Argument {
        acc_t at[COUNT];
    };
    static __device__ __forceinline__ acc_t get(const Argument& weights, int i) { return weights.at[i]; }
};
template <> struct Weights<0> {
    using Argument = const acc_t*;
    static __device__ __forceinline__ acc_t get(Argument weights, int i) { return weights[i]; }
};
