// conv2d_mma: a convolution layer as a product of matrices on tensor cores.
//
//   out[n, c, y, x] = bias[c] + sum over k, r, s of weights[c, k, r, s] * image[n, g * channels_in + k, i, j]
//   i = y * stride_h - pad_h + r * dilation_h,  j = x * stride_w - pad_w + s * dilation_w,  g = c / channels_out
//
// g is the group of c. C order, but for `image_planes` (as many planes further on, the next image begins) and the steps
// out_n and out_c (elements from image to image, and from channel to channel):
//   image    (images, groups * channels_in, height, width)
//   weights  (filter_h, filter_w, groups * channels_out, channels_in), from a multiple of 16 bytes on
//   bias     (groups * channels_out), or null
//   out      (images, groups * channels_out, out_h, out_w)
// channels_in is a multiple of SHARE.
// Prelude: image_t, weights_t (the same), out_t, acc_t (float); CHANNELS and POSITIONS (outputs of a block); BOUNDARY,
//          with zeros outside where it is constant; ROUNDING, SATURATE, SKIP_ZERO_TAPS (0).
// Launch:  THREADS threads: two rows of four warps, CHANNELS / 2 x POSITIONS / 4 outputs each. The positions of a block
//          are 2^shift_h x 2^shift_w of as many images as that leaves; their order stands in mma_place.cuh.
// Shared:  STAGES * CHANNELS rows and two input tiles of rows, a row being 48 bytes; or, if that is more,
//          32 * (POSITIONS + 8) * sizeof(out_t) bytes; dynamic.
// Reference: Chetlur et al., cuDNN: Efficient Primitives for Deep Learning, 2014, section 3 (the implicit product);
//            Kerr et al., CUTLASS: Fast Linear Algebra in CUDA C++, 2017 (tiles of warps, stages).
//
// Rows of the left matrix are output channels, columns of the right one positions; a step adds DEPTH input channels of
// one tap. The tile of the inputs has a row for each position, so that the matrix of any tap is a choice of rows, and
// serves all taps of a window: the filter, a row of it or a single tap, as fits. Rows lie 48 bytes apart, so that eight
// of them are read at a time without bank conflicts.

constexpr int SHARES = 2;  // of a row

#include "mma_place.cuh"
#include "mma_steps.cuh"
#include "mma_store.cuh"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int BLOCKS = POSITIONS > 128 ? 1 : 2;  // of a multiprocessor, whose shared memory holds one of the largest
#else
constexpr int BLOCKS = 2;
#endif

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) conv2d_mma(
    const image_t* __restrict__ image, const weights_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, int groups, int channels_in, int channels_out, int height, int width, int out_h, int out_w,
    int filter_h, int filter_w, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h, int dilation_w,
    int images, int shift_h, int shift_w, int window_h, int window_w, int image_planes, long long out_n,
    long long out_c)
{
    extern __shared__ __align__(16) char shared[];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int shift = shift_h + shift_w, tile_h = 1 << shift_h, tile_w = 1 << shift_w, taps = window_h * window_w;
    const Place place =
        place_of_block(ceil_div(channels_out, CHANNELS), ceil_div(out_h, tile_h), ceil_div(out_w, tile_w),
                       ceil_div(images, POSITIONS >> shift), shift_h, shift_w);
    const int rows = tile_h + (window_h - 1) * dilation_h, columns = tile_w + (window_w - 1) * dilation_w;
    const int plane = height * width, pitch = image_planes * plane;
    const Tile tile{rows, columns, (POSITIONS >> shift) * rows * columns, 1.0f / rows, 1.0f / columns,
                    place.y * stride_h - pad_h, place.x * stride_w - pad_w, stride_h, stride_w, height, width,
                    images - place.n, 1, plane, pitch};
    const Layer layer{channels_in, taps, filter_h * filter_w / taps, window_w, filter_w, dilation_h, dilation_w,
                      static_cast<long long>(groups) * channels_out * channels_in};
    const long long first = place.group * channels_out + place.part;  // channel
    const int channels = channels_out - place.part, c = threadIdx.x % CHANNELS, half = threadIdx.x / CHANNELS;
    const Weights staged{weights + (first + min(c, channels - 1)) * channels_in + half * SHARE,
                         address_of(shared + c * PITCH + half * 16), c < channels, half,
                         filter_h * filter_w * ceil_div(channels_in, DEPTH), 0, taps, 0};

    const int left = (warp / 4 * (CHANNELS / 2) + lane % 16) * PITCH + lane / 16 * 16;  // rows that this lane names
    int right[TILES_N / 2];
    #pragma unroll
    for (int j = 0; j < TILES_N / 2; ++j) {
        const int p = warp % 4 * (POSITIONS / 4) + j * 16 + lane / 16 * 8 + lane % 8;
        const int y = (p >> shift) * rows + (p >> shift_w) % tile_h;
        right[j] = (y * columns + p % tile_w) * PITCH + lane / 8 % 2 * 16;
    }
    acc_t sums[TILES_M][TILES_N][4] = {};
    image += static_cast<long long>(place.n) * pitch + place.group * channels_in * plane;
    add_all(sums, shared, image, staged, tile, layer, left, right);

    const int p = threadIdx.x % POSITIONS, n = place.n + (p >> shift);  // the position that this thread stores
    const int y = place.y + (p >> shift_w) % tile_h, x = place.x + p % tile_w;
    const bool inside = n < images && y < out_h && x < out_w;
    out += n * out_n + first * out_c + static_cast<long long>(y) * out_w + x;
    store(out, reinterpret_cast<out_t*>(shared), sums, bias ? bias + first : nullptr, channels, inside, out_c);
}
