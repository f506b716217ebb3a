// mma_tile.cuh: the inputs of conv2d_mma and conv2d_mma_last in shared memory: for each position a row of DEPTH
// channels side by side.
//
// Prelude: image_t; BOUNDARY, with zeros outside where it is constant. Above: SHARES, an even number, 16 bytes each.

#include "boundary.cuh"
#include "vector.cuh"

constexpr int SHARE = 16 / sizeof(image_t), DEPTH = SHARES * SHARE;  // channels in 16 bytes; in a row
constexpr int PITCH = 16 * (SHARES + 1);                             // bytes from one row to the next
using share_t = Vector<image_t, SHARE>;

struct Tile {
    int rows, columns, positions;      // of an image in it; of all its images
    float per_row, per_column;         // the inverses of the first two
    int y, x, stride_h, stride_w;      // the first position, before the offset of a tap, and the distances of others
    int height, width, images;         // what there is
    int step, plane, pitch;            // from sample to sample, from channel to channel, from image to image
};

// Where the first channel of a position of the tile stands in the image, moved by (r, s); -1 for zero.
__device__ __forceinline__ int source_of(const Tile& tile, int position, int r, int s) {
    const int row = static_cast<int>((position + 0.5f) * tile.per_column);  // the quotients: exact up to 2^20
    const int n = static_cast<int>((row + 0.5f) * tile.per_row);
    const int y = source_index(tile.y + (row - n * tile.rows) * tile.stride_h + r, tile.height);
    const int x = source_index(tile.x + (position - row * tile.columns) * tile.stride_w + s, tile.width);
    return n < tile.images && y >= 0 && x >= 0 ? n * tile.pitch + (y * tile.width + x) * tile.step : -1;
}

// Kept in the padding of a position's row, for the thread that looks for it again; in all 16 bytes of it, as single
// words would meet bank conflicts.
__device__ __forceinline__ void keep_source(char* tile, int position, int source) {
    const float word = __int_as_float(source);
    *reinterpret_cast<vector_t*>(tile + position * PITCH + 32) = {word, word, word, word};
}

__device__ __forceinline__ int kept_source(const char* tile, int position) {
    return __float_as_int(load_shared(reinterpret_cast<const vector_t*>(tile + position * PITCH + 32)).at[0]);
}

// Some of the channels from `image` on, as many as there are.
__device__ __forceinline__ void fetch(
    image_t (&values)[DEPTH], const image_t* image, int source, int plane, int channels)
{
    const char* const first = reinterpret_cast<const char*>(image + max(source, 0));
    const unsigned int step = plane * sizeof(image_t);  // in bytes: one instruction an address
    #pragma unroll
    for (int k = 0; k < DEPTH; ++k) {
        const bool wanted = source >= 0 && k / SHARE * SHARE < channels;
        const auto* value = reinterpret_cast<const image_t*>(first + static_cast<unsigned long long>(step) * k);
        values[k] = wanted ? *value : image_t();
    }
}

__device__ __forceinline__ void put(char* row, const image_t (&values)[DEPTH]) {
    #pragma unroll
    for (int half = 0; half < 2; ++half) {
        share_t share;
        #pragma unroll
        for (int k = 0; k < SHARE; ++k) share.at[k] = values[half * SHARE + k];
        *reinterpret_cast<share_t*>(row + half * 16) = share;
    }
}
