// copy.cuh: from global to shared memory. Values that need no conversion go there without passing through registers
// (cp.async, from sm_80 on) and are there after copies_arrive() and a barrier.
//
// Reference: PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy".

#include "vector.cuh"

#ifdef __CUDA_ARCH__
using shared_address = unsigned int;
__device__ __forceinline__ shared_address address_of(void* shared) { return static_cast<unsigned int>(__cvta_generic_to_shared(shared)); }
#else
using shared_address = char*;
inline shared_address address_of(void* shared) { return static_cast<char*>(shared); }
#endif

template <class T> __device__ __forceinline__ void copy(shared_address shared, const T* global) {
#if __CUDA_ARCH__ >= 800
    if constexpr (sizeof(T) == 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global) : "memory");
    else asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared), "l"(global), "n"(sizeof(T)) : "memory");
#elif defined(__CUDA_ARCH__)
    const uint4 value = *reinterpret_cast<const uint4*>(global);
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(shared), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w) : "memory");
#else
    *reinterpret_cast<T*>(shared) = *global;
#endif
}

__device__ __forceinline__ void copies_arrive() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}
