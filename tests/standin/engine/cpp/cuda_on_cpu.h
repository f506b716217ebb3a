// The CUDA language for g++: included before a kernel's text, which then compiles unchanged.
//
// It holds what NVRTC knows without an #include, as far as the kernels use it.  A missing function is a compile error: add it
// here with the meaning the CUDA manual gives it.  Nothing is included, so that a kernel compiles in a fraction of a second.
#pragma once
#include "cuda_types.h"
#include "cuda_math.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))

// One copy, as blocks run one after another.  The section lets the engine fill all of it with NaN; `used` forbids the compiler
// to reason that nobody else reads it.  `extern __shared__ T name[];` is given the name of the engine's array (compiler.py).
#define __shared__ static __attribute__((section("cuda_shared"), used))

namespace cuda_on_cpu {
// Constant for one thread of one block, hence `const`: the compiler may hoist the calls, also across a barrier.
__attribute__((const)) uint3 thread_index();
__attribute__((const)) uint3 block_index();
__attribute__((const)) dim3 block_size();
__attribute__((const)) dim3 grid_size();
void barrier(const char* file, int line);
int gather(const void* mine, void* all, int bytes);

// What every lane of the warp shows, to each of them; the number of the lane. For the operations that a warp does
// together.
template <class T> static inline int gather(const T& mine, T (&all)[32]) { return gather(&mine, all, sizeof(T)); }
}  // namespace cuda_on_cpu

#define threadIdx (::cuda_on_cpu::thread_index())
#define blockIdx (::cuda_on_cpu::block_index())
#define blockDim (::cuda_on_cpu::block_size())
#define gridDim (::cuda_on_cpu::grid_size())
#define warpSize 32
#define __syncthreads() ::cuda_on_cpu::barrier(__FILE__, __LINE__)
