// vector.cuh: neighbouring values that travel together, 16 bytes of acc_t at a time.
//
// Prelude: acc_t.

#include "complex.cuh"

template <class T, int COUNT> struct alignas(sizeof(T) * COUNT) Vector {
    T at[COUNT];
};

constexpr int VECTOR = 16 / sizeof(acc_t);
using vector_t = Vector<acc_t, VECTOR>;

__device__ __forceinline__ constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Where row y of a tile begins, in vectors: rows are PITCH apart, every second time SKEW more. With a SKEW of 1 from
// every second row to the next it is an odd number of vectors: threads that read them meet different banks.
template <int PITCH, int SKEW> __device__ __forceinline__ constexpr int start_of_row(int y) {
    return y * PITCH + y / 2 * SKEW;
}

// Whether rows at `address` and every `pitch` values from there can be reached a Vector<T, VECTOR> at a time.
template <class T> __device__ __forceinline__ bool has_aligned_rows(const T* address, int pitch) {
    return pitch % VECTOR == 0 && reinterpret_cast<unsigned long long>(address) % sizeof(Vector<T, VECTOR>) == 0;
}

// All 16 bytes in one access, also where only some of the values are used: narrower ones would meet bank conflicts.
__device__ __forceinline__ vector_t load_shared(const vector_t* shared) {
#ifdef __CUDA_ARCH__
    uint4 bits;
    const auto address = static_cast<unsigned int>(__cvta_generic_to_shared(shared));
    asm("ld.volatile.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
        : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w) : "r"(address) : "memory");
    return __builtin_bit_cast(vector_t, bits);
#else
    return *shared;
#endif
}

__device__ __forceinline__ void put_shared(vector_t* shared, const acc_t* values) {
    vector_t part;
    #pragma unroll
    for (int x = 0; x < VECTOR; ++x) part.at[x] = values[x];
    *shared = part;
}

// COUNT vectors side by side, as single values.
template <int COUNT>
__device__ __forceinline__ void load_window(acc_t (&window)[COUNT * VECTOR], const vector_t* shared) {
    #pragma unroll
    for (int v = 0; v < COUNT; ++v) {
        const vector_t part = load_shared(shared + v);
        #pragma unroll
        for (int x = 0; x < VECTOR; ++x) window[v * VECTOR + x] = part.at[x];
    }
}
