// strided_tile.cuh: the samples under a tile of outputs that keep every STRIDE-th one.
//
// Prelude: acc_t; FILTER_H, FILTER_W; STRIDE_H, STRIDE_W (which divides VECTOR); BLOCK_H, BLOCK_W (threads), ROWS
//          (outputs a thread, down); OFFSET (columns that the tile begins before its first window, so that with the
//          usual pad it begins at a multiple of 16 bytes); BOUNDARY.
//
// A thread has ROWS x ACROSS outputs, whose windows begin in one vector: neighbouring threads read neighbouring
// vectors, without bank conflicts.

#include "stage_layer.cuh"

constexpr int TAPS = FILTER_H * FILTER_W;
constexpr int ACROSS = VECTOR / STRIDE_W;  // outputs of a thread in a row
constexpr int TILE_H = BLOCK_H * ROWS, TILE_W = BLOCK_W * ACROSS;
constexpr int WINDOW = ceil_div(OFFSET + (ACROSS - 1) * STRIDE_W + FILTER_W, VECTOR);  // vectors
constexpr int SHARED_H = (TILE_H - 1) * STRIDE_H + FILTER_H, LEAST = BLOCK_W - 1 + WINDOW;
constexpr int SHARED_W = LEAST + (BLOCK_W < 8 && LEAST * ROWS * STRIDE_H % 8 != 4);  // rows of lanes in other banks
