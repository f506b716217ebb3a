// copy.cuh: from global to shared memory, into values of acc_t. Values that need no conversion do not pass through
// registers (cp.async, from sm_80 on): they are there after copies_arrive() and a barrier.
//
// Prelude: acc_t.
// Reference: PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy".

#include "bfloat16.cuh"
#include "float16.cuh"
#include "vector.cuh"

template <class A, class B> constexpr bool is_same = false;
template <class A> constexpr bool is_same<A, A> = true;

// if (wanted) shared[index + AHEAD] = global[FROM]; `shared` is one for all copies of a thread, and AHEAD and FROM go
// into the instruction, so that few addresses are computed.
template <int AHEAD, int FROM = AHEAD, int COUNT, class T>
__device__ __forceinline__ void copy_if(
    bool wanted, Vector<acc_t, COUNT>* shared, int index, const Vector<T, COUNT>* global)
{
#if __CUDA_ARCH__ >= 800
    if constexpr (is_same<T, acc_t>) {
        constexpr int BYTES = sizeof(*shared);
        const auto address = static_cast<unsigned int>(__cvta_generic_to_shared(shared)) + (index + AHEAD) * BYTES;
        if constexpr (BYTES == 16)
            asm volatile("{ .reg .pred p; setp.ne.b32 p, %0, 0; @p cp.async.cg.shared.global [%1], [%2 + %3], 16; }"
                         ::"r"(int(wanted)), "r"(address), "l"(global), "n"(FROM * BYTES) : "memory");
        else
            asm volatile("{ .reg .pred p; setp.ne.b32 p, %0, 0; @p cp.async.ca.shared.global [%1], [%2 + %3], %4; }"
                         ::"r"(int(wanted)), "r"(address), "l"(global), "n"(FROM * BYTES), "n"(BYTES) : "memory");
        return;
    }
#endif
    if (!wanted) return;
    const Vector<T, COUNT> values = global[FROM];
    Vector<acc_t, COUNT> converted;
    #pragma unroll
    for (int i = 0; i < COUNT; ++i) converted.at[i] = static_cast<acc_t>(values.at[i]);
    shared[index + AHEAD] = converted;
}

// *shared = place < 0 ? 0 : *global; the address is not looked at otherwise.
template <class T>
__device__ __forceinline__ void copy_or_zero(int place, Vector<acc_t, 1>* shared, const T* global) {
#if __CUDA_ARCH__ >= 800
    if constexpr (is_same<T, acc_t>) {
        const auto address = static_cast<unsigned int>(__cvta_generic_to_shared(shared));
        asm volatile("{ .reg .pred p; setp.lt.s32 p, %0, 0; cp.async.ca.shared.global [%1], [%2], %3, p; }"
                     ::"r"(place), "r"(address), "l"(global), "n"(sizeof(acc_t)) : "memory");
        return;
    }
#endif
    shared->at[0] = place < 0 ? acc_t(0) : static_cast<acc_t>(*global);
}

// *shared = inside ? *global : 0, for one value or for 16 bytes of acc_t.
template <class T, int COUNT>
__device__ __forceinline__ void copy_inside(bool inside, Vector<acc_t, COUNT>* shared, const Vector<T, COUNT>* global)
{
#if __CUDA_ARCH__ >= 800
    if constexpr (is_same<T, acc_t>) {
        constexpr int BYTES = sizeof(*shared);
        const auto address = static_cast<unsigned int>(__cvta_generic_to_shared(shared));
        if constexpr (BYTES == 16)
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                         ::"r"(address), "l"(global), "r"(inside ? 16 : 0) : "memory");
        else
            asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;"
                         ::"r"(address), "l"(global), "n"(BYTES), "r"(inside ? BYTES : 0) : "memory");
        return;
    }
#endif
    Vector<T, COUNT> values = {};
    if (inside) values = *global;
    Vector<acc_t, COUNT> converted;
    #pragma unroll
    for (int i = 0; i < COUNT; ++i) converted.at[i] = static_cast<acc_t>(values.at[i]);
    *shared = converted;
}

__device__ __forceinline__ void copies_arrive() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}
