// conv2d_large: one filter of any size over single-channel images, near the limit of the multiply-adds.
//
//   out[n, y, x] = sum over r, s of weights[r, s] * image[n, y - pad_h + r, x - pad_w + s]
//
//   image    (images, height, width), C order
//   weights  (filter_h, filter_w): by value, at most CAPACITY of them, or where CAPACITY is 0 on the device
//   out      (images, out_h, out_w), C order
// Prelude: image_t, out_t, acc_t; BLOCK_H, BLOCK_W (threads; BLOCK_W 32), ROWS (of 64 bytes of sums a thread);
//          CHUNK (32 columns of the filter at a time, 0 if it has no more), REST (columns after them, at most 32);
//          PIECE_H; CAPACITY; OFFSET as in conv2d_small.cu; BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  32 x BLOCK_H threads, a tile of ROWS * STEP x TILE_W outputs a block; grid as in place.cuh.
// Shared:  SHARED_H * PITCH * 16 + PIECE_H * PIECE_W * sizeof(acc_t) bytes, static.
// Reference: Lavin, maxDNN: an efficient convolution kernel for deep learning with Maxwell GPUs, 2015.
//
// The filter is taken in pieces of at most PIECE_H x PIECE_W taps, whose samples fit into shared memory. Rows of a
// piece stay a loop, so that the code fits the instruction cache; its columns are unrolled.
// Eight neighbouring lanes are 2 along x and 4 along y; PITCH is odd: their 16-byte loads meet no bank twice.

#include "place.cuh"
#include "stage.cuh"
#include "store.cuh"

constexpr int OUTPUTS = 4 * VECTOR, STEP = 8 * BLOCK_H;  // of a thread along x; rows between its outputs
constexpr int TILE_H = ROWS * STEP, TILE_W = 4 * OUTPUTS;
constexpr int COLUMNS = CHUNK ? CHUNK : REST, PIECE_W = ceil_div(COLUMNS, VECTOR) * VECTOR;
constexpr int VECTORS = ceil_div(OFFSET + TILE_W + COLUMNS - 1, VECTOR), PITCH = VECTORS | 1;
constexpr int SHARED_H = TILE_H + PIECE_H - 1;

// Weights as an argument, and one of them.
template <int COUNT> struct Weights {
    struct Argument {
        acc_t at[COUNT];
    };
    static __device__ __forceinline__ acc_t get(const Argument& weights, int i) { return weights.at[i]; }
};
template <> struct Weights<0> {
    using Argument = const acc_t*;
    static __device__ __forceinline__ acc_t get(Argument weights, int i) { return weights[i]; }
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

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, 2) conv2d_large(
    const image_t* __restrict__ image, const __grid_constant__ Weights<CAPACITY>::Argument weights,
    out_t* __restrict__ out, int height, int width, int out_h, int out_w, int pad_h, int pad_w, int images, int tiles_h,
    int filter_h, int filter_w, int piece_h, acc_t fill)
{
    __shared__ vector_t tile[SHARED_H][PITCH];
    __shared__ vector_t taps[PIECE_H][PIECE_W / VECTOR];
    const Place place = place_of_block(tiles_h);
    if (place.n >= images) return;
    const int n = place.n, tile_y = place.y * TILE_H, tile_x = place.x * TILE_W;
    const unsigned int lane = threadIdx.x;
    const int x = lane % 2 + lane / 8 % 2 * 2, y = lane / 2 % 4 + lane / 16 * 4 + threadIdx.y * 8;

    acc_t sums[ROWS][OUTPUTS] = {};
    for (int top = 0; top < filter_h; top += piece_h) {
        for (int left = 0; left < filter_w; left += PIECE_W) {
            const int rows = min(piece_h, filter_h - top), columns = min(PIECE_W, filter_w - left);
            if (top + left > 0) __syncthreads();  // the piece before has been used
            stage_taps(taps[0], weights, rows, columns, top * filter_w + left, filter_w);
            stage<TILE_H, SHARED_H, VECTORS, PITCH>(tile[0], image, {height, width, fill}, n, TILE_H + rows - 1,
                                                    tile_y - pad_h + top, tile_x - pad_w - OFFSET + left);
            __syncthreads();
            if (CHUNK > 0 && columns == CHUNK) add_rows<CHUNK>(sums, &tile[y][x * 4], taps[0], rows);
            else add_rows<REST>(sums, &tile[y][x * 4], taps[0], rows);
        }
    }

    out += (static_cast<long long>(n) * out_h + tile_y) * out_w + tile_x;
    if (tile_y + TILE_H <= out_h && tile_x + TILE_W <= out_w && has_aligned_rows(out, out_w)) {
        out += static_cast<long long>(y) * out_w + x * OUTPUTS;
        #pragma unroll
        for (int row = 0; row < ROWS; ++row, out += static_cast<long long>(STEP) * out_w)
            #pragma unroll
            for (int v = 0; v < 4; ++v) store_vector(out + v * VECTOR, &sums[row][v * VECTOR]);
        return;
    }
    __syncthreads();  // the tile has been read, its place is free
    #pragma unroll
    for (int row = 0; row < ROWS; ++row)
        #pragma unroll
        for (int v = 0; v < 4; ++v) put_shared(&tile[y + row * STEP][x * 4 + v], &sums[row][v * VECTOR]);
    __syncthreads();
    store_tile<TILE_H, TILE_W, PITCH>(out, tile[0], out_w, out_h - tile_y, out_w - tile_x);
}
