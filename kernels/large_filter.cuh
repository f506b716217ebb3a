// large_filter.cuh: a filter of any size over a tile in shared memory, outputs of a thread in registers.
//
// Prelude: image_t, out_t, acc_t; BLOCK_H, BLOCK_W (threads; BLOCK_W 32), ROWS (of 64 bytes of sums a thread);
//          CHUNK (32 columns of the filter at a time, 0 if it has no more), REST (columns after them, at most 32);
//          PIECE_H; PIXEL (1, or as many as stand side by side in memory: one of them is taken); CAPACITY
//          (weights.cuh); OFFSET (small_filter.cuh); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Tile:    ROWS * STEP x TILE_W outputs, of SHARED_H x PITCH vectors of the image; PIECE_H x PIECE_W taps.
//
// The filter is taken in pieces of at most PIECE_H x PIECE_W taps, whose samples fit into shared memory. Rows of a
// piece stay a loop, so that the code fits the instruction cache; its columns are unrolled.
// Eight neighbouring lanes are 2 along x and 4 along y; PITCH is odd: their 16-byte loads meet no bank twice.

#include "place.cuh"
#include "stage.cuh"
#include "store.cuh"
#include "weights.cuh"

constexpr int OUTPUTS = 4 * VECTOR, STEP = 8 * BLOCK_H;  // of a thread along x; rows between its outputs
constexpr int TILE_H = ROWS * STEP, TILE_W = 4 * OUTPUTS;
constexpr int COLUMNS = CHUNK ? CHUNK : REST, PIECE_W = ceil_div(COLUMNS, VECTOR) * VECTOR;
constexpr int VECTORS = ceil_div(OFFSET + TILE_W + COLUMNS - 1, VECTOR), PITCH = VECTORS | 1;
constexpr int SHARED_H = TILE_H + PIECE_H - 1;

struct Filter {
    int height, width, piece_h;
};
struct Corner {
    int y, x;  // x in vectors
};

// The first of a thread's outputs in the tile; the next one below is STEP rows away.
__device__ __forceinline__ Corner corner_of_thread() {
    const int lane = threadIdx.x;
    return {lane / 2 % 4 + lane / 16 * 4 + static_cast<int>(threadIdx.y) * 8, (lane % 2 + lane / 8 % 2 * 2) * 4};
}

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

// The products of COUNT columns of a piece of the filter, for all outputs of a thread.
template <int COUNT>
__device__ __forceinline__ void add_rows(acc_t (&sums)[ROWS][OUTPUTS], const vector_t* samples, const vector_t* taps,
                                         int rows) {
    constexpr int TAPS = ceil_div(COUNT, VECTOR), WINDOW = ceil_div(OFFSET + OUTPUTS + COUNT - 1, VECTOR);  // vectors
    if constexpr (COUNT > 0) {
        #pragma unroll(COUNT <= 16 ? 2 : 1)
        for (int r = 0; r < rows; ++r, samples += PITCH, taps += PIECE_W / VECTOR) {
            acc_t weights[TAPS * VECTOR];
            load_window<TAPS>(weights, taps);
            #pragma unroll
            for (int row = 0; row < ROWS; ++row) {
                acc_t window[WINDOW * VECTOR];
                load_window<WINDOW>(window, samples + row * STEP * PITCH);
                #pragma unroll
                for (int s = 0; s < COUNT; ++s)
                    #pragma unroll
                    for (int x = 0; x < OUTPUTS; ++x) multiply_add(sums[row][x], weights[s], window[OFFSET + x + s]);
            }
        }
    }
}

// All products of the filter with image n, for the outputs of a thread; (y, x) is where the tile's first window begins.
__device__ __forceinline__ void add_filter(
    acc_t (&sums)[ROWS][OUTPUTS], vector_t* tile, vector_t* taps, const image_t* image, const Images& images, int n,
    int y, int x, const Weights<CAPACITY>::Argument& weights, const Filter& filter)
{
    const Corner corner = corner_of_thread();
    const vector_t* samples = tile + corner.y * PITCH + corner.x;
    for (int top = 0; top < filter.height; top += filter.piece_h) {
        for (int left = 0; left < filter.width; left += PIECE_W) {
            const int rows = min(filter.piece_h, filter.height - top), columns = min(PIECE_W, filter.width - left);
            if (top + left > 0) __syncthreads();  // the piece before has been used
            stage_taps(taps, weights, rows, columns, top * filter.width + left, filter.width);
            stage<TILE_H, SHARED_H, VECTORS, PITCH, 1, PIXEL>(
                tile, image, images, n, TILE_H + rows - 1, y + top, x - OFFSET + left);
            __syncthreads();
            if (CHUNK > 0 && columns == CHUNK) add_rows<CHUNK>(sums, samples, taps, rows);
            else add_rows<REST>(sums, samples, taps, rows);
        }
    }
}

// Stores a tile, whose first output is at `out`; rows and columns are what is left of the output from there.
__device__ __forceinline__ void store_outputs(
    out_t* out, vector_t* tile, const acc_t (&sums)[ROWS][OUTPUTS], int out_pitch, int rows, int columns)
{
    const Corner corner = corner_of_thread();
    if (PIXEL == 1 && TILE_H <= rows && TILE_W <= columns && has_aligned_rows(out, out_pitch)) {
        out += static_cast<long long>(corner.y) * out_pitch + corner.x * VECTOR;
        #pragma unroll
        for (int row = 0; row < ROWS; ++row, out += static_cast<long long>(STEP) * out_pitch)
            #pragma unroll
            for (int v = 0; v < 4; ++v) store_vector(out + v * VECTOR, &sums[row][v * VECTOR]);
        return;
    }
    __syncthreads();  // the tile has been read, its place is free
    #pragma unroll
    for (int row = 0; row < ROWS; ++row)
        #pragma unroll
        for (int v = 0; v < 4; ++v)
            put_shared(tile + (corner.y + row * STEP) * PITCH + corner.x + v, &sums[row][v * VECTOR]);
    __syncthreads();
    store_tile<TILE_H, TILE_W, PITCH, PIXEL>(out, tile, out_pitch, rows, columns);
}
