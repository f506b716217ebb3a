// stage_layer.cuh: a rectangle of an image into shared memory, for layers, whose images are often smaller than a tile.
//
// Prelude: that of stage.cuh.
//
// With zeros outside, a rectangle at the edge is copied as vectors, too, where its vectors are vectors of the image:
// each of them is inside or outside, whole. A value or vector that is outside costs a copy of nothing, and no branch.

#include "stage.cuh"

// SHARED_H rows of SHARED_W vectors from (top, left) on, COUNT values at a time, and zeros.
template <int COUNT, int SHARED_H, int SHARED_W>
__device__ __forceinline__ void stage_or_zero(
    vector_t* tile, const image_t* image, const Images& images, int n, int top, int left)
{
    constexpr int THREADS = BLOCK_H * BLOCK_W, ROW = SHARED_W * VECTOR, COPIES = SHARED_H * ROW / COUNT;
    constexpr int DOWN = THREADS * COUNT / ROW, AHEAD = THREADS * COUNT % ROW;  // from copy to copy
    const int first = threadIdx.y * BLOCK_W + threadIdx.x;
    int y = top + first * COUNT / ROW, x = left + first * COUNT % ROW;
    const long long pitch = images.pitch, step = DOWN * pitch + AHEAD;
    const image_t* source = image + (static_cast<long long>(n) * images.image_rows + y) * pitch + x;
    auto* const target = reinterpret_cast<Vector<acc_t, COUNT>*>(tile) + first;
    #pragma unroll (COUNT == VECTOR || COPIES <= 16 * THREADS ? COPIES / THREADS + 1 : 4)
    for (int i = 0; i < COPIES; i += THREADS) {
        const bool inside = unsigned(y) < unsigned(images.height) && unsigned(x) < unsigned(images.width);
        if (i + THREADS <= COPIES || i + first < COPIES)
            copy_inside(inside, target + i, reinterpret_cast<const Vector<image_t, COUNT>*>(source));
        y += DOWN, x += AHEAD, source += step;
        if (x >= left + ROW) ++y, x -= ROW, source += pitch - ROW;
    }
    copies_arrive();
}

// The same with any boundary. To be followed by a barrier.
template <int SHARED_H, int SHARED_W>
__device__ __forceinline__ void stage_layer(
    vector_t* tile, const image_t* image, const Images& images, int n, int top, int left)
{
    const bool inside = BLOCK_W >= 8 && top >= 0 && left >= 0 && top + SHARED_H <= images.height &&
                        left + SHARED_W * VECTOR <= images.width;  // short rows of threads would meet bank conflicts
    const bool aligned = left % VECTOR == 0 && images.width % VECTOR == 0 && has_aligned_rows(image, images.pitch);
    if (inside || BOUNDARY != CONSTANT || !(images.fill == acc_t(0)))
        stage<SHARED_H, SHARED_H, SHARED_W, SHARED_W>(tile, image, images, n, SHARED_H, top, left);
    else if (aligned) stage_or_zero<VECTOR, SHARED_H, SHARED_W>(tile, image, images, n, top, left);
    else stage_or_zero<1, SHARED_H, SHARED_W>(tile, image, images, n, top, left);
}
