// window_stage.cuh: the operands of conv2d_window_gradient in shared memory: a rectangle of the layer's output, and the
// samples that its windows meet. The copies of the next chunk are under way while one is computed.
//
// Prelude: image_t, acc_t; FILTER_H, FILTER_W, STRIDE_H, STRIDE_W; INPUTS, OUTPUTS (channels of a block); TILE_H,
//          TILE_W (positions of a chunk: rows, vectors); BOUNDARY.

#include "boundary.cuh"
#include "copy.cuh"

constexpr int SIDE = 8, LANES = 32;  // output channels of a thread, input channels of a warp
constexpr int THREADS = INPUTS * OUTPUTS / SIDE, WARPS = THREADS / LANES;
constexpr int IN_H = (TILE_H - 1) * STRIDE_H + FILTER_H;               // rows
constexpr int BEYOND = FILTER_W > STRIDE_W ? FILTER_W - STRIDE_W : 0;  // samples of the last window
constexpr int IN_W = TILE_W * STRIDE_W + ceil_div(BEYOND, VECTOR);     // vectors
constexpr int PLANE = IN_H * IN_W | 1;  // from channel to channel: an odd number of vectors, without bank conflicts

struct Stage {
    vector_t grad[OUTPUTS][TILE_H][TILE_W];
    vector_t image[INPUTS][PLANE];
};

struct Layer {
    int channels_in, channels_out;  // from the block's first ones on
    int height, width, out_h, out_w, pad_h, pad_w;
};

// Rows of some channels, `values` being the first channel in memory: every warp copies those of its own channels, every
// lane one of neighbouring columns. row_index and column_index say where they stand, or -1: there is `fill`. In the
// place of channels that there are not, the last one is copied.
template <int COLUMNS, int CHANNELS, int PITCH, class T, class Row, class Column>
__device__ __forceinline__ void stage_rows(vector_t* tile, const T* values, int rows, int width, int channels,
                                           int plane, acc_t fill, Row row_index, Column column_index)
{
    constexpr int OWN = CHANNELS / WARPS;
    const int lane = threadIdx.x % LANES, own = threadIdx.x / LANES * OWN;
    #pragma unroll
    for (int first = 0; first < COLUMNS * VECTOR; first += LANES) {
        if (first + lane >= COLUMNS * VECTOR) return;
        auto* target = reinterpret_cast<Vector<acc_t, 1>*>(tile + own * PITCH) + first + lane;
        const int x = column_index(first + lane);
        const char* sources[OWN];  // in bytes: few instructions an address
        #pragma unroll
        for (int c = 0; c < OWN; ++c)
            sources[c] = reinterpret_cast<const char*>(values + min(own + c, channels - 1) * plane + max(x, 0));
        #pragma unroll 1
        for (int row = 0; row < rows; ++row, target += COLUMNS * VECTOR) {
            const int y = row_index(row);
            const unsigned int offset = max(y, 0) * width * static_cast<int>(sizeof(T));
            const bool inside = x >= 0 && y >= 0;
            const auto source = [&](int c) { return reinterpret_cast<const Vector<T, 1>*>(sources[c] + offset); };
            if (fill == acc_t(0)) {
                #pragma unroll
                for (int c = 0; c < OWN; ++c) copy_inside(inside, target + c * PITCH * VECTOR, source(c));
                continue;
            }
            #pragma unroll
            for (int c = 0; c < OWN; ++c)
                if (inside) copy_if<0>(true, target, c * PITCH * VECTOR, source(c));
                else target[c * PITCH * VECTOR].at[0] = fill;
        }
    }
}

// Copies of the chunk at (y, x); `image` and `grad` are of its image and the block's first channels.
__device__ __forceinline__ void request(Stage& stage, const image_t* image, const acc_t* grad, const Layer& layer,
                                        int y, int x, acc_t fill)
{
    stage_rows<IN_W, INPUTS, PLANE>(
        stage.image[0], image, IN_H, layer.width, layer.channels_in, layer.height * layer.width, fill,
        [&](int row) { return source_index(y * STRIDE_H - layer.pad_h + row, layer.height); },
        [&](int column) { return source_index(x * STRIDE_W - layer.pad_w + column, layer.width); });
    stage_rows<TILE_W, OUTPUTS, TILE_H * TILE_W>(
        stage.grad[0][0], grad, min(TILE_H, layer.out_h - y), layer.out_w, layer.channels_out,
        layer.out_h * layer.out_w, acc_t(0), [&](int row) { return y + row; },
        [&](int column) { return x + column < layer.out_w ? x + column : -1; });
}
