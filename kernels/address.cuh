// address.cuh: where something stands in shared memory, in a register that the compiler does not compute anew for each
// use: in a loop with hardly a register to spare it would.

#ifdef __CUDA_ARCH__
using address_t = unsigned int;
__device__ __forceinline__ address_t address_of(const void* shared) {
    auto address = static_cast<unsigned int>(__cvta_generic_to_shared(shared));
    asm volatile("" : "+r"(address));
    return address;
}
#else
using address_t = char*;
inline address_t address_of(const void* shared) { return static_cast<char*>(const_cast<void*>(shared)); }
#endif
