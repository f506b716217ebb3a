// mma.cuh: small matrix products on tensor cores: all 32 threads of a warp hold a part of each matrix.
//
//   sums (16 x 8) += a (16 x DEPTH) * b (DEPTH x 8)
//
// float16 and bfloat16: DEPTH 16, products exact, sums in float32. float: DEPTH 8, of values that load_operands rounded
// to TF32. With g = lane / 4 and t = lane % 4, a word holds DEPTH / 8 neighbours along DEPTH:
//   a[0], a[1]  rows g and g + 8, word t;   a[2], a[3]  the same, word t + 4
//   b[0], b[1]  column g, words t and t + 4
//   sums        rows g (two of them) and g + 8 (two), columns 2t and 2t + 1
// Before sm_80 there is float16 only; launches are not planned there for the others.
// Reference: PTX ISA, "Matrix multiply-accumulate operation using mma instruction"; "ldmatrix".

#include "address.cuh"
#include "bfloat16.cuh"
#include "float16.cuh"

using word_t = unsigned int;

// Lane l names row l % 8 of matrix l / 8, 16 bytes in shared memory; it gets word t of row g of each matrix.
__device__ __forceinline__ void load_matrices(word_t (&words)[4], address_t row) {
#ifdef __CUDA_ARCH__
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3]) : "r"(row) : "memory");
#else
    const void* rows[32];
    const int lane = cuda_on_cpu::gather(static_cast<const void*>(row), rows);
    for (int m = 0; m < 4; ++m) words[m] = static_cast<const unsigned int*>(rows[8 * m + lane / 4])[lane % 4];
#endif
}

// The same, with floats rounded to TF32: 11 bits of significand, to nearest, ties away from zero.
template <class T> __device__ __forceinline__ void load_operands(word_t (&words)[4], address_t row) {
    load_matrices(words, row);
    if constexpr (sizeof(T) == 4) {
        #pragma unroll
        for (word_t& word : words) {
#if __CUDA_ARCH__ >= 800
            asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(__uint_as_float(word)));
#else
            if ((word & 0x7f800000) != 0x7f800000) word = (word + 0x1000) & 0xffffe000;
#endif
        }
    }
}

template <class T> __device__ void multiply_matrices(float* sums, const word_t* a, const word_t* b);

#if __CUDA_ARCH__ >= 800
template <>
__device__ __forceinline__ void multiply_matrices<float16>(float* sums, const word_t* a, const word_t* b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
__device__ __forceinline__ void multiply_matrices<bfloat16>(float* sums, const word_t* a, const word_t* b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
__device__ __forceinline__ void multiply_matrices<float>(float* sums, const word_t* a, const word_t* b) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#elif defined(__CUDA_ARCH__)
template <class T>
__device__ __forceinline__ void multiply_matrices(float* sums, const word_t* a, const word_t* b) {
    #pragma unroll
    for (int half = 0; half < 2; ++half)
        asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
}
#else
struct Operands {
    word_t a[4], b[2];
};

// By the definition above: a lane sees the operands of all.
template <class T> void multiply_matrices(float* sums, const word_t* a, const word_t* b) {
    constexpr int VALUES = 4 / sizeof(T);  // a word
    struct Word {
        T at[VALUES];
    };
    Operands all[32];
    const int lane = cuda_on_cpu::gather(Operands{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, all);
    for (int i = 0; i < 4; ++i) {
        const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        for (int word = 0; word < 8; ++word) {
            const auto left = all[row % 8 * 4 + word % 4].a[row / 8 + word / 4 * 2];
            const auto right = all[column * 4 + word % 4].b[word / 4];
            for (int k = 0; k < VALUES; ++k)
                sums[i] += float(__builtin_bit_cast(Word, left).at[k]) * float(__builtin_bit_cast(Word, right).at[k]);
        }
    }
}
#endif
