// boundary.cuh: samples outside an image. Applied while a tile is loaded, so that inner loops have no branch for it.
//
// Prelude: BOUNDARY, one of the values below.
// Reference: gpuconv/backends/boundary.py.

#include "complex.cuh"

enum { CONSTANT, EDGE, SYMMETRIC, MIRROR, WRAP };

// The remainder that is not negative.
template <class index_t> __device__ __forceinline__ index_t modulo(index_t a, index_t b) {
    const index_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

// Index of the sample that stands at a position of an axis, any distance outside; -1 for the fill value.
template <class index_t> __device__ __forceinline__ index_t source_index(index_t position, index_t extent) {
    if (position >= 0 && position < extent) return position;
    if (BOUNDARY == EDGE) return position < 0 ? 0 : extent - 1;
    if (BOUNDARY == WRAP) return modulo(position, extent);
    if (BOUNDARY == SYMMETRIC) {  // d c b a | a b c d | d c b a
        const index_t folded = modulo(position, 2 * extent);
        return min(folded, 2 * extent - 1 - folded);
    }
    if (BOUNDARY == MIRROR) {  // d c b | a b c d | c b a
        const index_t period = max(index_t(1), 2 * (extent - 1)), folded = modulo(position, period);
        return min(folded, period - folded);
    }
    return -1;
}

// The same in a row whose samples are GROUP elements side by side, which meet the boundary together: the element
// that stands at a position, negative for the fill value.
template <int GROUP> __device__ __forceinline__ int source_element(int position, int width) {
    const int channel = modulo(position, GROUP);
    return source_index((position - channel) / GROUP, width / GROUP) * GROUP + channel;
}

// The sample at (y, x) of an image (height, width), its rows `pitch` elements apart, or what the boundary puts there.
template <class index_t>
__device__ __forceinline__ acc_t sample(const image_t* image, index_t height, index_t width, index_t pitch, index_t y,
                                        index_t x, acc_t fill)
{
    const index_t row = source_index(y, height), column = source_index(x, width);
    return row < 0 || column < 0 ? fill : static_cast<acc_t>(image[static_cast<long long>(row) * pitch + column]);
}

// The same where nothing lies between the rows.
template <class index_t>
__device__ __forceinline__ acc_t sample(const image_t* image, index_t height, index_t width, index_t y, index_t x,
                                        acc_t fill)
{
    return sample(image, height, width, width, y, x, fill);
}
