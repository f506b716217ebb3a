// mma_last.cuh: the sums of conv2d_mma_last: inputs copied as they lie, and a product of matrices for every tap and
// every DEPTH input channels.
//
// Prelude: image_t, weights_t (the same); CHANNELS and POSITIONS (outputs of a block); SHARES.
//
// Rows of the left matrix are positions, columns of the right one output channels: so that a thread has sums of
// neighbouring channels. Input tiles and weights come two steps ahead, past the registers.

#include "mma.cuh"
#include "mma_tile.cuh"
#include "mma_weights.cuh"

constexpr int THREADS = 256, AT_ONCE = THREADS / SHARES;  // positions at a time
constexpr int TILES_M = POSITIONS / 64, TILES_N = CHANNELS / 16;  // matrices of 16 positions, of 8 channels, a warp
using sums_t = float[TILES_M][TILES_N][4];

// The input tiles one after another: a window of taps for some channels, then for the next ones, then the next window.
// With windows of one tap, a tile is a step, and there are three of them in turn; else two.
struct Inputs {
    const image_t* image;
    char* tiles;
    address_t at;         // of the same
    bool aligned;         // the image begins at a multiple of 16 bytes
    int count, size;      // tiles, and bytes of one
    int window, k, into;  // of the next one to be copied

    // 16 bytes, or zeros.
    __device__ __forceinline__ void copy(int row, const image_t* source, bool wanted) const {
        if (aligned) return copy_async(at + row, source, wanted);
        share_t share;
        #pragma unroll
        for (int i = 0; i < SHARE; ++i) share.at[i] = wanted ? source[i] : image_t();
        *reinterpret_cast<share_t*>(tiles + row) = share;
    }

    // A share of a position's row a thread, eight neighbours of eight positions: in other banks. Behind the row each of
    // them keeps where it comes from, for the next channels.
    __device__ __forceinline__ void request(const Tile& tile, const Layer& layer) {
        if (window == layer.windows) return;
        const int r = window * layer.taps / layer.filter_w, s = window * layer.taps - r * layer.filter_w;
        const int share = threadIdx.x / 8 % SHARES, mine = threadIdx.x / (8 * SHARES) * 8 + threadIdx.x % 8;
        const int word = mine / 8 * SHARES % 4 + share;  // of those behind the row
        const bool some = k + share * SHARE < layer.channels_in;
        const image_t* const first = image + k + share * SHARE;
        int row = mine * PITCH;
        #pragma unroll 1
        for (int i = mine; i < tile.positions; i += AT_ONCE, row += AT_ONCE * PITCH) {
            int* const kept = reinterpret_cast<int*>(tiles + row + 16 * SHARES) + word;
            if (k == 0) *kept = source_of(tile, i, r * layer.dilation_h, s * layer.dilation_w);
            const int source = *kept;
            copy(row + into + share * 16, first + max(source, 0), some && source >= 0);
        }
        into = into == (count - 1) * size ? 0 : into + size;
        k = k + DEPTH < layer.channels_in ? k + DEPTH : 0;
        window += k == 0;
    }
};

// One step of a warp; row + rows[] and `weights` are the rows of the matrices that this lane names.
__device__ __forceinline__ void add_step(sums_t& sums, address_t row, const int (&rows)[TILES_M], address_t weights) {
    #pragma unroll (POSITIONS > 128 ? 1 : SHARES)  // as many sums leave no registers for the next shares
    for (int share = 0; share < SHARES; share += 2) {
        unsigned int a[4], b[TILES_N / 2][4];
        #pragma unroll
        for (int j = 0; j < TILES_N / 2; ++j) load_operands<image_t>(b[j], weights + (j * 16 * PITCH + share * 16));
        #pragma unroll
        for (int i = 0; i < TILES_M; ++i) {
            load_operands<image_t>(a, row + (rows[i] + share * 16));
            #pragma unroll
            for (int j = 0; j < TILES_N; ++j) multiply_matrices<image_t>(sums[i][j], a, b[j / 2] + j % 2 * 2);
        }
    }
}

// The sums of a block, in parts over its warps.
__device__ __forceinline__ void add_all(sums_t& sums, char* shared, const image_t* image, Weights weights,
                                        const Tile& tile, const Layer& layer, const int (&rows)[TILES_M], int right)
{
    const bool aligned = reinterpret_cast<unsigned long long>(image) % 16 == 0;
    const address_t operands = address_of(shared + right), tiles = address_of(shared + STAGES * SLOT);
    Inputs inputs{image, shared + STAGES * SLOT, tiles, aligned, layer.taps == 1 ? 3 : 2, tile.positions * PITCH,
                  0, 0, 0};
    int count = weights.steps / layer.taps, slot = 0, current = 0;
    #pragma unroll
    for (int i = 1; i < STAGES; ++i) {
        if (i == 1 || layer.taps == 1) inputs.request(tile, layer);
        weights.stage(layer);
    }
    const int right_of = layer.dilation_w * PITCH, below = layer.dilation_h * tile.columns * PITCH;
    #pragma unroll 1
    for (; count > 0; --count) {
        address_t row = tiles + current, first = row;
        int column = layer.window_w;
        #pragma unroll 1
        for (int tap = layer.taps; tap > 0; --tap) {
            wait_for_copies<STAGES - 2>();
            __syncthreads();  // what this step reads is there; what is written from here on has been read
            if (tap == layer.taps) inputs.request(tile, layer);
            weights.stage(layer);
            add_step(sums, row, rows, operands + slot);
            slot = slot == (STAGES - 1) * SLOT ? 0 : slot + SLOT;
            row += right_of;
            if (--column) continue;
            column = layer.window_w;
            row = first = first + below;
        }
        current = current == (inputs.count - 1) * inputs.size ? 0 : current + inputs.size;
    }
}
