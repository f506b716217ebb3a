// conv2d_weight_gradient: the gradient of a layer with respect to its weights, as partial sums over parts of the batch.
//
//   partial[i, c, k, r, s] = sum over the positions (n, y, x) of part i of
//                            grad[n, c, y, x] * image[n, g * channels_in + k, y * stride_h - pad_h + r * dilation_h,
//                                                                             x * stride_w - pad_w + s * dilation_w]
//
// g is the group of c. C order:
//   image    (images, groups * channels_in, height, width)
//   grad     (images, groups * channels_out, out_h, out_w)
//   partial  (parts, groups * channels_out, channels_in, filter_h, filter_w); sum_parts.cu adds them up
// Prelude: image_t, acc_t; CHANNELS, WEIGHTS (of a block: output channels, and weights of each), SLICES (of a block:
//          each has partial sums of its own), POSITIONS (at a time), all powers of two; BOUNDARY, SKIP_ZERO_TAPS.
// Launch:  THREADS = CHANNELS / 8 * WEIGHTS / 8 * SLICES threads; along grid x the tiles of weights, of channels, the
//          groups, the parts of `chunks` times POSITIONS positions.
// Shared:  2 * sizeof(Stage) bytes, static, and 2 * (filter_h + filter_w) * TABLE * sizeof(int), dynamic.
// Reference: the implicit matrix product of Chetlur et al., cuDNN: Efficient Primitives for Deep Learning, 2014.
//
// A matrix product: rows are output channels, columns the weights (k, r, s) of a group; the sum runs over positions.
// A thread has 8 x 8 sums.

#include "gradient_stage.cuh"
#include "values.cuh"

// Adds the positions of a slice.
__device__ __forceinline__ void add(acc_t (&sums)[SIDE][SIDE], const Stage& stage, int slice, int row, int column) {
    #pragma unroll 4
    for (int i = slice; i < POSITIONS; i += SLICES) {
        const int p = SPREAD == 1 ? i : i * SPREAD % POSITIONS + i * SPREAD / POSITIONS;
        acc_t grads[SIDE], values[SIDE];
        #pragma unroll
        for (int j = 0; j < SIDE; ++j) {
            grads[j] = stage.grad[p][j / VECTOR * (CHANNELS / SIDE) + row].at[j % VECTOR];
            values[j] = stage.image[p][j / VECTOR * (WEIGHTS / SIDE) + column].at[j % VECTOR];
        }
        #pragma unroll
        for (int c = 0; c < SIDE; ++c)
            #pragma unroll
            for (int w = 0; w < SIDE; ++w) multiply_add(sums[c][w], grads[c], values[w]);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) conv2d_weight_gradient(
    const image_t* __restrict__ image, const acc_t* __restrict__ grad, acc_t* __restrict__ partial, int groups,
    int channels_in, int channels_out, int images, int height, int width, int out_h, int out_w, int filter_h,
    int filter_w, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h, int dilation_w, int chunks,
    acc_t fill)
{
    extern __shared__ int places[];
    __shared__ Stage stages[2];
    const Layer layer = {groups, channels_in, channels_out, images, height, width, out_h, out_w, filter_h, filter_w,
                         pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w};
    const int weights = channels_in * filter_h * filter_w, plane = out_h * out_w, in_plane = height * width;
    const int table = (filter_h + filter_w) * TABLE, in_image = ceil_div(plane, POSITIONS);  // chunks
    int block = blockIdx.x;
    const int first_weight = block % ceil_div(weights, WEIGHTS) * WEIGHTS;
    block /= ceil_div(weights, WEIGHTS);
    const int first_channel = block % ceil_div(channels_out, CHANNELS) * CHANNELS;
    block /= ceil_div(channels_out, CHANNELS);
    const int group = block % groups, part = block / groups;
    const int first = part * chunks, last = min(first + chunks, images * in_image);
    image += static_cast<long long>(group) * channels_in * in_plane;
    grad += (static_cast<long long>(group) * channels_out + first_channel) * plane;

    Column columns[COLUMNS];
    #pragma unroll
    for (int j = 0; j < COLUMNS; ++j) columns[j].find(layer, first_weight + j * AT_ONCE + threadIdx.x / 8);
    const auto request_chunk = [&](int chunk) {
        const int n = chunk / in_image, at = chunk % in_image * POSITIONS;
        request(stages[chunk % 2], places + chunk % 2 * table,
                image + static_cast<long long>(n) * groups * channels_in * in_plane,
                grad + static_cast<long long>(n) * groups * channels_out * plane + at, columns, plane - at,
                channels_out - first_channel, plane, fill);
    };
    const int column = threadIdx.x % (WEIGHTS / SIDE), row = threadIdx.x / (WEIGHTS / SIDE) % (CHANNELS / SIDE);
    const int slice = threadIdx.x / (WEIGHTS / SIDE * (CHANNELS / SIDE));
    acc_t sums[SIDE][SIDE] = {};
    if (first < last) {
        layer.look(places + first % 2 * table, first % in_image);
        __syncthreads();
        request_chunk(first);
        layer.look(places + (first + 1) % 2 * table, (first + 1) % in_image);
    }
    for (int chunk = first; chunk < last; ++chunk) {
        copies_arrive();
        __syncthreads();
        if (chunk + 1 < last) request_chunk(chunk + 1);
        layer.look(places + chunk % 2 * table, (chunk + 2) % in_image);
        add(sums, stages[chunk % 2], slice, row, column);
    }

    const long long part_size = static_cast<long long>(groups) * channels_out * weights;
    partial += (static_cast<long long>(part) * SLICES + slice) * part_size;
    partial += (static_cast<long long>(group) * channels_out + first_channel) * weights + first_weight;
    #pragma unroll
    for (int i = 0; i < SIDE; ++i) {
        const int c = i / VECTOR * (CHANNELS / VECTORS) + row * VECTOR + i % VECTOR;
        if (first_channel + c >= channels_out) continue;
        #pragma unroll
        for (int j = 0; j < SIDE; ++j) {
            const int w = j / VECTOR * (WEIGHTS / VECTORS) + column * VECTOR + j % VECTOR;
            if (first_weight + w < weights) partial[static_cast<long long>(c) * weights + w] = sums[i][j];
        }
    }
}
