// dense_tile.cuh: how the tile of a dense layer and its weights lie in shared memory, for a step of input channels.
//
// Prelude: as in dense_stage.cuh.

#include "copy.cuh"

constexpr int CHANNELS = 8;  // output channels of a thread
constexpr int STRIPS = STRIPS_H * STRIPS_W * BANDS, BLOCK_CHANNELS = THREADS / STRIPS * CHANNELS;
constexpr int TILE_H = STRIPS_H * ROWS, TILE_W = STRIPS_W * RUN;  // of a band
constexpr int TAPS = FILTER_H * FILTER_W;

// A row of the tile has the columns 0, STRIDE_W, 2 * STRIDE_W ..., then 1, 1 + STRIDE_W ..., in vectors; rows and
// columns that no tap meets are left out. Runs that do not begin at vectors have their windows one behind another.
constexpr int ROW_STEP = STRIDE_H < FILTER_H ? STRIDE_H : FILTER_H;
constexpr int PHASES = STRIDE_W < FILTER_W ? STRIDE_W : FILTER_W;
constexpr int REACH = RUN + (FILTER_W - 1) / STRIDE_W, WINDOW = ceil_div(REACH, VECTOR);  // samples, vectors
constexpr int NEXT_RUN = RUN == VECTOR ? 1 : WINDOW | 1;  // vectors from a window to the next
constexpr int PHASE = (STRIPS_W - 1) * NEXT_RUN + WINDOW;
constexpr int IN_H = (TILE_H - 1) * ROW_STEP + FILTER_H;

// The first number from n on that times `factor` leaves this rest.
__device__ constexpr int next_with_rest(int n, int factor, int divisor, int rest) {
    while (n * factor % divisor != rest) ++n;
    return n;
}

// The rows of a strip are neighbours where that lets a thread use them again, else STRIPS_H apart.
constexpr bool UNROLLED = FILTER_H <= 3;
constexpr bool NEIGHBOURS = UNROLLED && STRIDE_H == 1 && (STRIPS_W >= ROWS || STRIPS_H == 1);
constexpr int DOWN = NEIGHBOURS ? 1 : STRIPS_H;
constexpr int FROM = (NEIGHBOURS ? ROWS : 1) * ROW_STEP;  // rows of the tile from a strip to the one below

// From a row, and from a band, to the next: eight threads that read a vector each read from different banks.
constexpr int ACROSS = STRIPS_W, IN_BAND = STRIPS_W * STRIPS_H;
constexpr int PITCH =
    STRIPS_H > 1 && ACROSS < 8 ? next_with_rest(PHASES * PHASE, FROM, 2 * ACROSS, ACROSS) : PHASES * PHASE;
constexpr int BAND =
    BANDS > 1 && IN_BAND < 8 ? next_with_rest(IN_H * PITCH, 1, 2 * IN_BAND, IN_BAND) : IN_H * PITCH;

// Threads copy LANES channels at a time: neighbours do where channels come last, far ones where a tile is so small.
constexpr int TILE_VECTORS = BANDS * BAND, ENOUGH = ceil_div(THREADS, TILE_VECTORS);
constexpr int LANES = WHOLE ? (ENOUGH < STEP ? ENOUGH : STEP) : !CHANNELS_LAST ? 1 : STEP < 8 ? STEP : 8;
constexpr int PLANE = CHANNELS_LAST && LANES > 1 ? next_with_rest(TILE_VECTORS, 1, 8, 8 / LANES) : TILE_VECTORS;
constexpr int COPIED = WHOLE ? VECTOR : 1;  // values at a time
constexpr int SAMPLES = THREADS / LANES;    // copies of a channel at a time
constexpr int PLACES = ceil_div(PLANE * VECTOR / COPIED, SAMPLES) * SAMPLES;
constexpr int WEIGHTS_PITCH = BLOCK_CHANNELS / VECTOR + 1;

struct Step {
    vector_t image[STEP * PLANE];
    vector_t weights[STEP * TAPS * WEIGHTS_PITCH];  // (STEP, FILTER_H, FILTER_W, BLOCK_CHANNELS)

    // In the place of samples (all that one copy would bring) and channels that there are not.
    __device__ __forceinline__ void fill(int copy, acc_t value) {
        Vector<acc_t, COPIED> values;
        #pragma unroll
        for (int x = 0; x < COPIED; ++x) values.at[x] = value;
        #pragma unroll
        for (int k = 0; k < STEP; ++k) reinterpret_cast<Vector<acc_t, COPIED>*>(image + k * PLANE)[copy] = values;
    }

    __device__ __forceinline__ void clear_weights() {
        for (int i = threadIdx.x; i < STEP * TAPS * WEIGHTS_PITCH; i += THREADS) weights[i] = {};
    }
};
