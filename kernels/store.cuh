// store.cuh: sums of a tile to global memory, converted.
//
// Prelude: out_t, acc_t; BLOCK_H, BLOCK_W (threads).

#include "values.cuh"
#include "vector.cuh"

// VECTOR values at an aligned address.
__device__ __forceinline__ void store_vector(out_t* out, const acc_t* sums) {
    Vector<out_t, VECTOR> values;
    #pragma unroll
    for (int x = 0; x < VECTOR; ++x) values.at[x] = convert<out_t>(sums[x]);
    *reinterpret_cast<Vector<out_t, VECTOR>*>(out) = values;
}

// From shared memory, where rows stand at start_of_row (vector.cuh), what lies inside the output: neighbouring threads
// store neighbouring values, SPREAD elements apart, whatever their alignment. `out` is that of the tile's first value,
// `rows` and `columns` what is left of the output from there.
template <int HEIGHT, int WIDTH, int PITCH, int SPREAD = 1, int SKEW = 0>
__device__ __forceinline__ void store_tile(out_t* out, const vector_t* tile, int out_pitch, int rows, int columns) {
    const int tx = threadIdx.x, ty = threadIdx.y;
    const auto* values = reinterpret_cast<const Vector<acc_t, 1>*>(tile + start_of_row<PITCH, SKEW>(ty)) + tx;
    out += static_cast<long long>(ty) * out_pitch + tx * SPREAD;
    for (int y = ty; y < min(rows, HEIGHT); y += BLOCK_H) {
        #pragma unroll
        for (int x = 0; x < WIDTH; x += BLOCK_W)
            if (tx + x < columns && (WIDTH % BLOCK_W == 0 || tx + x < WIDTH))
                out[x * SPREAD] = convert<out_t>(values[x].at[0]);
        values += start_of_row<PITCH, SKEW>(BLOCK_H) * VECTOR;
        out += static_cast<long long>(BLOCK_H) * out_pitch;
    }
}
