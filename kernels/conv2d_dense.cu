// conv2d_dense: a layer whose groups have many channels, near the limit of the multiply-adds.
//
//   out[n, c, y, x] = bias[c] + sum over k, r, s of weights[c, k, r, s] * image[n, g * channels_in + k, i, j]
//   i = y * STRIDE_H - pad_h + r,  j = x * STRIDE_W - pad_w + s,  g = c / channels_out
//
// g is the group of c.
//   image    (images, groups * channels_in, height, width), any strides (in elements)
//   weights  (groups * channels_out, channels_in, FILTER_H, FILTER_W), C order
//   bias     (groups * channels_out), or null
//   out      (images, groups * channels_out, out_h, out_w), any strides
// Prelude: image_t, out_t, acc_t; FILTER_H, FILTER_W, STRIDE_H, STRIDE_W; THREADS, BLOCKS (on a multiprocessor);
//          STRIPS_H, STRIPS_W, BANDS (strips of a band down and across, bands of a block), ROWS, RUN (of a strip: rows
//          of as many positions); STEP (input channels at a time); CHANNELS_LAST, WHOLE; BOUNDARY, ROUNDING, SATURATE,
//          SKIP_ZERO_TAPS.
// Launch:  THREADS threads; along grid x the tiles of a row, then the parts of a group, the groups, the bands: those of
//          an image from top to bottom, then those of the next one.
// Shared:  2 * sizeof(Step) + PLACES * sizeof(int) bytes, dynamic.
// Reference: Lavin, maxDNN: An Efficient Convolution Kernel for Deep Learning, 2015.
//
// A thread has CHANNELS output channels of a strip: ROWS rows of RUN neighbouring positions. In registers, a window of
// each row meets all taps of a filter row: few loads of 16 bytes feed CHANNELS * ROWS * RUN * FILTER_W multiply-adds.
// Runs of 7, and bands that go on in the next image, leave no thread idle on images of 7, 14, 28 or 56. The copies into
// shared memory transpose the weights, and an image whose channels come last.

#include "dense_stage.cuh"
#include "dense_store.cuh"

// Adds one input channel to the sums of a strip.
__device__ __forceinline__ void add_channel(
    acc_t (&sums)[CHANNELS][ROWS][RUN], const vector_t* tile, const vector_t* weights)
{
    acc_t window[ROWS][PHASES][WINDOW * VECTOR];
    #pragma unroll (UNROLLED ? FILTER_H : 1)
    for (int r = 0; r < FILTER_H; ++r) {
        #pragma unroll
        for (int row = 0; row < ROWS; ++row) {
            #pragma unroll
            for (int p = 0; p < PHASES; ++p) {
                if (NEIGHBOURS && r > 0 && row + 1 < ROWS) copy_values(window[row][p], window[row + 1][p]);
                else load_window<WINDOW>(window[row][p], tile + (row * DOWN * ROW_STEP + r) * PITCH + p * PHASE);
            }
        }
        #pragma unroll
        for (int s = 0; s < FILTER_W; ++s) {
            acc_t taps[CHANNELS];
            load_window<CHANNELS / VECTOR>(taps, weights + (r * FILTER_W + s) * WEIGHTS_PITCH);
            #pragma unroll
            for (int c = 0; c < CHANNELS; ++c)
                #pragma unroll
                for (int row = 0; row < ROWS; ++row)
                    #pragma unroll
                    for (int x = 0; x < RUN; ++x)
                        multiply_add(sums[c][row][x], taps[c], window[row][s % STRIDE_W][x + s / STRIDE_W]);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) conv2d_dense(
    const image_t* __restrict__ image, const acc_t* __restrict__ weights, const acc_t* __restrict__ bias,
    out_t* __restrict__ out, int groups, int channels_in, int channels_out, int images, int height, int width,
    int out_h, int out_w, int pad_h, int pad_w, int tiles_h, int tiles_w, long long image_n, long long image_k,
    int image_y, int image_x, long long out_n, long long out_c, long long out_y, long long out_x, acc_t fill)
{
    extern __shared__ __align__(16) char shared[];
    Step* const steps = reinterpret_cast<Step*>(shared);
    int* const places = reinterpret_cast<int*>(steps + 2);
    int block = blockIdx.x;
    const int tile_x = block % tiles_w * TILE_W, parts = ceil_div(channels_out, BLOCK_CHANNELS);
    const int part = (block /= tiles_w) % parts * BLOCK_CHANNELS, group = (block /= parts) % groups;
    const int band = block / groups * BANDS, n = band / tiles_h;  // first ones
    const long long first = static_cast<long long>(group) * channels_out + part;

    const Place place = {static_cast<int>(image_n), image_y, image_x, images, height, width, pad_h, pad_w,
                         band, n, tiles_h, tile_x};
    place.look(places, steps, fill);
    const acc_t* const own = weights + (first + threadIdx.x / 8) * channels_in * TAPS + threadIdx.x % 8;
    image += n * image_n + static_cast<long long>(group) * channels_in * image_k;
    Source source = {reinterpret_cast<const char*>(image), own, static_cast<int>(image_k * sizeof(image_t)),
                     channels_in, channels_in, channels_out - part,
                     reinterpret_cast<unsigned long long>(image) % sizeof(Vector<image_t, VECTOR>) == 0};
    if (channels_out - part < BLOCK_CHANNELS) steps[0].clear_weights(), steps[1].clear_weights();
    __syncthreads();
    source.request(steps[0], places);

    const int strip = threadIdx.x % STRIPS, tx = strip % STRIPS_W, tn = strip / IN_BAND;
    const int ty = strip / STRIPS_W % STRIPS_H * (NEIGHBOURS ? ROWS : 1);
    const int c0 = threadIdx.x / STRIPS * CHANNELS;
    const vector_t* image_part = steps[0].image + tn * BAND + ty * ROW_STEP * PITCH + tx * NEXT_RUN;
    const vector_t* weights_part = steps[0].weights + c0 / VECTOR;
    acc_t sums[CHANNELS][ROWS][RUN] = {};
    int other = sizeof(Step) / sizeof(vector_t);
    for (int k = channels_in; k > 0; k -= STEP) {
        copies_arrive();
        __syncthreads();
        if (k > STEP) source.request(steps[other > 0], places);
        const vector_t *tile = image_part, *taps = weights_part;
        #pragma unroll (TAPS == 1 ? 4 : 1)
        for (int i = min(STEP, k); i > 0; --i, tile += PLANE, taps += TAPS * WEIGHTS_PITCH)
            add_channel(sums, tile, taps);
        image_part += other, weights_part += other;
        other = -other;
    }

    const int own_n = BANDS == 1 ? n : (band + tn) / tiles_h;
    if (own_n >= images) return;
    if (bias) add_bias(sums, bias + first + c0, channels_out - part - c0);
    const int y = (band + tn - own_n * tiles_h) * TILE_H + ty, x = tile_x + tx * RUN;
    const Strip target = {out + own_n * out_n + (first + c0) * out_c + y * out_y + x * out_x, out_c, out_y, out_x,
                          channels_out - part - c0, ceil_div(out_h - y, DOWN), out_w - x};
    if (out_c == 1) target.store_channels(sums);
    else target.store_rows(sums);
}
