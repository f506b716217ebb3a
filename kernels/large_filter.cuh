// large_filter.cuh: a filter of any size over a tile in shared memory, outputs of a thread in registers.
//
// Prelude: image_t, out_t, acc_t; BLOCK_H, BLOCK_W (threads; BLOCK_W 32), ROWS (1 or 2) x ACROSS (4 or 8) vectors of
//          sums a thread; CHUNK (32 columns of the filter at a time, 0 if it has no more), REST (columns after them, at
//          most 32); PIECE_H; PIXEL (1, or as many as stand side by side in memory: one of them is taken); CAPACITY
//          (weights.cuh); OFFSET (small_filter.cuh); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
//
// The filter is taken in pieces of at most PIECE_H x PIECE_W taps, whose samples fit into shared memory. Rows of a
// piece stay a loop, so that the code fits the instruction cache; its columns are unrolled.
// Of two rows of a thread, the window that a row of the filter meets for the lower one is what the next row of the
// filter meets for the upper one: windows and taps are loaded once for both.

#include "large_tile.cuh"
#include "place.cuh"
#include "stage.cuh"
#include "weights.cuh"

struct Filter {
    int height, width, piece_h;
};

// A piece of the filter into shared memory, from its weight `first` on.
__device__ __forceinline__ void stage_taps(
    vector_t* taps, const Weights<CAPACITY>::Argument& weights, int rows, int columns, int first, int filter_w)
{
    const int tx = threadIdx.x, ty = threadIdx.y;
    if (tx >= columns) return;
    auto* target = reinterpret_cast<Vector<acc_t, 1>*>(taps) + ty * PIECE_W + tx;
    int index = first + ty * filter_w + tx;
    #pragma unroll 1
    for (int r = ty; r < rows; r += BLOCK_H, target += BLOCK_H * PIECE_W, index += BLOCK_H * filter_w)
        target->at[0] = Weights<CAPACITY>::get(weights, index);
}

// The products of COUNT columns of a row of the filter with a window.
template <int COUNT, int WEIGHTS, int SAMPLES>
__device__ __forceinline__ void add_row(
    acc_t (&sums)[OUTPUTS], const acc_t (&weights)[WEIGHTS], const acc_t (&window)[SAMPLES])
{
    #pragma unroll
    for (int s = 0; s < COUNT; ++s)
        #pragma unroll
        for (int x = 0; x < OUTPUTS; ++x) multiply_add(sums[x], weights[s], window[OFFSET + x + s]);
}

// The products of COUNT columns of a piece of the filter, for all outputs of a thread.
template <int COUNT>
__device__ __forceinline__ void add_rows(
    acc_t (&sums)[ROWS][OUTPUTS], const vector_t* samples, const vector_t* taps, int rows)
{
    constexpr int TAPS = ceil_div(COUNT, VECTOR), WINDOW = ceil_div(OFFSET + OUTPUTS + COUNT - 1, VECTOR);  // vectors
    acc_t window[WINDOW * VECTOR];
    if (ROWS > 1) load_window<WINDOW>(window, samples), samples += PITCH;
    int step = PITCH + SKEW;  // to the next row; by turns PITCH
    #pragma unroll(COUNT <= 16 ? 2 : 1)
    for (int r = 0; r < rows; ++r, taps += PIECE_W / VECTOR) {
        acc_t weights[TAPS * VECTOR];
        load_window<TAPS>(weights, taps);
        if (ROWS > 1) add_row<COUNT>(sums[0], weights, window);
        load_window<WINDOW>(window, samples);
        add_row<COUNT>(sums[ROWS - 1], weights, window);
        samples += step;
        step = 2 * PITCH + SKEW - step;
    }
}

// All products of the filter with image n, for the outputs of a thread; (y, x) is where the tile's first window begins.
__device__ __forceinline__ void add_filter(
    acc_t (&sums)[ROWS][OUTPUTS], vector_t* tile, vector_t* taps, const image_t* image, const Images& images, int n,
    int y, int x, const Weights<CAPACITY>::Argument& weights, const Filter& filter)
{
    const Corner corner = corner_of_thread();
    const vector_t* samples = tile + start_of_row<PITCH, SKEW>(corner.y) + corner.x;
    for (int top = 0; top < filter.height; top += filter.piece_h) {
        for (int left = 0; left < filter.width; left += PIECE_W) {
            const int rows = min(filter.piece_h, filter.height - top), columns = min(PIECE_W, filter.width - left);
            if (top + left > 0) __syncthreads();  // the piece before has been used
            stage_taps(taps, weights, rows, columns, top * filter.width + left, filter.width);
            stage<TILE_H, SHARED_H, VECTORS, PITCH, 1, PIXEL, SKEW>(
                tile, image, images, n, TILE_H + rows - 1, y + top, x - OFFSET + left);
            __syncthreads();
            if (CHUNK == 0 || columns == CHUNK) add_rows<COLUMNS>(sums, samples, taps, rows);
            else if constexpr (REST > 0) add_rows<REST>(sums, samples, taps, rows);
        }
    }
}
