// place.cuh: which tile a block computes. Tiles of an image lie side by side along grid x; its rows of tiles, then
// those of the next image, along grid y, continued along z.

struct Place {
    int n, y, x;  // image and tile
};

__device__ __forceinline__ Place place_of_block(int tiles_h) {
    const int row = blockIdx.y + blockIdx.z * gridDim.y, x = blockIdx.x;
    if (row < tiles_h) return {0, row, x};
    const int n = row / tiles_h;
    return {n, row - n * tiles_h, x};
}
