// row_copy.cuh: vectors of an image on their way through shared memory, as they are.
//
// Prelude: image_t, acc_t.

#include "raw.cuh"
#include "vector.cuh"

using image_vector = Vector<image_t, VECTOR>;

constexpr bool WORDS_OF_BYTES = sizeof(image_t) == 1 && VECTOR == 4;  // they need not be aligned

// A vector of the image; one that is not aligned is put together from the two words that it lies in.
template <bool ALIGNED>
__device__ __forceinline__ void copy_vector(image_vector* shared, const image_t* global) {
    if constexpr (ALIGNED) {
        copy_raw(shared, reinterpret_cast<const image_vector*>(global));
    } else {
        const int behind = reinterpret_cast<unsigned long long>(global) % 4;
        const auto* words = reinterpret_cast<const unsigned int*>(global - behind);
        *reinterpret_cast<unsigned int*>(shared) = __funnelshift_r(words[0], words[1], behind * 8);
    }
}

template <class value_t> __device__ __forceinline__ Vector<value_t, VECTOR> converted(const image_vector& values) {
    Vector<value_t, VECTOR> result;
    #pragma unroll
    for (int i = 0; i < VECTOR; ++i) result.at[i] = static_cast<value_t>(values.at[i]);
    return result;
}
