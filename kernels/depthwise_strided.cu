// depthwise_strided: small filters of each channel's own, one of them or several, that keep every second output: the
// layers of a network that make its images smaller.
//
//   out[n, c, k, y, x] = bias[c, k] + sum over r, s of weights[c, k, r, s] * image[n, c, i, j]
//   i = y * STRIDE_H - pad_h + r,  j = x * STRIDE_W - pad_w + s
//
//   image    (n * channels, height, width): rows `pitch` elements apart, images `image_rows` rows
//   weights  (channels, filters, FILTER_H, FILTER_W), C order, on the device
//   bias     (channels, filters), or null
//   out      (n * channels * filters = images, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: out_t and that of strided_tile.cuh; BLOCKS (of a multiprocessor); ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK_W x BLOCK_H threads; along grid x the tiles of a row, along y and z those of all images of the output.
// Shared:  (SHARED_H * SHARED_W + PADDED / VECTOR) * 16 bytes, static.
// Reference: Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
//
// A thread walks down the rows of the tile that its outputs need, and adds each window to all that it belongs to.

#include "place.cuh"
#include "strided_tile.cuh"
#include "unroll.cuh"
#include "values.cuh"

constexpr int PADDED = ceil_div(TAPS, VECTOR) * VECTOR;
constexpr int WINDOWS = (ROWS - 1) * STRIDE_H + FILTER_H;  // rows that a thread reads

__device__ __forceinline__ void add_filter(
    acc_t (&sums)[ROWS][ACROSS], const vector_t* tile, const acc_t (&weights)[PADDED])
{
    tile += threadIdx.y * ROWS * STRIDE_H * SHARED_W + threadIdx.x;
    unroll<WINDOWS>([&](auto i) {
        acc_t window[WINDOW * VECTOR];
        load_window<WINDOW>(window, tile + i * SHARED_W);
        #pragma unroll
        for (int row = max(0, ceil_div(i - FILTER_H + 1, STRIDE_H)); row <= min(i / STRIDE_H, ROWS - 1); ++row)
            #pragma unroll
            for (int s = 0; s < FILTER_W; ++s)
                #pragma unroll
                for (int x = 0; x < ACROSS; ++x)
                    multiply_add(sums[row][x], weights[(i - row * STRIDE_H) * FILTER_W + s],
                                 window[OFFSET + x * STRIDE_W + s]);
    });
}

// The outputs of a thread; rows and columns are what is left of the output from `out` on.
__device__ __forceinline__ void store(
    out_t* out, const acc_t (&sums)[ROWS][ACROSS], int out_pitch, int rows, int columns)
{
    using run_t = Vector<out_t, ACROSS>;
    const bool aligned = reinterpret_cast<unsigned long long>(out) % sizeof(run_t) == 0 && out_pitch % ACROSS == 0;
    #pragma unroll
    for (int row = 0; row < ROWS; ++row, out += out_pitch) {
        if (row >= rows) return;
        run_t run;
        #pragma unroll
        for (int x = 0; x < ACROSS; ++x) run.at[x] = convert<out_t>(sums[row][x]);
        if (aligned && ACROSS <= columns) *reinterpret_cast<run_t*>(out) = run;
        else
            #pragma unroll
            for (int x = 0; x < ACROSS; ++x)
                if (x < columns) out[x] = run.at[x];
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, BLOCKS) depthwise_strided(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, int height, int width, int out_h, int out_w, int pad_h, int pad_w, int images, int tiles_h,
    int pitch, int image_rows, int out_pitch, int out_image_rows, int channels, int filters, acc_t fill)
{
    __shared__ vector_t tile[SHARED_H][SHARED_W], taps[PADDED / VECTOR];
    const Place place = place_of_block(tiles_h);
    if (place.n >= images) return;
    const int k = place.n % (channels * filters), tile_y = place.y * TILE_H, tile_x = place.x * TILE_W;
    for (int i = threadIdx.y * BLOCK_W + threadIdx.x; i < TAPS; i += BLOCK_H * BLOCK_W)
        taps[i / VECTOR].at[i % VECTOR] = weights[static_cast<long long>(k) * TAPS + i];
    stage_layer<SHARED_H, SHARED_W>(tile[0], image, {height, width, pitch, image_rows, fill}, place.n / filters,
                                    tile_y * STRIDE_H - pad_h, tile_x * STRIDE_W - pad_w - OFFSET);
    __syncthreads();

    acc_t filter[PADDED], sums[ROWS][ACROSS];
    load_window<PADDED / VECTOR>(filter, taps);
    const acc_t start = bias ? bias[k] : acc_t(0);
    #pragma unroll
    for (int i = 0; i < ROWS * ACROSS; ++i) sums[i / ACROSS][i % ACROSS] = start;
    add_filter(sums, tile[0], filter);
    const int y = tile_y + static_cast<int>(threadIdx.y) * ROWS, x = tile_x + static_cast<int>(threadIdx.x) * ACROSS;
    out += static_cast<long long>(place.n * out_image_rows + y) * out_pitch + x;
    store(out, sums, out_pitch, out_h - y, out_w - x);
}
