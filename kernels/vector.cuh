// vector.cuh: values that travel together, 16 bytes an access where the data allows it.

template <class T, int COUNT> struct alignas(sizeof(T) * COUNT) Vector {
    T at[COUNT];
};

template <class T> constexpr int PER_16_BYTES = 16 / sizeof(T);

// Whether an address, or a number of bytes, is a multiple of 16.
__device__ __forceinline__ bool is_aligned(const void* address) { return reinterpret_cast<unsigned long long>(address) % 16 == 0; }
