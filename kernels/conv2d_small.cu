// conv2d_small: one small filter over single-channel images, or over each of several channels that stand side by side,
// near the limit of the memory or of the multiply-adds; or several filters, and the magnitude of what they give: one
// read and one write.
//
//   out[n, y, x] = sum over r, s of weights[r, s] * image[n, y - pad_h + r, x - pad_w + s]
//   out[n, y, x] = sqrt(sum over k of the square of the same with weights[k, r, s])           where FILTERS > 1
//
//   image    (images, height, width): rows `pitch` elements apart, images `image_rows` rows; of PIXEL channels side
//            by side width, out_w and pad_w count every element, and the taps of a row are PIXEL columns apart
//   weights  (FILTERS, FILTER_H, FILTER_W), by value: they lie in the constant bank, where multiply-adds take them as
//            operands
//   out      (images, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: FILTERS, and that of small_filter.cuh. Sums of 64-bit integers are of products of two values of image_t.
// Launch:  BLOCK_W x BLOCK_H threads, a tile of BLOCK_H * ROWS x BLOCK_W * VECTOR outputs a block; tiles: grid x, the
//          rows of tiles of all images along grid y, continued along z.
// Shared:  SHARED_H * SHARED_W * 16 bytes, static.
// Reference: Iandola et al., Communication-minimizing 2D convolution in GPU registers, ICIP 2013.

#include "small_filter.cuh"

struct Weights {
    acc_t at[FILTERS * TAPS];
};

// To within 2^-23 of it (PTX ISA, sqrt.approx): one instruction instead of nine and a branch.
__device__ __forceinline__ float root(float value) {
#ifdef __CUDA_ARCH__
    asm("sqrt.approx.ftz.f32 %0, %0;" : "+f"(value));
    return value;
#else
    return sqrt(value);
#endif
}

__device__ __forceinline__ double root(double value) { return sqrt(value); }

// The root of the sum of squares into the first of the sums, where there are several.
template <class T, int COUNT> __device__ __forceinline__ void take_magnitude(T (&sums)[COUNT][ROWS][VECTOR]) {
    if constexpr (COUNT > 1) {
        #pragma unroll
        for (int i = 0; i < ROWS * VECTOR; ++i) {
            const int row = i / VECTOR, x = i % VECTOR;
            T squares = 0;
            #pragma unroll
            for (int k = 0; k < COUNT; ++k) squares += sums[k][row][x] * sums[k][row][x];
            sums[0][row][x] = root(squares);
        }
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, 2) conv2d_small(
    const image_t* __restrict__ image, const __grid_constant__ Weights weights, out_t* __restrict__ out,
    int height, int width, int out_h, int out_w, int pad_h, int pad_w, int images, int tiles_h, int pitch,
    int image_rows, int out_pitch, int out_image_rows, acc_t fill)
{
    __shared__ vector_t tile[SHARED_H][SHARED_W];
    const Place place = place_of_block(tiles_h);
    if (place.n >= images) return;
    const int tile_y = place.y * TILE_H, tile_x = place.x * TILE_W;
    stage_tile(tile[0], image, {height, width, pitch, image_rows, fill}, place.n, tile_y - pad_h, tile_x - pad_w);
    __syncthreads();

    acc_t sums[FILTERS][ROWS][VECTOR] = {};
    add_filters(sums, tile[0], weights.at);
    take_magnitude(sums);

    out += static_cast<long long>(place.n * out_image_rows + tile_y) * out_pitch + tile_x;
    const int rows = out_h - tile_y, columns = out_w - tile_x;
    store_outputs(out, tile[0], sums[0], out_pitch, rows, columns, is_whole(out, out_pitch, rows, columns));
}
