// conv1d_columns: one filter of any length along the columns of images, in registers; the rows stay as they lie.
//
//   out[n, y, x] = sum over t of weights[t] * image[n, y - pad + t, x]
//
//   image    (images, height, width): `image_pitch` elements from one image to the next, `pitch` from row to row
//   weights  (taps)
//   out      (images, out_h, width): the same with `out_image_pitch` and `out_pitch`
// Prelude: image_t, out_t, acc_t; THREADS, OUTPUTS (of a thread: 64 bytes of them); BOUNDARY, ROUNDING, SATURATE,
//          SKIP_ZERO_TAPS.
// Launch:  THREADS threads; a tile of THREADS / 32 * OUTPUTS x 32 outputs a block; the tiles of all images, row by row,
//          along grid x.
// Shared:  (piece + (THREADS / 32 * OUTPUTS + piece) * 32) * sizeof(acc_t) bytes, dynamic; `piece` is a multiple of
//          OUTPUTS.
// Reference: V. Volkov, Better Performance at Lower Occupancy, GTC 2010 (several outputs a thread, in registers).

#include "boundary.cuh"
#include "taps.cuh"

constexpr int WARPS = THREADS / 32, TILE_H = WARPS * OUTPUTS;

// One column of `rows` rows of an image, from row `top` on, to every 32nd element; a warp has every WARPS-th row.
__device__ __forceinline__ void stage_rows(
    acc_t* window, const image_t* column, int height, long long pitch, int top, int rows, acc_t fill)
{
    const int warp = threadIdx.x / 32;
    if (top >= 0 && top + rows <= height) {
        column += (top + warp) * pitch;
        #pragma unroll 8
        for (int row = warp; row < rows; row += WARPS, column += WARPS * pitch)
            window[row * 32] = static_cast<acc_t>(*column);
    } else {
        for (int row = warp; row < rows; row += WARPS) {
            const int y = source_index(top + row, height);
            window[row * 32] = y < 0 ? fill : static_cast<acc_t>(column[y * pitch]);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv1d_columns(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, out_t* __restrict__ out, int height,
    int width, int out_h, int taps, int pad, int tiles_h, int tiles_w, int piece, long long image_pitch,
    long long pitch, long long out_image_pitch, long long out_pitch, acc_t fill)
{
    extern __shared__ vector_t shared[];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    acc_t* const window = reinterpret_cast<acc_t*>(shared + piece / VECTOR) + lane;  // this column of (rows, 32)
    const int x = blockIdx.x % tiles_w * 32 + lane, first = blockIdx.x / tiles_w % tiles_h * TILE_H;
    const long long n = blockIdx.x / tiles_w / tiles_h;
    image += n * image_pitch + min(x, width - 1);

    acc_t sums[OUTPUTS] = {};
    for (int begin = 0; begin < taps; begin += piece) {
        const int count = min(piece, taps - begin), rows = TILE_H + (count + OUTPUTS - 1) / OUTPUTS * OUTPUTS;
        for (int t = threadIdx.x; t < count; t += THREADS) shared[t / VECTOR].at[t % VECTOR] = weights[begin + t];
        stage_rows(window, image, height, pitch, first - pad + begin, rows, fill);
        __syncthreads();
        add_taps(sums, shared, count, [&](acc_t (&chunk)[OUTPUTS], int k) {
            #pragma unroll
            for (int i = 0; i < OUTPUTS; ++i) chunk[i] = window[((warp + k) * OUTPUTS + i) * 32];
        });
        __syncthreads();
    }

    if (x >= width) return;
    const int y = first + warp * OUTPUTS;
    out += n * out_image_pitch + y * out_pitch + x;
    #pragma unroll
    for (int i = 0; i < OUTPUTS; ++i)
        if (y + i < out_h) out[i * out_pitch] = convert<out_t>(sums[i]);
}
