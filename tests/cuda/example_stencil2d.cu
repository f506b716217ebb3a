// 3x3 correlation of a stack of images, zero outside, through a shared tile that each image refills: a sample for the harness.
//   out[n, y, x] = sum over r, s of weights[r][s] * image[n, y + r - 1, x + s - 1]
// Prelude: TILE_H, TILE_W (threads of a block, one output each).  Grid: tiles over (x, y).  Pitches are in elements.
struct Weights {
    float tap[3][3];
};

extern "C" __global__ void __launch_bounds__(TILE_H * TILE_W)
stencil2d(const float* __restrict__ image, float* __restrict__ out, const __grid_constant__ Weights weights, int images,
          int height, int width, int image_pitch, int out_pitch)
{
    __shared__ float tile[TILE_H + 2][TILE_W + 2];
    const int left = int(blockIdx.x) * TILE_W - 1, top = int(blockIdx.y) * TILE_H - 1;
    const int thread = threadIdx.y * TILE_W + threadIdx.x;
    const int y_out = top + 1 + int(threadIdx.y), x_out = left + 1 + int(threadIdx.x);

    for (int n = 0; n < images; ++n) {
        for (int i = thread; i < (TILE_H + 2) * (TILE_W + 2); i += TILE_H * TILE_W) {
            const int row = i / (TILE_W + 2), column = i % (TILE_W + 2);
            const int y = top + row, x = left + column;
            const bool inside = y >= 0 && y < height && x >= 0 && x < width;
            tile[row][column] = inside ? image[(n * height + y) * image_pitch + x] : 0.0f;
        }
        __syncthreads();
        float acc = 0.0f;
#pragma unroll
        for (int r = 0; r < 3; ++r)
#pragma unroll
            for (int s = 0; s < 3; ++s) acc = fmaf(weights.tap[r][s], tile[threadIdx.y + r][threadIdx.x + s], acc);
        if (y_out < height && x_out < width) out[(n * height + y_out) * out_pitch + x_out] = acc;
        __syncthreads();
    }
}
