// small_filter.cuh: a small filter over a tile in shared memory, outputs of a thread in registers.
//
// Prelude: image_t, out_t, acc_t; FILTER_H, FILTER_W; PIXEL (1, or as many as stand side by side: they count as
//          columns, and the next tap is so many away); BLOCK_H, BLOCK_W (threads), ROWS (outputs a thread, down);
//          OFFSET (columns that the tile begins before its first window, so that with the usual pad it begins at a
//          multiple of 16 bytes); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Tile:    BLOCK_H * ROWS x BLOCK_W * VECTOR outputs, of SHARED_H x SHARED_W vectors of the image.
//
// A thread owns ROWS x VECTOR outputs. It walks down the ROWS + FILTER_H - 1 rows of the tile that they need, holds
// one window of a row in registers and adds it to every output it belongs to: a 16-byte load feeds up to
// VECTOR * FILTER_H * FILTER_W / 2 multiply-adds.

#include "place.cuh"
#include "stage.cuh"
#include "store.cuh"
#include "unroll.cuh"

constexpr int TAPS = FILTER_H * FILTER_W;
constexpr int TILE_H = BLOCK_H * ROWS, TILE_W = BLOCK_W * VECTOR;
constexpr int WINDOW = ceil_div(OFFSET + VECTOR + (FILTER_W - 1) * PIXEL, VECTOR);  // vectors
constexpr int SHARED_H = TILE_H + FILTER_H - 1, SHARED_W = BLOCK_W - 1 + WINDOW;

// The rectangle of image n under the tile whose first output is (y, x). To be followed by a barrier.
__device__ __forceinline__ void stage_tile(
    vector_t* tile, const image_t* image, const Images& images, int n, int y, int x)
{
    stage<SHARED_H, SHARED_H, SHARED_W, SHARED_W, PIXEL>(tile, image, images, n, SHARED_H, y, x - OFFSET);
}

// sum += weight * value. For sums of 64 bits both fit image_t, of 32: one instruction multiplies and adds.
template <class T> __device__ __forceinline__ void add_product(T& sum, T weight, T value) {
#ifdef __CUDA_ARCH__
    if constexpr (is_integer<T> && sizeof(T) == 8) {
        const auto a = static_cast<int>(weight), b = static_cast<int>(value);
        if constexpr (is_signed<image_t>) asm("mad.wide.s32 %0, %1, %2, %0;" : "+l"(sum) : "r"(a), "r"(b));
        else asm("mad.wide.u32 %0, %1, %2, %0;" : "+l"(sum) : "r"(a), "r"(b));
        return;
    }
#endif
    multiply_add(sum, weight, value);
}

// The products of COUNT filters, for all outputs of a thread.
template <int COUNT, int SIZE>
__device__ __forceinline__ void add_filters(
    acc_t (&sums)[COUNT][ROWS][VECTOR], const vector_t* tile, const acc_t (&weights)[SIZE])
{
    tile += threadIdx.y * ROWS * SHARED_W + threadIdx.x;
    unroll<ROWS + FILTER_H - 1>([&](auto i) {
        acc_t window[WINDOW * VECTOR];
        load_window<WINDOW>(window, tile + i * SHARED_W);
        #pragma unroll
        for (int k = 0; k < COUNT; ++k)
            #pragma unroll
            for (int row = max(0, i - FILTER_H + 1); row <= min(i, ROWS - 1); ++row)
                #pragma unroll
                for (int s = 0; s < FILTER_W; ++s)
                    #pragma unroll
                    for (int x = 0; x < VECTOR; ++x)
                        add_product(sums[k][row][x], weights[k * TAPS + (i - row) * FILTER_W + s],
                                     window[OFFSET + x + s * PIXEL]);
    });
}

// Whether the outputs of a tile can be stored as vectors; `out` is the first one, rows and columns are what is left of
// the output from there.
__device__ __forceinline__ bool is_whole(const out_t* out, int out_pitch, int rows, int columns) {
    return TILE_H <= rows && TILE_W <= columns && has_aligned_rows(out, out_pitch);
}

// Stores them; unless the tile is whole, by way of the shared tile, which is overwritten.
__device__ __forceinline__ void store_outputs(
    out_t* out, vector_t* tile, const acc_t (&sums)[ROWS][VECTOR], int out_pitch, int rows, int columns, bool whole)
{
    const int tx = threadIdx.x, ty = threadIdx.y;
    if (whole) {
        out += static_cast<long long>(ty * ROWS) * out_pitch + tx * VECTOR;
        #pragma unroll
        for (int row = 0; row < ROWS; ++row) store_vector(out + static_cast<long long>(row) * out_pitch, sums[row]);
        return;
    }
    __syncthreads();  // the windows have been read, their place is free
    #pragma unroll
    for (int row = 0; row < ROWS; ++row) put_shared(tile + (ty * ROWS + row) * SHARED_W + tx, sums[row]);
    __syncthreads();
    store_tile<TILE_H, TILE_W, SHARED_W>(out, tile, out_pitch, rows, columns);
}
