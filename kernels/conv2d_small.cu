// test
#include "boundary.cuh"
#include "copy.cuh"
#include "values.cuh"

constexpr int VECTOR = PER_16_BYTES<acc_t>;
constexpr int TILE_H = BLOCK_H * ROWS, TILE_W = BLOCK_W * VECTOR;
constexpr int WINDOW = (OFFSET + VECTOR + FILTER_W - 1 + VECTOR - 1) / VECTOR;
constexpr int SHARED_H = TILE_H + FILTER_H - 1, SHARED_W = BLOCK_W - 1 + WINDOW;
using vector_t = Vector<acc_t, VECTOR>;

struct Weights {
    acc_t at[FILTER_H * FILTER_W];
};

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W) conv2d_small(
    const image_t* __restrict__ image, const __grid_constant__ Weights weights, out_t* __restrict__ out, int height, int width,
    int out_h, int out_w, int pad_h, int pad_w, int tiles_h, acc_t fill)
{
    __shared__ vector_t tile[SHARED_H][SHARED_W];
    const int tx = threadIdx.x, ty = threadIdx.y;
    const int tile_x = blockIdx.x * TILE_W;
    int tile_y = (blockIdx.y + blockIdx.z * gridDim.y);
    if (tile_y >= tiles_h) {
        const int n = tile_y / tiles_h;
        tile_y -= n * tiles_h;
        image += static_cast<long long>(n) * height * width;
        out += static_cast<long long>(n) * out_h * out_w;
    }
    tile_y *= TILE_H;
    const int top = tile_y - pad_h, left = tile_x - pad_w - OFFSET;
    const bool inner = top >= 0 && left >= 0 && top + SHARED_H <= height && left + SHARED_W * VECTOR <= width;
    if (inner && width % VECTOR == 0 && left % VECTOR == 0 && is_aligned(image)) {
        const image_t* source = image + static_cast<long long>(top + ty) * width + left + tx * VECTOR;
        const shared_address target = address_of(&tile[ty][tx]);
        #pragma unroll
        for (int i = 0; i < (SHARED_H + BLOCK_H - 1) / BLOCK_H; ++i) {
            #pragma unroll
            for (int j = 0; j < (SHARED_W + BLOCK_W - 1) / BLOCK_W; ++j)
                if (ty + i * BLOCK_H < SHARED_H && tx + j * BLOCK_W < SHARED_W)
                    copy(target + 16 * (i * BLOCK_H * SHARED_W + j * BLOCK_W), reinterpret_cast<const vector_t*>(source + j * BLOCK_W * VECTOR));
            source += static_cast<long long>(BLOCK_H) * width;
        }
    } else {
        for (int y = ty; y < SHARED_H; y += BLOCK_H)
            for (int x = tx; x < SHARED_W * VECTOR; x += BLOCK_W)
                tile[y][x/VECTOR].at[x%VECTOR] = sample(image, height, width, top + y, left + x, fill);
    }
    copies_arrive();
    __syncthreads();

    acc_t sums[ROWS][VECTOR] = {};
    #pragma unroll
    for (int i = 0; i < ROWS + FILTER_H - 1; ++i) {
        acc_t window[WINDOW * VECTOR];
        #pragma unroll
        for (int v = 0; v < WINDOW; ++v) {
            const vector_t part = tile[ty * ROWS + i][tx + v];
            #pragma unroll
            for (int x = 0; x < VECTOR; ++x) window[v * VECTOR + x] = part.at[x];
        }
        #pragma unroll
        for (int row = 0; row < ROWS; ++row) {
            const int r = i - row;
            if (r < 0 || r >= FILTER_H) continue;
            #pragma unroll
            for (int s = 0; s < FILTER_W; ++s)
                #pragma unroll
                for (int x = 0; x < VECTOR; ++x) multiply_add(sums[row][x], weights.at[r * FILTER_W + s], window[OFFSET + x + s]);
        }
    }

    const int y = tile_y + ty * ROWS, x = tile_x + tx * VECTOR;
    out_t* target = out + static_cast<long long>(y) * out_w + x;
    if (tile_y + TILE_H <= out_h && tile_x + TILE_W <= out_w && out_w % VECTOR == 0 && is_aligned(out)) {
        #pragma unroll
        for (int row = 0; row < ROWS; ++row) {
            Vector<out_t, VECTOR> values;
            for (int i = 0; i < VECTOR; ++i) values.at[i] = convert<out_t>(sums[row][i]);
            *reinterpret_cast<Vector<out_t, VECTOR>*>(target + static_cast<long long>(out_w) * row) = values;
        }
    } else {
        for (int row = 0; row < ROWS; ++row)
            for (int i = 0; i < VECTOR; ++i)
                if (y + row < out_h && x + i < out_w) target[static_cast<long long>(out_w) * row + i] = convert<out_t>(sums[row][i]);
    }
}
