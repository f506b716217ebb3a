// stage.cuh: a rectangle of an image into shared memory, with what the boundary puts outside the image.
//
// Prelude: image_t, acc_t; BLOCK_H, BLOCK_W (threads: a row of them works on a row of the rectangle); BOUNDARY.
// Channels that stand side by side in memory: GROUP of them are columns of the rectangle, which meet the boundary
// together; or one of them is taken, whose samples are SPREAD elements apart.

#include "boundary.cuh"
#include "copy.cuh"
#include "unroll.cuh"

struct Images {
    int height, width, pitch;  // pitch: elements from one row to the next
    int image_rows;            // and rows from one image to the next
    acc_t fill;
};

// A rectangle inside the image, COUNT values a copy (VECTOR where its rows are aligned); no tests but of its
// size.
template <int COUNT, int SPREAD, int LEAST, int MOST, int VECTORS, int PITCH, int SKEW>
__device__ __forceinline__ void stage_inside(
    vector_t* tile, const image_t* image, int rows, int pitch, int top, int left)
{
    constexpr int COLUMNS = VECTORS * VECTOR / COUNT;  // in copies, as STEP
    constexpr int STEP = start_of_row<PITCH, SKEW>(BLOCK_H) * VECTOR / COUNT;
    const int tx = threadIdx.x, ty = threadIdx.y;
    auto* target = reinterpret_cast<Vector<acc_t, COUNT>*>(tile + start_of_row<PITCH, SKEW>(ty)) + tx;
    const image_t* source = image + (static_cast<long long>(top + ty) * pitch + (left + tx * COUNT) * SPREAD);
    #pragma unroll
    for (int i = 0; i < ceil_div(MOST, BLOCK_H); ++i) {
        const bool row = (i + 1) * BLOCK_H <= LEAST || ty + i * BLOCK_H < rows;
        unroll<ceil_div(COLUMNS, BLOCK_W)>([&](auto j) {
            const bool column = (j + 1) * BLOCK_W <= COLUMNS || tx + j * BLOCK_W < COLUMNS;
            const auto* values = reinterpret_cast<const Vector<image_t, COUNT>*>(source);
            copy_if<j * BLOCK_W, j * BLOCK_W * SPREAD>(row & column, target, i * STEP, values);
        });
        source += static_cast<long long>(BLOCK_H) * pitch;
    }
}

// Any rectangle, value by value: a thread looks up its columns once, and its rows one after another.
template <int GROUP, int SPREAD, int VECTORS, int PITCH, int SKEW>
__device__ __forceinline__ void stage_anywhere(
    vector_t* tile, const image_t* image, const Images& images, int n, int rows, int top, int left)
{
    constexpr int WIDTH = VECTORS * VECTOR, PASSES = ceil_div(WIDTH, BLOCK_W);
    const int tx = threadIdx.x;
    auto* values = reinterpret_cast<Vector<acc_t, 1>*>(tile) + tx;
    int columns[PASSES];
    #pragma unroll
    for (int j = 0; j < PASSES; ++j)
        columns[j] = SPREAD * source_element<GROUP>(left + tx + j * BLOCK_W, images.width);
    #pragma unroll 2
    for (int y = threadIdx.y; y < rows; y += BLOCK_H) {
        const int row = source_index(top + y, images.height);
        const image_t* source = image + static_cast<long long>(n * images.image_rows + row) * images.pitch;
        #pragma unroll
        for (int j = 0; j < PASSES; ++j) {
            const bool wanted = (j + 1) * BLOCK_W <= WIDTH || tx + j * BLOCK_W < WIDTH;
            const bool outside = row < 0 || columns[j] < 0;
            const int index = start_of_row<PITCH, SKEW>(y) * VECTOR + j * BLOCK_W;
            if (wanted && outside) values[index].at[0] = images.fill;
            const auto* value = reinterpret_cast<const Vector<image_t, 1>*>(source + columns[j]);
            copy_if<0>(wanted && !outside, values, index, value);
        }
    }
}

// LEAST <= rows <= MOST rows of image n, from (top, left) on, of VECTORS vectors, to where start_of_row says (with SKEW
// BLOCK_H is even). To be followed by a barrier.
template <int LEAST, int MOST, int VECTORS, int PITCH, int GROUP = 1, int SPREAD = 1, int SKEW = 0>
__device__ __forceinline__ void stage(
    vector_t* tile, const image_t* image, const Images& images, int n, int rows, int top, int left)
{
    const bool inside = top >= 0 && left >= 0 && top + rows <= images.height && left + VECTORS * VECTOR <= images.width;
    const bool aligned = SPREAD == 1 && left % VECTOR == 0 && has_aligned_rows(image, images.pitch);
    const int first = n * images.image_rows + top;
    if (inside && aligned)
        stage_inside<VECTOR, 1, LEAST, MOST, VECTORS, PITCH, SKEW>(tile, image, rows, images.pitch, first, left);
    else if (inside)
        stage_inside<1, SPREAD, LEAST, MOST, VECTORS, PITCH, SKEW>(tile, image, rows, images.pitch, first, left);
    else stage_anywhere<GROUP, SPREAD, VECTORS, PITCH, SKEW>(tile, image, images, n, rows, top, left);
    copies_arrive();
}
