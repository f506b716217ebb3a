// dense_stage.cuh: the tile of a dense layer in shared memory, STEP input channels at a time. The copies of the next
// step are under way while one is computed.
//
// Prelude: image_t, acc_t; FILTER_H, FILTER_W, STRIDE_H, STRIDE_W; THREADS; STRIPS_H, STRIPS_W, BANDS, ROWS, RUN
//          (the positions of a block); STEP, a power of two; CHANNELS_LAST (1: channels are neighbours in the image's
//          memory); WHOLE (1: the rows of an image are vectors, as single taps let any rows be); BOUNDARY.
//
// Where a sample of the tile comes from is the same for all channels: it is looked up once, the boundary included.
// Samples outside the image are the fill value, which is written once. A copy then takes no test but of its place.

#include "boundary.cuh"
#include "dense_tile.cuh"

constexpr unsigned int OUTSIDE = 0xffffffff;  // place of a sample outside the image

// Where the samples of the tile stand in the images, in bytes from the first one of image `first_n`.
struct Place {
    int step_n, step_y, step_x;               // elements
    int images, height, width, pad_h, pad_w;  // what there is
    int first, first_n, tiles_h, left;        // band, its image, bands of an image; first column

    // Looks up all of them, and puts the fill value where there are none.
    __device__ __forceinline__ void look(int* places, Step* steps, acc_t fill) const {
        for (int i = threadIdx.x; i < PLACES; i += THREADS) {
            const int sample = i * COPIED, band = sample / (BAND * VECTOR), in_band = sample % (BAND * VECTOR);
            const int row = in_band / (PITCH * VECTOR), column = in_band % (PITCH * VECTOR);
            const int phase = column / (PHASE * VECTOR), at = column % (PHASE * VECTOR);
            const int run = at / (NEXT_RUN * VECTOR), in_run = at % (NEXT_RUN * VECTOR);
            const int n = BANDS == 1 ? first_n : (first + band) / tiles_h, top = (first + band - n * tiles_h) * TILE_H;
            const int down = row / ROW_STEP * STRIDE_H + row % ROW_STEP;
            const int y = source_index(top * STRIDE_H - pad_h + down, height);
            const int x = source_index((left + run * RUN + in_run) * STRIDE_W - pad_w + phase, width);
            const bool met = band < BANDS && row < IN_H && phase < PHASES && in_run < REACH;
            const bool inside = met && n < images && y >= 0 && x >= 0;
            places[i] = inside ? int(sizeof(image_t)) * ((n - first_n) * step_n + y * step_y + x * step_x) : OUTSIDE;
            if (!inside && sample < PLANE * VECTOR) steps[0].fill(i, fill), steps[1].fill(i, fill);
        }
    }
};

// What is copied next.
struct Source {
    const char* image;         // of the first image: the next step's first channel
    const acc_t* weights;      // the next step's first one that this thread copies
    int image_k, channels_in;  // bytes from a channel to the next; how many there are
    int left, channels_out;    // input channels, output channels from the part's first on
    bool aligned;              // the image begins at a vector

    // Starts the copies of a step.
    __device__ __forceinline__ void request(Step& step, const int* places) {
        if (WHOLE && !aligned) request_values(step, places);
        else request_image(step, places);
        if (left >= STEP && channels_out >= BLOCK_CHANNELS) request_weights<true>(step);
        else request_weights<false>(step);
        image += static_cast<long long>(STEP) * image_k;
        weights += STEP * TAPS;
        left -= STEP;
    }

    // In the place of channels that there are not, the last one is copied.
    __device__ __forceinline__ const char* channel(int k) const {
        return image + static_cast<unsigned int>(min(k, left - 1) * image_k);
    }

    __device__ __forceinline__ void request_image(Step& step, const int* places) const {
        const int lane = WHOLE ? threadIdx.x / SAMPLES : threadIdx.x % LANES;
        const int sample = WHOLE ? threadIdx.x % SAMPLES : threadIdx.x / LANES;
        constexpr int NEXT = PLANE * VECTOR / COPIED;  // from channel to channel
        auto* const target = reinterpret_cast<Vector<acc_t, COPIED>*>(step.image) + lane * NEXT + sample;
        const char* channels[STEP / LANES];
        #pragma unroll
        for (int k = 0; k < STEP; k += LANES) channels[k / LANES] = channel(k + lane);
        unsigned int all[PLACES / SAMPLES];
        #pragma unroll
        for (int i = 0; i < PLACES; i += SAMPLES) all[i / SAMPLES] = places[i + sample];
        #pragma unroll
        for (int i = 0; i < PLACES; i += SAMPLES) {
            const unsigned int place = all[i / SAMPLES];
            #pragma unroll
            for (int k = 0; k < STEP; k += LANES)
                copy_if<0>(place != OUTSIDE, target, k * NEXT + i,
                           reinterpret_cast<const Vector<image_t, COPIED>*>(channels[k / LANES] + place));
        }
    }

    // Where the image begins between vectors.
    __device__ __forceinline__ void request_values(Step& step, const int* places) const {
        auto* const target = reinterpret_cast<Vector<acc_t, 1>*>(step.image);
        #pragma unroll 1
        for (int i = threadIdx.x; i < STEP * PLANE * VECTOR; i += THREADS) {
            const unsigned int place = places[i % (PLANE * VECTOR) / VECTOR];
            const char* const channel = this->channel(i / (PLANE * VECTOR)) + i % VECTOR * sizeof(image_t);
            copy_if<0>(place != OUTSIDE, target, i, reinterpret_cast<const Vector<image_t, 1>*>(channel + place));
        }
    }

    // Eight threads copy neighbouring taps: to different banks, one row of the transposed weights each.
    template <bool ALL> __device__ __forceinline__ void request_weights(Step& step) const {
        constexpr int ROWS_AT_ONCE = THREADS / 8;
        const int tap = threadIdx.x % 8, row = threadIdx.x / 8, rest = (ALL ? STEP : min(left, STEP)) * TAPS - tap;
        auto* const target = reinterpret_cast<Vector<acc_t, 1>*>(step.weights) + tap * WEIGHTS_PITCH * VECTOR + row;
        const long long next = static_cast<long long>(channels_in) * TAPS;  // output channel
        const acc_t* source = weights;
        #pragma unroll
        for (int c = 0; c < BLOCK_CHANNELS; c += ROWS_AT_ONCE, source += ROWS_AT_ONCE * next)
            #pragma unroll
            for (int i = 0; i < STEP * TAPS; i += 8)
                copy_if<0>((i + 8 <= STEP * TAPS && ALL) || (i < rest && (ALL || c + row < channels_out)), target,
                           i * WEIGHTS_PITCH * VECTOR + c, reinterpret_cast<const Vector<acc_t, 1>*>(source + i));
    }
};
