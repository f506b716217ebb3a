// mma_weights.cuh: the weights of conv2d_mma and conv2d_mma_last on their way to shared memory, STAGES - 1 steps ahead.
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
// then the next window. A thread copies 16 bytes, a share of a row; `wanted` is whether its output channel exists.
struct Weights {
    const weights_t* next;  // what this thread copies for the next step
    address_t row;          // where to, in the first place
    bool wanted;
    int share, steps;   // of a row; steps left
    int k, left, slot;  // the next step's first input channel, its window's steps left, where its weights go

    __device__ __forceinline__ void stage(const Layer& layer) {
        if (steps > 0 && share < SHARES) copy_async(row + slot, next, wanted && k + share * SHARE < layer.channels_in);
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
