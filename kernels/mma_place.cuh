// mma_place.cuh: which outputs a block of conv2d_mma and conv2d_mma_last computes.
//
// Prelude: CHANNELS and POSITIONS (outputs of a block).

#include "vector.cuh"

struct Place {
    int part, y, x, n;  // first channel in the group, first position, first image
    long long group;
};

// Along grid x the parts of a group's channels, the tiles of an image, the tiles of images, the groups.
__device__ __forceinline__ Place place_of_block(
    int parts, int tiles_h, int tiles_w, int tiles_n, int shift_h, int shift_w)
{
    int block = blockIdx.x;
    const int part = block % parts * CHANNELS, x = (block /= parts) % tiles_w << shift_w;
    const int y = (block /= tiles_w) % tiles_h << shift_h;
    const int n = (block /= tiles_h) % tiles_n * (POSITIONS >> (shift_h + shift_w));
    return {part, y, x, n, block / tiles_n};
}
