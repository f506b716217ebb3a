// async.cuh: 16 bytes at a time from global to shared memory, past the registers, in groups that are waited for in
// order (cp.async; before sm_80 and on a CPU, copies that are there at once).
//
// Reference: PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy".

#include "address.cuh"

// 16 bytes in shared memory = wanted ? *global : zeros. Both are aligned to 16 bytes.
__device__ __forceinline__ void copy_async(address_t shared, const void* global, bool wanted) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 ::"r"(shared), "l"(global), "r"(wanted ? 16 : 0) : "memory");
#elif defined(__CUDA_ARCH__)
    const uint4 bits = wanted ? *static_cast<const uint4*>(global) : uint4{0, 0, 0, 0};
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
                 ::"r"(shared), "r"(bits.x), "r"(bits.y), "r"(bits.z), "r"(bits.w) : "memory");
#else
    *reinterpret_cast<uint4*>(shared) = wanted ? *static_cast<const uint4*>(global) : uint4{0, 0, 0, 0};
#endif
}

// Ends a group: the copies since the last one.
__device__ __forceinline__ void end_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until all but the latest PENDING groups of this thread have arrived; a barrier shows them to the others.
template <int PENDING> __device__ __forceinline__ void wait_for_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}
