// dense_stage.cuh: the tile of a dense layer in shared memory, STEP input channels at a time. The copies of the next
// step are under way while one is computed.
//
// Prelude: image_t, acc_t; FILTER_H, FILTER_W, STRIDE_H, STRIDE_W; THREADS; STRIPS_H, STRIPS_W, IMAGES, ROWS (the
//          positions of a block); STEP, a power of two; CHANNELS_LAST (1: channels are neighbours in the image's
//          memory); WHOLE (1: the rows of an image are vectors, as single taps let any rows be); BOUNDARY.
//
// Where a sample of the tile comes from is the same for all channels: it is looked up once, the boundary included.
// Samples outside the image are the fill value, which is written once. A copy then takes no test but of its place.

#include "boundary.cuh"
#include "dense_tile.cuh"

constexpr int OUTSIDE = -2147483647 - 1;  // place of a sample outside the image

// Where the samples of the tile stand in the image, in bytes from its first one.
struct Place {
    int step_n, step_y, step_x;  // elements

    // Looks up all of them, from (top, left) on, and puts the fill value where there are none.
    __device__ __forceinline__ void look(
        int* places, Step* steps, int images, int height, int width, int top, int left, acc_t fill) const
    {
        for (int i = threadIdx.x; i < PLACES; i += THREADS) {
            const int first = i * COPIED, row = first / (PITCH * VECTOR), column = first % (PITCH * VECTOR);
            const int phase = column / (PHASE * VECTOR);
            const int n = row / IN_H, down = row % IN_H / ROW_STEP * STRIDE_H + row % IN_H % ROW_STEP;
            const int y = source_index(top + down, height);
            const int x = source_index(left + column % (PHASE * VECTOR) * STRIDE_W + phase, width);
            const bool inside = n < images && phase < PHASES && y >= 0 && x >= 0;
            places[i] = inside ? int(sizeof(image_t)) * (n * step_n + y * step_y + x * step_x) : OUTSIDE;
            if (!inside && first < PLANE * VECTOR) steps[0].fill(i, fill), steps[1].fill(i, fill);
        }
    }
};

struct Source {
    const image_t* image;  // of the first image and channel
    const acc_t* weights;  // of the first output channel
    long long image_k;     // from a channel to the next
    int channels_in, channels_out;  // of the group: input channels, output channels from the first on
    bool aligned;                   // the image begins at a vector

    // Starts the copies of the channels from k on.
    __device__ __forceinline__ void request(Step& step, const int* places, int k) const {
        request_image(step, places, k);
        request_weights(step, k);
    }

    // In the place of channels that there are not, the last one is copied.
    __device__ __forceinline__ void request_image(Step& step, const int* places, int first) const {
        if (WHOLE && !aligned) return request_values(step, places, first);
        const int lane = WHOLE ? threadIdx.x / SAMPLES : threadIdx.x % LANES;
        const int sample = WHOLE ? threadIdx.x % SAMPLES : threadIdx.x / LANES;
        constexpr int NEXT = PLANE * VECTOR / COPIED;  // from channel to channel
        auto* const target = reinterpret_cast<Vector<acc_t, COPIED>*>(step.image) + lane * NEXT + sample;
        #pragma unroll
        for (int i = 0; i < PLACES; i += SAMPLES) {
            const int place = places[i + sample];
            #pragma unroll
            for (int k = 0; k < STEP; k += LANES) {
                const char* channel =
                    reinterpret_cast<const char*>(image + min(first + k + lane, channels_in - 1) * image_k);
                copy_if<0>(place != OUTSIDE, target, k * NEXT + i,
                           reinterpret_cast<const Vector<image_t, COPIED>*>(channel + place));
            }
        }
    }

    // Where the image begins between vectors.
    __device__ __forceinline__ void request_values(Step& step, const int* places, int first) const {
        auto* const target = reinterpret_cast<Vector<acc_t, 1>*>(step.image);
        #pragma unroll 1
        for (int i = threadIdx.x; i < STEP * PLANE * VECTOR; i += THREADS) {
            const int k = i / (PLANE * VECTOR), place = places[i % (PLANE * VECTOR) / VECTOR];
            const image_t* channel = image + min(first + k, channels_in - 1) * image_k + i % VECTOR;
            copy_if<0>(place != OUTSIDE, target, i,
                       reinterpret_cast<const Vector<image_t, 1>*>(reinterpret_cast<const char*>(channel) + place));
        }
    }

    // Eight threads copy neighbouring taps: to different banks, one row of the transposed weights each.
    __device__ __forceinline__ void request_weights(Step& step, int first) const {
        constexpr int ROWS_AT_ONCE = THREADS / 8;
        const int tap = threadIdx.x % 8, row = threadIdx.x / 8;
        const int rest = min((channels_in - first) * TAPS, STEP * TAPS), rows = min(channels_out, BLOCK_CHANNELS);
        auto* const target = reinterpret_cast<Vector<acc_t, 1>*>(step.weights) + tap * WEIGHTS_PITCH * VECTOR + row;
        #pragma unroll
        for (int c = 0; c < BLOCK_CHANNELS; c += ROWS_AT_ONCE) {
            const acc_t* const source =
                weights + (static_cast<long long>(c + row) * channels_in + first) * TAPS + tap;
            #pragma unroll
            for (int i = 0; i < STEP * TAPS; i += 8)
                copy_if<0>(i + tap < rest && c + row < rows, target, i * WEIGHTS_PITCH * VECTOR + c,
                           reinterpret_cast<const Vector<acc_t, 1>*>(source + i));
        }
    }
};
