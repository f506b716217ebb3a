// conv2d_window_gradient: the gradient of a layer with respect to small filters, as partial sums over parts of the
// batch.
//
//   partial[i, c, k, r, s] = sum over the positions (n, y, x) of part i of
//                            grad[n, c, y, x] * image[n, g * channels_in + k, y * STRIDE_H - pad_h + r,
//                                                                             x * STRIDE_W - pad_w + s]
//
// g is the group of c. C order:
//   image    (images, groups * channels_in, height, width)
//   grad     (images, groups * channels_out, out_h, out_w)
//   partial  (parts, groups * channels_out, channels_in, FILTER_H, FILTER_W); sum_parts.cu adds them up
// Prelude: that of window_stage.cuh; SKIP_ZERO_TAPS (0).
// Launch:  THREADS threads; along grid x the tiles of input channels, of output channels, the groups, the parts of
//          `chunks` rectangles of TILE_H rows of TILE_W vectors.
// Shared:  2 * sizeof(Stage) bytes, dynamic.
// Reference: as conv2d_weight_gradient.cu, whose columns of taps are windows here, which are loaded once for all taps.
//
// A thread has all taps of one input channel and SIDE output channels. The lanes of a warp have different input
// channels and the same output channels, so that they read their gradients together.

#include "window_stage.cuh"
#include "values.cuh"

constexpr int TAPS = FILTER_H * FILTER_W;
constexpr int WINDOW = ceil_div((VECTOR - 1) * STRIDE_W + FILTER_W, VECTOR);  // vectors

// The products of a vector of positions, or of the first `count` of them; nothing meets the others, so that no infinity
// comes in.
template <bool ALL>
__device__ __forceinline__ void add(acc_t (&sums)[SIDE][TAPS], const vector_t* image, const vector_t* grad, int count) {
    acc_t window[FILTER_H][WINDOW * VECTOR], grads[SIDE][VECTOR];
    #pragma unroll
    for (int r = 0; r < FILTER_H; ++r) load_window<WINDOW>(window[r], image + r * IN_W);
    #pragma unroll
    for (int c = 0; c < SIDE; ++c) load_window<1>(grads[c], grad + c * TILE_H * TILE_W);
    #pragma unroll
    for (int x = 0; x < VECTOR; ++x) {
        if (!ALL && x >= count) return;
        #pragma unroll
        for (int tap = 0; tap < TAPS; ++tap)
            #pragma unroll
            for (int c = 0; c < SIDE; ++c)
                multiply_add(sums[c][tap], grads[c][x], window[tap / FILTER_W][x * STRIDE_W + tap % FILTER_W]);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) conv2d_window_gradient(
    const image_t* __restrict__ image, const acc_t* __restrict__ grad, acc_t* __restrict__ partial, int groups,
    int channels_in, int channels_out, int images, int height, int width, int out_h, int out_w, int pad_h, int pad_w,
    int tiles_h, int tiles_w, int chunks, acc_t fill)
{
    extern __shared__ __align__(16) char shared[];
    Stage* const stages = reinterpret_cast<Stage*>(shared);
    int block = blockIdx.x;
    const int first_in = block % ceil_div(channels_in, INPUTS) * INPUTS;
    block /= ceil_div(channels_in, INPUTS);
    const int first_out = block % ceil_div(channels_out, OUTPUTS) * OUTPUTS;
    block /= ceil_div(channels_out, OUTPUTS);
    const Layer layer = {channels_in - first_in, channels_out - first_out, height, width, out_h, out_w, pad_h, pad_w};
    const int group = block % groups, part = block / groups, plane = height * width, out_plane = out_h * out_w;
    const int first = part * chunks, last = min(first + chunks, images * tiles_h * tiles_w);
    int n = first / (tiles_h * tiles_w), y = first / tiles_w % tiles_h * TILE_H, x = first % tiles_w * TILE_W * VECTOR;
    image += ((static_cast<long long>(n) * groups + group) * channels_in + first_in) * plane;
    grad += ((static_cast<long long>(n) * groups + group) * channels_out + first_out) * out_plane;

    const int k = threadIdx.x % INPUTS, c0 = threadIdx.x / INPUTS * SIDE;
    acc_t sums[SIDE][TAPS] = {};
    if (first < last) request(stages[0], image, grad, layer, y, x, fill);
    #pragma unroll 1
    for (int chunk = first; chunk < last; ++chunk) {
        const int rows = min(TILE_H, out_h - y), columns = min(TILE_W * VECTOR, out_w - x);
        if ((x += TILE_W * VECTOR) >= out_w) x = 0, y += TILE_H;
        if (y >= out_h) {
            y = 0;
            image += static_cast<long long>(groups) * channels_in * plane;
            grad += static_cast<long long>(groups) * channels_out * out_plane;
        }
        const Stage& stage = stages[(chunk - first) % 2];
        copies_arrive();
        __syncthreads();
        if (chunk + 1 < last)
            request(stages[(chunk - first + 1) % 2], image, grad, layer, y, x, fill);
        #pragma unroll 1
        for (int row = 0; row < rows; ++row) {
            const vector_t *samples = stage.image[k] + row * STRIDE_H * IN_W, *grads = stage.grad[c0][row];
            int left = columns;
            #pragma unroll 1
            for (; left >= VECTOR; left -= VECTOR, samples += STRIDE_W, ++grads)
                add<true>(sums, samples, grads, VECTOR);
            if (left > 0) add<false>(sums, samples, grads, left);
        }
    }

    if (first_in + k >= channels_in) return;
    partial += (static_cast<long long>(part) * groups + group) * channels_out * channels_in * TAPS;
    partial += (static_cast<long long>(first_out + c0) * channels_in + first_in + k) * TAPS;
    #pragma unroll
    for (int c = 0; c < SIDE; ++c, partial += static_cast<long long>(channels_in) * TAPS) {
        if (first_out + c0 + c >= channels_out) return;
        #pragma unroll
        for (int tap = 0; tap < TAPS; ++tap) partial[tap] = sums[c][tap];
    }
}
