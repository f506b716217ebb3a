// conv2d_mma_last: a convolution layer as a product of matrices on tensor cores, of images whose channels come last.
//
//   out[n, y, x, c] = bias[c] + sum over k, r, s of weights[c, k, r, s] * image[n, i, j, g * channels_in + k]
//   i = y * stride_h - pad_h + r * dilation_h,  j = x * stride_w - pad_w + s * dilation_w,  g = c / channels_out
//
// g is the group of c. C order:
//   image    (images, height, width, groups * channels_in)
//   weights  (filter_h, filter_w, groups * channels_out, channels_in), from a multiple of 16 bytes on
//   bias     (groups * channels_out), or null
//   out      (images, out_h, out_w, groups * channels_out)
// channels_in is a multiple of SHARE.
// Prelude: that of conv2d_mma.cu; SHARES (of a row, two or four).
// Launch:  as conv2d_mma: four warps along the positions, two along the channels.
// Shared:  STAGES * CHANNELS rows of weights and two input tiles, or three where windows are single taps; rows are
//          PITCH bytes; dynamic.
// Reference: that of conv2d_mma.cu.
//
// What conv2d_mma fetches value by value, through registers, stands side by side here: 16 bytes at a time go from
// global to shared memory.

#include "mma_pairs.cuh"
#include "mma_place.cuh"

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_mma_last(
    const image_t* __restrict__ image, const weights_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, int groups, int channels_in, int channels_out, int height, int width, int out_h, int out_w,
    int filter_h, int filter_w, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h, int dilation_w,
    int images, int shift_h, int shift_w, int window_h, int window_w)
{
    extern __shared__ __align__(16) char shared[];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int shift = shift_h + shift_w, tile_h = 1 << shift_h, tile_w = 1 << shift_w, taps = window_h * window_w;
    const Place place =
        place_of_block(ceil_div(channels_out, CHANNELS), ceil_div(out_h, tile_h), ceil_div(out_w, tile_w),
                       ceil_div(images, POSITIONS >> shift), shift_h, shift_w);
    const int rows = tile_h + (window_h - 1) * dilation_h, columns = tile_w + (window_w - 1) * dilation_w;
    const int step = groups * channels_in, pitch = height * width * step;
    const Tile tile{rows, columns, (POSITIONS >> shift) * rows * columns, 1.0f / rows, 1.0f / columns,
                    place.y * stride_h - pad_h, place.x * stride_w - pad_w, stride_h, stride_w, height, width,
                    images - place.n, step, 0, pitch};
    const Layer layer{channels_in, taps, filter_h * filter_w / taps, window_w, filter_w, dilation_h, dilation_w,
                      static_cast<long long>(groups) * channels_out * channels_in};
    const int first = static_cast<int>(place.group) * channels_out + place.part;  // channel
    const int channels = channels_out - place.part, c = threadIdx.x % CHANNELS, share = threadIdx.x / CHANNELS;
    const Weights staged{weights + static_cast<long long>(first + min(c, channels - 1)) * channels_in + share * SHARE,
                         address_of(shared + c * PITCH + share * 16), c < channels, share,
                         filter_h * filter_w * ceil_div(channels_in, DEPTH), 0, taps, 0};

    const int side = warp / 4 * (CHANNELS / 2);  // the warp's first channel
    const int right = (side + lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2 * 16;  // rows that this lane names
    int left[TILES_M];
    #pragma unroll
    for (int i = 0; i < TILES_M; ++i) {
        const int p = warp % 4 * (POSITIONS / 4) + i * 16 + lane % 16;
        const int y = (p >> shift) * rows + (p >> shift_w) % tile_h;
        left[i] = (y * columns + p % tile_w) * PITCH + lane / 16 * 16;
    }
    float sums[TILES_M][TILES_N][4] = {};
    image += static_cast<long long>(place.n) * pitch + place.group * channels_in;
    add_all(sums, shared, image, staged, tile, layer, left, right);

    const int mine = side + lane % 4 * 2, total = groups * channels_out;
    out += first + mine;
    if (bias) add_bias(sums, bias + first + mine, channels - mine);
    const bool aligned = total % 2 == 0 && reinterpret_cast<unsigned long long>(out) % (2 * sizeof(out_t)) == 0;
    #pragma unroll
    for (int i = 0; i < 2 * TILES_M; ++i) {
        const int p = warp % 4 * (POSITIONS / 4) + i * 8 + lane / 4, n = place.n + (p >> shift);
        const int y = place.y + (p >> shift_w) % tile_h, x = place.x + p % tile_w;
        if (n >= images || y >= out_h || x >= out_w) continue;
        out_t* const target = out + (static_cast<long long>(n) * (out_h * out_w) + (y * out_w + x)) * total;
        store_pairs(target, sums[i / 2], i % 2, channels - mine, aligned);
    }
}
