// mma_steps.cuh: the sums of conv2d_mma: a product of matrices for every tap and every DEPTH input channels.
//
// Prelude: image_t, weights_t (the same); CHANNELS and POSITIONS (outputs of a block).
//
// A window of taps is worked on while the input tile of the next one is fetched through registers; the weights of a
// step come two steps ahead. One barrier a step: behind it, what the step reads is there, and what it writes has been
// read.

#include "mma.cuh"
#include "mma_tile.cuh"
#include "mma_weights.cuh"

constexpr int THREADS = 256;
constexpr int TILES_M = CHANNELS / 32, TILES_N = POSITIONS / 32;  // matrices of 16 channels, of 8 positions, a warp

// One step of a warp; `left` and right + rows[] are the rows of the matrices that this lane names.
__device__ __forceinline__ void add_step(float (&sums)[TILES_M][TILES_N][4], address_t left, address_t right,
                                         const int (&rows)[TILES_N / 2])
{
    unsigned int a[TILES_M][4], b[4];
    #pragma unroll
    for (int i = 0; i < TILES_M; ++i) load_operands<image_t>(a[i], left + i * 16 * PITCH);
    #pragma unroll
    for (int j = 0; j < TILES_N; j += 2) {
        load_operands<image_t>(b, right + rows[j / 2]);
        #pragma unroll
        for (int i = 0; i < TILES_M; ++i) {
            multiply_matrices<image_t>(sums[i][j], a[i], b);
            multiply_matrices<image_t>(sums[i][j + 1], a[i], b + 2);
        }
    }
}

// Where the first channels of a window's inputs stand: every thread keeps those of the positions that it fetches.
__device__ __forceinline__ void keep_sources(char* tiles, const Tile& tile, const Layer& layer, int window, int last) {
    const int r = window * layer.taps / layer.filter_w, s = window * layer.taps - r * layer.filter_w;
    #pragma unroll 1
    for (int position = threadIdx.x; position < last; position += THREADS) {
        const int source = source_of(tile, position, r * layer.dilation_h, s * layer.dilation_w);
        keep_source(tiles, position, source);
    }
}

// The sums of a block, in parts over its warps.
__device__ __forceinline__ void add_all(float (&sums)[TILES_M][TILES_N][4], char* shared, const image_t* image,
                                        Weights weights, const Tile& tile, const Layer& layer, int left,
                                        const int (&rows)[TILES_N / 2])
{
    char *const tiles = shared + STAGES * SLOT, *current = tiles, *next = tiles + tile.positions * PITCH;
    const address_t base = address_of(shared), operands = base + left;
    #pragma unroll
    for (int i = 1; i < STAGES; ++i) weights.stage(layer);
    int window = 0, k = 0;       // of the input tile that is fetched
    int taps = 0, slot = 0;      // of the one that is worked on: at first there is none
    while (true) {
        const bool more = window < layer.windows;
        const int last = more ? tile.positions : 0;
        image_t values[DEPTH];
        const auto fetch_at = [&](int position) {
            const int source = kept_source(tiles, position);
            fetch(values, image + static_cast<long long>(k) * tile.plane, source, tile.plane, layer.channels_in - k);
        };
        if (k == 0) keep_sources(tiles, tile, layer, window, last);
        int position = threadIdx.x;
        address_t row = base + (current - shared);
        for (int column = layer.window_w; taps > 0; --taps, position += THREADS) {
            wait_for_copies<STAGES - 2>();
            __syncthreads();  // the weights of this step are there; what is written from here on has been read
            weights.stage(layer);
            if (position < last) fetch_at(position);
            add_step(sums, operands + slot, row, rows);
            if (position < last) put(next + position * PITCH, values);
            slot = slot == (STAGES - 1) * SLOT ? 0 : slot + SLOT;
            row += layer.dilation_w * PITCH;
            if (--column) continue;
            column = layer.window_w;
            row += (layer.dilation_h * tile.columns - column * layer.dilation_w) * PITCH;
        }
        #pragma unroll 1
        for (; position < last; position += THREADS) {  // positions that outnumber the taps
            fetch_at(position);
            put(next + position * PITCH, values);
        }
        if (!more) return;
        char* const read = current;
        current = next;
        next = read;
        taps = layer.taps;
        k = k + DEPTH < layer.channels_in ? k + DEPTH : 0;
        window += k == 0;
    }
}
