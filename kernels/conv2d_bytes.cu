// conv2d_bytes: one filter of bytes over single-channel images of bytes, or over each of several channels that stand
// side by side: exact sums, four products an instruction, in one walk down the image, which is read once.
//
//   out[n, y, x] = sum over r, s of weights[r, s] * image[n, y - pad_h + r, x - pad_w + s]
//
//   image    (images, height, width), as separable_stream takes it, like out (images, out_h, out_w)
//   words    (FILTER_H, 4, WORDS) of four weights, by value: they lie in the constant bank. Those at (r, p) are row r
//            of the filter behind p zeros; of PIXEL channels side by side PIXEL - 1 zeros stand between its taps
// Prelude: image_t and tap_t, bytes; acc_t, int; out_t; FILTER_H, FILTER_W; THREADS, BLOCKS (of a multiprocessor),
//          PIXEL, STAGE, OFFSET (row_stream.cuh); BOUNDARY, SATURATE.
// Launch:  as separable_stream.
// Shared:  (THREADS + APRON) * (STAGE * 8 + 16) bytes, dynamic.
// Reference: PTX ISA, "Integer Arithmetic Instructions: dp4a"; the open sums are those of separable_stream.
//
// Rows of the image stay packed, and their words are what is multiplied. The window of an output begins at any of the
// four bytes of a word: the weights, not the samples, are there at all four places, and a row of them takes
// (FILTER_W + 3) / 4 instructions on average.

#include "dot.cuh"
#include "row_stream.cuh"
#include "store_row.cuh"

constexpr int REACH = (FILTER_W - 1) * PIXEL + 1;  // columns under a row of the filter
constexpr int WORDS = ceil_div(3 + REACH, 4);
constexpr int UNROLLED = FILTER_H * 4 * WORDS <= 84 ? STAGE : 1;  // rows share what the few uniform registers hold

struct Words {
    unsigned int at[FILTER_H][4][WORDS];
};

using ByteStream = RowStreamOf<image_t>;
using OpenSums = acc_t[FILTER_H][VECTOR];

// One row of the tile, added to the sums that it is part of; the first product moves the sums up by one.
__device__ __forceinline__ void add_row(OpenSums& sums, const image_vector* tile, const Words& words) {
    unsigned int window[APRON + 1];
    #pragma unroll
    for (int v = 0; v <= APRON; ++v) window[v] = *reinterpret_cast<const unsigned int*>(tile + v);
    #pragma unroll
    for (int c = 0; c < VECTOR; ++c) {
        const int first = (OFFSET + c) / 4, behind = (OFFSET + c) % 4;
        #pragma unroll
        for (int j = 0; j < FILTER_H; ++j) {
            acc_t sum = j + 1 < FILTER_H ? sums[j + 1][c] : 0;
            #pragma unroll
            for (int v = 0; v < ceil_div(behind + REACH, 4); ++v)
                sum = plus_dot<image_t, tap_t>(sum, window[first + v], words.at[FILTER_H - 1 - j][behind][v]);
            sums[j][c] = sum;
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) conv2d_bytes(
    const image_t* __restrict__ image, const __grid_constant__ Words words, out_t* __restrict__ out, int height,
    int width, int out_h, int out_w, int pad_h, int pad_w, int tiles_w, int strips, int strip_h,
    int pitch, int image_rows, int out_pitch, int out_image_rows, acc_t fill)
{
    extern __shared__ image_vector shared[];
    const int left = blockIdx.x % tiles_w * (THREADS * VECTOR), first = blockIdx.x / tiles_w % strips * strip_h;
    const int x = left + static_cast<int>(threadIdx.x) * VECTOR, rows = min(strip_h, out_h - first) + FILTER_H - 1;
    const long long n = blockIdx.x / tiles_w / strips;
    image += n * image_rows * pitch;
    const int top = first - pad_h, start = left - pad_w - OFFSET;
    ByteStream stream = {image, shared, height, width, pitch, top, start, static_cast<image_t>(fill)};
    stream.look(has_aligned_rows(image, pitch));
    const bool whole = left + THREADS * VECTOR <= out_w && has_aligned_rows(out, out_pitch);
    out += (n * out_image_rows + first - (FILTER_H - 1)) * out_pitch + x;

    OpenSums sums = {};
    stream.request(0);
    for (int i = 0; i < rows; i += STAGE) {
        stream.receive(i);
        __syncthreads();
        if (i + STAGE < rows) stream.request(i + STAGE);
        const bool complete = whole && i >= FILTER_H - 1 && i + STAGE <= rows;
        #pragma unroll UNROLLED
        for (int row = 0; row < STAGE; ++row, out += out_pitch) {
            add_row(sums, stream.stage(i) + row * PITCH + threadIdx.x, words);
            const bool wanted = i + row >= FILTER_H - 1 && i + row < rows;
            store(out, sums[0], complete ? VECTOR : wanted ? out_w - x : 0, complete);
        }
    }
}
