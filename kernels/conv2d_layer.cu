// conv2d_layer: a convolution layer through tiles in shared memory; with one channel, a filter of any size.
//
//   out[n, c, y, x] = bias[c] + sum over k, r, s of weights[c, k, r, s] * image[n, g * channels_in + k, i, j]
//   i = y * stride_h - pad_h + r * dilation_h,  j = x * stride_w - pad_w + s * dilation_w,  g = c / channels_out
//
// g is the group of c. C order:
//   image    (images, groups * channels_in, height, width)
//   weights  (groups * channels_out, channels_in, filter_h, filter_w)
//   bias     (groups * channels_out), or null
//   out      (images, groups * channels_out, out_h, out_w)
// Prelude: image_t, out_t, acc_t; BLOCK (threads), POSITIONS and CHANNELS (outputs a thread);
//          BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  blockDim.x * blockDim.y = BLOCK threads. A thread has CHANNELS output channels of one group at POSITIONS
//          positions, (spread_h, spread_w) apart; so a block has a tile of tile_h x tile_w positions. Along grid x the
//          tiles of an image, then the parts of a group, the groups, the images.
// Shared:  step_k * (step_r * filter_w * CHANNELS + in_h * in_w) * sizeof(acc_t) bytes, dynamic; the input tile has
//          in_h = (tile_h - 1) * stride_h + (step_r - 1) * dilation_h + 1 rows of
//          in_w = (tile_w - 1) * stride_w + (filter_w - 1) * dilation_w + 1 values.
// Reference: the direct form of Chetlur et al., cuDNN: Efficient Primitives for Deep Learning, 2014, section 3.
//
// The sum is taken in steps of `step_k` input channels, or of one channel and `step_r` filter rows where a filter is
// too large: the weights and the input tile of a step are staged, then every thread adds their products to its outputs.

#include "boundary.cuh"
#include "values.cuh"

// Weights (count_k, taps, CHANNELS) of a step; zeros stand for channels that the group does not have.
__device__ __forceinline__ void stage_weights(acc_t* staged, const acc_t* weights, int count_k, int taps,
                                              int filter_taps, int channels_in, int channels)
{
    for (int i = threadIdx.y * blockDim.x + threadIdx.x; i < count_k * taps * CHANNELS; i += BLOCK) {
        const int c = i % CHANNELS, tap = i / CHANNELS % taps;
        const long long plane = static_cast<long long>(c) * channels_in + i / CHANNELS / taps;
        staged[i] = c < channels ? weights[plane * filter_taps + tap] : acc_t(0);
    }
}

// Input tile (count_k, in_h, in_w) of a step, a warp a row; its first sample is the image's (y, x).
__device__ __forceinline__ void stage_image(acc_t* tile, const image_t* image, int count_k, int in_h, int in_w,
                                            int height, int width, int y, int x, acc_t fill)
{
    const int thread = threadIdx.y * blockDim.x + threadIdx.x;
    for (int row = thread / 32; row < count_k * in_h; row += BLOCK / 32) {
        const image_t* channel = image + static_cast<long long>(row / in_h) * height * width;
        for (int i = thread % 32; i < in_w; i += 32)
            tile[row * in_w + i] = sample(channel, height, width, y + row % in_h, x + i, fill);
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK, 2) conv2d_layer(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, int groups, int channels_in, int channels_out, int height, int width, int out_h, int out_w,
    int filter_h, int filter_w, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h, int dilation_w,
    int tiles_h, int tiles_w, int spread_h, int spread_w, int step_k, int step_r, acc_t fill)
{
    extern __shared__ __align__(16) acc_t shared[];
    acc_t* const staged = shared;                                        // (step_k, step_r, filter_w, CHANNELS)
    acc_t* const tile = shared + step_k * step_r * filter_w * CHANNELS;  // (step_k, in_h, in_w)
    const int tile_h = blockDim.y + (POSITIONS - 1) * spread_h, tile_w = blockDim.x + (POSITIONS - 1) * spread_w;
    const int in_w = (tile_w - 1) * stride_w + (filter_w - 1) * dilation_w + 1;
    const int origin = threadIdx.y * stride_h * in_w + threadIdx.x * stride_w;  // a thread's first position in the tile
    const int spread = spread_h * stride_h * in_w + spread_w * stride_w;         // from there to its next

    int block = blockIdx.x;
    const int tile_x = block % tiles_w * tile_w, tile_y = (block /= tiles_w) % tiles_h * tile_h;
    const int parts = (channels_out + CHANNELS - 1) / CHANNELS;
    const int part = (block /= tiles_h) % parts * CHANNELS;  // first channel in the group
    const long long n_group = block / parts, first = n_group % groups * channels_out + part;
    image += n_group * channels_in * height * width;
    weights += first * channels_in * filter_h * filter_w;

    acc_t sums[CHANNELS][POSITIONS] = {};
    for (int k = 0; k < channels_in; k += step_k) {
        for (int r = 0; r < filter_h; r += step_r) {
            const int count_k = min(step_k, channels_in - k), count_r = min(step_r, filter_h - r);
            const int in_h = (tile_h - 1) * stride_h + (count_r - 1) * dilation_h + 1;
            stage_weights(staged, weights + (static_cast<long long>(k) * filter_h + r) * filter_w, count_k,
                          count_r * filter_w, filter_h * filter_w, channels_in, channels_out - part);
            stage_image(tile, image + static_cast<long long>(k) * height * width, count_k, in_h, in_w, height, width,
                        tile_y * stride_h - pad_h + r * dilation_h, tile_x * stride_w - pad_w, fill);
            __syncthreads();
            const acc_t* weight = staged;
            for (int i = 0; i < count_k * count_r; ++i) {
                const acc_t* value = tile + (i / count_r * in_h + i % count_r * dilation_h) * in_w + origin;
                for (int s = 0; s < filter_w; ++s, weight += CHANNELS, value += dilation_w) {
                    #pragma unroll
                    for (int p = 0; p < POSITIONS; ++p)
                        #pragma unroll
                        for (int c = 0; c < CHANNELS; ++c) multiply_add(sums[c][p], weight[c], value[p * spread]);
                }
            }
            __syncthreads();
        }
    }

    const long long plane = static_cast<long long>(out_h) * out_w;
    out += (n_group * channels_out + part) * plane;
    #pragma unroll
    for (int c = 0; c < CHANNELS; ++c) {
        if (part + c >= channels_out) break;
        const acc_t offset = bias ? bias[first + c] : acc_t(0);
        #pragma unroll
        for (int p = 0; p < POSITIONS; ++p) {
            const int y = tile_y + threadIdx.y + p * spread_h, x = tile_x + threadIdx.x + p * spread_w;
            if (y >= out_h || x >= out_w) continue;
            multiply_add(sums[c][p], acc_t(1), offset);
            out[c * plane + static_cast<long long>(y) * out_w + x] = convert<out_t>(sums[c][p]);
        }
    }
}
