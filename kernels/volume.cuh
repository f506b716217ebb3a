// volume.cuh: which outputs of which volume a block computes, plane by plane, and where those of a thread go.
//
// Prelude: that of plane_stream.cuh; out_t, ROUNDING, SATURATE.

#include "plane_stream.cuh"
#include "store_row.cuh"

struct VolumePlace {
    long long n;
    int z, y, x;  // the first output
};

// The strips of all volumes, tile by tile, along grid x.
__device__ __forceinline__ VolumePlace place_of_strip(int tiles_h, int tiles_w, int strips, int strip_d) {
    const int x = blockIdx.x % tiles_w, y = blockIdx.x / tiles_w % tiles_h, strip = blockIdx.x / tiles_w / tiles_h;
    return {strip / strips, strip % strips * strip_d, y * TILE_H, x * TILE_W};
}

// ROWS x VECTOR outputs of a thread in a plane.
struct PlaneOutputs {
    out_t* out;  // the first
    int pitch, rows, columns;  // rows and columns that are left of the plane from there
    bool whole;                // all outputs of the block are there, in rows whose vectors can be stored at once

    __device__ __forceinline__ void store_sums(const acc_t (&sums)[ROWS][VECTOR]) const {
        #pragma unroll
        for (int row = 0; row < ROWS; ++row)
            store(out + static_cast<long long>(row) * pitch, sums[row], row < rows ? columns : 0, whole);
    }
};

// Of the output planes (height, width) that begin at `out`.
__device__ __forceinline__ PlaneOutputs outputs_of_thread(
    out_t* out, const VolumePlace& place, int height, int width, int pitch)
{
    const int y = place.y + static_cast<int>(threadIdx.y) * ROWS, x = place.x + static_cast<int>(threadIdx.x) * VECTOR;
    const bool whole = place.y + TILE_H <= height && place.x + TILE_W <= width && has_aligned_rows(out, pitch);
    return {out + static_cast<long long>(y) * pitch + x, pitch, height - y, width - x, whole};
}
