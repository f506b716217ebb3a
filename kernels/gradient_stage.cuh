// gradient_stage.cuh: the operands of a weight gradient in shared memory, POSITIONS of the layer's output at a time.
// The copies of the next chunk are under way while one is computed.
//
// Prelude: image_t, acc_t; CHANNELS, WEIGHTS, SLICES, POSITIONS: see conv2d_weight_gradient.cu; BOUNDARY.
//
// What stands in a column at a position is looked up in two small tables: of the rows and of the columns of the image
// that the taps meet there, with the boundary applied.

#include "boundary.cuh"
#include "copy.cuh"

constexpr int SIDE = 8, VECTORS = SIDE / VECTOR;  // sums of a thread along each axis
constexpr int THREADS = CHANNELS / SIDE * WEIGHTS / SIDE * SLICES, AT_ONCE = THREADS / 8;
constexpr int COLUMNS = ceil_div(WEIGHTS, AT_ONCE);                   // that a thread copies
constexpr int TABLE = POSITIONS + (POSITIONS > 8 ? 8 : 0);            // from a tap's places to the next one's
constexpr int SPREAD = WEIGHTS < 8 * SIDE ? WEIGHTS / SIDE : 1;       // between the positions of neighbouring slices

constexpr int OUTSIDE = -(1 << 30);  // a place that makes any sum with others negative

struct Stage {  // one vector of padding: eight positions are written to different banks
    vector_t grad[POSITIONS][CHANNELS / VECTOR + 1];
    vector_t image[POSITIONS][WEIGHTS / VECTOR + 1];
};

struct Layer {
    int groups, channels_in, channels_out, images, height, width, out_h, out_w, filter_h, filter_w, pad_h, pad_w;
    int stride_h, stride_w, dilation_h, dilation_w;

    // Places, in bytes, of the rows and columns of an image that the taps meet at the positions of a chunk.
    __device__ __forceinline__ void look(int* places, int chunk) const {
        if (threadIdx.x / 8 >= filter_h + filter_w) return;
        for (int p = threadIdx.x % 8; p < POSITIONS; p += 8) {
            const int at = chunk * POSITIONS + p, y = at / out_w, x = at - y * out_w;
            for (int tap = threadIdx.x / 8; tap < filter_h + filter_w; tap += AT_ONCE) {
                const bool down = tap < filter_h;
                const int position = down ? y * stride_h - pad_h + tap * dilation_h
                                          : x * stride_w - pad_w + (tap - filter_h) * dilation_w;
                const int place = source_index(position, down ? height : width);
                const bool there = place >= 0 && at < out_h * out_w;
                places[tap * TABLE + p] = there ? int(sizeof(image_t)) * (down ? place * width : place) : OUTSIDE;
            }
        }
    }
};

struct Column {  // one weight (k, r, s) of a channel
    int channel, row, column;  // place of the channel; where the tables have the tap's row and column

    __device__ __forceinline__ void find(const Layer& layer, int index) {
        const int taps = layer.filter_h * layer.filter_w, k = index / taps, tap = index % taps;
        channel = int(sizeof(image_t)) * (min(k, layer.channels_in - 1) * layer.height * layer.width);
        row = tap / layer.filter_w * TABLE;
        column = (layer.filter_h + tap % layer.filter_w) * TABLE;
    }
};

// Copies of a chunk; `image` and `grad` are of the group, the block's first channel and the chunk's first position.
// Neighbouring threads copy neighbouring positions. Zeros stand in the place of positions that there are not.
__device__ __forceinline__ void request(Stage& stage, const int* places, const image_t* image, const acc_t* grad,
                                        const Column (&columns)[COLUMNS], int positions, int channels, int plane,
                                        acc_t fill)
{
    constexpr int PITCH_GRAD = (CHANNELS / VECTOR + 1) * VECTOR, PITCH_IMAGE = (WEIGHTS / VECTOR + 1) * VECTOR;
    const int p = threadIdx.x % 8, row = threadIdx.x / 8;
    auto* const grads = reinterpret_cast<Vector<acc_t, 1>*>(stage.grad) + p * PITCH_GRAD + row;
    auto* const values = reinterpret_cast<Vector<acc_t, 1>*>(stage.image) + p * PITCH_IMAGE + row;
    const char* const bytes = reinterpret_cast<const char*>(image);
    int place[COLUMNS][POSITIONS / 8];
    #pragma unroll
    for (int j = 0; j < COLUMNS; ++j)
        #pragma unroll
        for (int i = 0; i < POSITIONS / 8; ++i) {
            const int y = places[columns[j].row + p + 8 * i], x = places[columns[j].column + p + 8 * i];
            place[j][i] = columns[j].channel + y + x;
        }
    #pragma unroll
    for (int c = 0; c < CHANNELS; c += AT_ONCE) {
        const acc_t* const source = grad + static_cast<long long>(c + row) * plane + p;
        #pragma unroll
        for (int i = 0; i < POSITIONS; i += 8)
            copy_or_zero(i + p < positions && c + row < channels ? 0 : -1, grads + i * PITCH_GRAD + c, source + i);
    }
    #pragma unroll
    for (int j = 0; j < COLUMNS; ++j)
        #pragma unroll
        for (int i = 0; i < POSITIONS / 8; ++i)
            copy_or_zero(place[j][i], values + 8 * i * PITCH_IMAGE + j * AT_ONCE,
                         reinterpret_cast<const image_t*>(bytes + static_cast<unsigned int>(place[j][i])));
    if (fill == acc_t(0)) return;
    for (int j = 0; j < COLUMNS; ++j)
        for (int i = 0; i < POSITIONS; i += 8)
            if (i + p < positions && (places[columns[j].row + p + i] | places[columns[j].column + p + i]) < 0)
                values[i * PITCH_IMAGE + j * AT_ONCE].at[0] = fill;
}
