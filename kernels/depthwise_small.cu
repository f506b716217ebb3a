// depthwise_small: small filters of each channel's own (a depthwise layer), one of them or several; several filters
// over single-channel images (a filter bank) are the case of one channel. A channel is read once for all its filters.
//
//   out[n, c, k, y, x] = bias[c, k] + sum over r, s of weights[c, k, r, s] * image[n, c, y - pad_h + r, x - pad_w + s]
//
//   image    (planes, height, width): rows `pitch` elements apart, planes `image_rows` rows; `channels` planes are
//            one image
//   weights  (channels, filters, FILTER_H, FILTER_W), C order, on the device
//   bias     (channels, filters), or null
//   out      (planes * filters, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: FILTERS (of a block, at most), BLOCKS (of a multiprocessor); and that of small_filter.cuh.
// Launch:  as conv2d_small, with a block for each of the `parts` that the filters of a channel are cut into.
// Shared:  (SHARED_H * SHARED_W + FILTERS * PADDED / VECTOR) * 16 bytes, static.
// Reference: as conv2d_small.

#include "small_filter.cuh"
#include "stage_layer.cuh"

constexpr int PADDED = ceil_div(TAPS, VECTOR) * VECTOR;  // so that filters begin at multiples of 16 bytes

// Filters one after another into shared memory. To be followed by a barrier.
__device__ __forceinline__ void stage_filters(acc_t* shared, const acc_t* weights, int count) {
    for (int i = threadIdx.y * BLOCK_W + threadIdx.x; i < count * TAPS; i += BLOCK_H * BLOCK_W)
        shared[i / TAPS * PADDED + i % TAPS] = weights[i];
}

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, BLOCKS) depthwise_small(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, int height, int width, int out_h, int out_w, int pad_h, int pad_w, int images, int tiles_h,
    int pitch, int image_rows, int out_pitch, int out_image_rows, int channels, int filters, int parts, acc_t fill)
{
    __shared__ vector_t tile[SHARED_H][SHARED_W], taps[FILTERS][PADDED / VECTOR];
    const Place place = place_of_block(tiles_h);
    if (place.n >= images) return;
    const int plane = FILTERS > 1 ? place.n / parts : place.n, part = FILTERS > 1 ? place.n % parts * FILTERS : 0;
    const int first = plane % channels * filters + part, count = FILTERS > 1 ? min(FILTERS, filters - part) : 1;
    const int tile_y = place.y * TILE_H, tile_x = place.x * TILE_W, rows = out_h - tile_y, columns = out_w - tile_x;
    const long long size = static_cast<long long>(out_image_rows) * out_pitch;
    out += (static_cast<long long>(plane) * filters + part) * size;
    out += static_cast<long long>(tile_y) * out_pitch + tile_x;

    stage_filters(taps[0]->at, weights + static_cast<long long>(first) * TAPS, count);
    bool whole = false;
    #pragma unroll 1
    for (int k = 0; k < count; ++k, out += size) {
        if (!whole) {  // it is not there yet, or was overwritten
            if (k > 0) __syncthreads();
            const Images source = {height, width, pitch, image_rows, fill};
            const int top = tile_y - pad_h, left = tile_x - pad_w;
            if constexpr (FILTERS > 1) stage_tile(tile[0], image, source, plane, top, left);  // has few registers
            else stage_layer<SHARED_H, SHARED_W>(tile[0], image, source, plane, top, left - OFFSET);
            __syncthreads();
        }
        whole = is_whole(out, out_pitch, rows, columns);
        acc_t filter[PADDED], sums[1][ROWS][VECTOR];
        load_window<PADDED / VECTOR>(filter, taps[k]);
        const acc_t start = bias ? bias[first + k] : acc_t(0);
        #pragma unroll
        for (int i = 0; i < ROWS * VECTOR; ++i) sums[0][i / VECTOR][i % VECTOR] = start;
        add_filters(sums, tile[0], filter);
        store_outputs(out, tile[0], sums[0], out_pitch, rows, columns, whole);
    }
}
