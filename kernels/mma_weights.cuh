// mma_weights.cuh: the weights of conv2d_mma on their way to shared memory, STAGES - 1 steps ahead.
//
// Prelude: image_t, weights_t (the same); CHANNELS (of a block).

#include "async.cuh"
#include "mma_tile.cuh"

constexpr int STAGES = 3, SLOT = CHANNELS * PITCH;  // steps whose weights have a place; bytes of it

struct Layer {
    int channels_in, taps, windows, window_w, filter_w;  // taps of a window, windows of the filter
    int dilation_h, dilation_w;
    long long tap_weights;  // from tap to tap
};

// The weights of the steps, one after another: the taps of a window for some input channels, then for the next ones,
// then the next window. A thread copies 16 bytes, a half row; `wanted` is whether its output channel exists.
struct Weights {
    const weights_t* next;  // what this thread copies for the next step
    bool wanted;
    int half, steps;    // steps left
    int k, left, slot;  // the next step's first input channel, its window's steps left, where its weights go

    __device__ __forceinline__ void stage(char* shared, const Layer& layer) {
        if (steps > 0 && half < 2) {
            char* const row = shared + slot + threadIdx.x % CHANNELS * PITCH + half * 16;
            copy_async(row, next, wanted && k + half * SHARE < layer.channels_in);
        }
        end_copies();
        --steps;
        slot = slot == (STAGES - 1) * SLOT ? 0 : slot + SLOT;
        next += layer.tap_weights;
        if (--left) return;
        left = layer.taps;
        k += DEPTH;
        const bool same = k < layer.channels_in;  // window
        next += same ? DEPTH - left * layer.tap_weights : DEPTH - k;
        if (!same) k = 0;
    }
};
