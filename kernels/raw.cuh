// raw.cuh: values on their way to shared memory as they are, whatever their type.
//
// Reference: PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy".

// cp.async takes 4, 8 and 16 bytes.
template <class T> __device__ __forceinline__ void copy_raw(T* shared, const T* global) {
#if __CUDA_ARCH__ >= 800
    constexpr int BYTES = sizeof(T);
    const auto address = static_cast<unsigned int>(__cvta_generic_to_shared(shared));
    if constexpr (BYTES == 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(global));
    else if constexpr (BYTES >= 4)
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(address), "l"(global), "n"(BYTES));
    else *shared = *global;
#else
    *shared = *global;
#endif
}
