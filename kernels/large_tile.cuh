// large_tile.cuh: the tile of a filter of any size in shared memory, and the outputs of a thread.
//
// Prelude: that of large_filter.cuh.
// Tile:    TILE_H x TILE_W outputs, of SHARED_H x VECTORS vectors of the image.
//
// A thread has ROWS rows, one below the other, of ACROSS vectors; a warp is 8 threads along y and 4 along x. The eight
// whose 16-byte loads are one access, 8 along y, or 4 along y and 2 along x where ACROSS is 4, meet no bank twice: from
// one to the next along y it is an odd number of vectors.

#include "store.cuh"

constexpr int OUTPUTS = ACROSS * VECTOR;  // of a thread along x
constexpr int TILE_H = 8 * BLOCK_H * ROWS, TILE_W = 4 * OUTPUTS;
constexpr int COLUMNS = CHUNK ? CHUNK : REST, PIECE_W = ceil_div(COLUMNS, VECTOR) * VECTOR;
constexpr int VECTORS = ceil_div(OFFSET + TILE_W + COLUMNS - 1, VECTOR);
constexpr int SKEW = ROWS - 1, PITCH = SKEW ? VECTORS : VECTORS | 1;
constexpr int SHARED_H = TILE_H + PIECE_H - 1, SHARED = start_of_row<PITCH, SKEW>(SHARED_H);  // vectors

struct Corner {
    int y, x;  // x in vectors
};

// The first of a thread's outputs in the tile.
__device__ __forceinline__ Corner corner_of_thread() {
    const int lane = threadIdx.x, ty = threadIdx.y;
    const int y = ACROSS == 8 ? lane % 8 : lane / 2 % 4 + lane / 16 * 4;
    const int x = ACROSS == 8 ? lane / 8 : lane % 2 + lane / 8 % 2 * 2;
    return {(y + ty * 8) * ROWS, x * ACROSS};
}

// Stores a tile, whose first output is at `out`; rows and columns are what is left of the output from there.
__device__ __forceinline__ void store_outputs(
    out_t* out, vector_t* tile, const acc_t (&sums)[ROWS][OUTPUTS], int out_pitch, int rows, int columns)
{
    const Corner corner = corner_of_thread();
    if (PIXEL == 1 && TILE_H <= rows && TILE_W <= columns && has_aligned_rows(out, out_pitch)) {
        out += static_cast<long long>(corner.y) * out_pitch + corner.x * VECTOR;
        #pragma unroll
        for (int row = 0; row < ROWS; ++row, out += out_pitch)
            #pragma unroll
            for (int v = 0; v < ACROSS; ++v) store_vector(out + v * VECTOR, &sums[row][v * VECTOR]);
        return;
    }
    __syncthreads();  // the tile has been read, its place is free
    #pragma unroll
    for (int row = 0; row < ROWS; ++row)
        #pragma unroll
        for (int v = 0; v < ACROSS; ++v)
            put_shared(tile + start_of_row<PITCH, SKEW>(corner.y + row) + corner.x + v, &sums[row][v * VECTOR]);
    __syncthreads();
    store_tile<TILE_H, TILE_W, PITCH, PIXEL, SKEW>(out, tile, out_pitch, rows, columns);
}
