// separable_stream: the outer product of two 1D filters over single-channel images, or over each of several channels
// that stand side by side, both passes in one walk down the image, which is read once.
//
//   out[n, y, x] = sum over r of column[r] * (sum over s of row[s] * image[n, y - pad_h + r, x - pad_w + s])
//
//   image    (images, height, width): rows `pitch` elements apart, images `image_rows` rows; of PIXEL channels side
//            by side width, out_w and pad_w count every element, and the taps of a row are PIXEL columns apart
//   factors  column (FILTER_H taps), then row (FILTER_W taps, or none), by value: they lie in the constant bank
//   out      (images, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: image_t, out_t, acc_t; FILTER_H >= 2, FILTER_W, TAPS (of both, or FILTER_H: without a row); THREADS, BLOCKS
//          (of a multiprocessor), PIXEL, STAGE, OFFSET (row_stream.cuh); BOUNDARY, ROUNDING, SATURATE.
// Launch:  THREADS threads; a strip of strip_h rows of VECTOR = 16 / sizeof(acc_t) outputs a thread; the strips of all
//          images, row by row, along grid x.
// Shared:  (THREADS + APRON) * (STAGE * (32 + raw) + 4 * VECTOR) bytes, dynamic; raw is VECTOR * sizeof(image_t), or 0
//          if image_t is acc_t.
// Reference: the transposed form of FIR filters: Oppenheim and Schafer, Discrete-Time Signal Processing, section 6.3.
//
// A thread keeps the sums of the FILTER_H - 1 output rows that are still open in registers. The next row of the image,
// filtered along x, is added to all of them: sums[j] = sums[j + 1] + tap * value moves them up by one at no cost, and
// the row that is complete leaves. Nothing is computed twice but the first FILTER_H - 1 rows of a strip.

#include "row_stream.cuh"
#include "store_row.cuh"

struct Factors {
    acc_t at[TAPS];
};

// One row of the tile, filtered along x.
__device__ __forceinline__ void filter_row(acc_t (&values)[VECTOR], const vector_t* tile, const Factors& factors) {
    #pragma unroll
    for (int v = 0; v <= APRON; ++v) {
        const vector_t part = load_shared(tile + v);
        if constexpr (FILTER_W == 1) {
            for (int c = 0; c < VECTOR; ++c)
                values[c] = TAPS == FILTER_H ? part.at[c] : plus_product(acc_t(0), factors.at[TAPS - 1], part.at[c]);
            return;
        } else {
            #pragma unroll
            for (int i = 0; i < VECTOR; ++i)
                #pragma unroll
                for (int c = 0; c < VECTOR; ++c) {
                    const int ahead = v * VECTOR + i - OFFSET - c, s = ahead / PIXEL;
                    if (ahead >= 0 && ahead % PIXEL == 0 && s < FILTER_W)
                        values[c] = plus_product(values[c], factors.at[FILTER_H + s], part.at[i]);
                }
        }
    }
}

// A filtered row, added to the sums it is part of.
__device__ __forceinline__ void add_column(
    acc_t (&sums)[FILTER_H][VECTOR], const acc_t (&values)[VECTOR], const Factors& factors)
{
    #pragma unroll
    for (int c = 0; c < VECTOR; ++c) {
        #pragma unroll
        for (int j = 0; j < FILTER_H - 1; ++j)
            sums[j][c] = plus_product(sums[j + 1][c], factors.at[FILTER_H - 1 - j], values[c]);
        sums[FILTER_H - 1][c] = plus_product(acc_t(0), factors.at[0], values[c]);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) separable_stream(
    const image_t* __restrict__ image, const __grid_constant__ Factors factors, out_t* __restrict__ out, int height,
    int width, int out_h, int out_w, int pad_h, int pad_w, int tiles_w, int strips, int strip_h,
    int pitch, int image_rows, int out_pitch, int out_image_rows, acc_t fill)
{
    extern __shared__ vector_t shared[];
    const int left = blockIdx.x % tiles_w * (THREADS * VECTOR), first = blockIdx.x / tiles_w % strips * strip_h;
    const int x = left + static_cast<int>(threadIdx.x) * VECTOR, rows = min(strip_h, out_h - first) + FILTER_H - 1;
    const long long n = blockIdx.x / tiles_w / strips;
    image += n * image_rows * pitch;
    RowStream stream = {image, shared, height, width, pitch, first - pad_h, left - pad_w - OFFSET, fill};
    stream.look(has_aligned_rows(image, pitch));
    const bool whole = left + THREADS * VECTOR <= out_w && has_aligned_rows(out, out_pitch);
    out += (n * out_image_rows + first - (FILTER_H - 1)) * out_pitch + x;

    acc_t sums[FILTER_H][VECTOR] = {};
    stream.request(0);
    for (int i = 0; i < rows; i += STAGE) {
        stream.receive(i);
        __syncthreads();
        if (i + STAGE < rows) stream.request(i + STAGE);
        const bool complete = whole && i >= FILTER_H - 1 && i + STAGE <= rows;
        #pragma unroll
        for (int row = 0; row < STAGE; ++row, out += out_pitch) {
            acc_t values[VECTOR] = {};
            filter_row(values, stream.stage(i) + row * PITCH + threadIdx.x, factors);
            add_column(sums, values, factors);
            const bool wanted = i + row >= FILTER_H - 1 && i + row < rows;
            store(out, sums[0], complete ? VECTOR : wanted ? out_w - x : 0, complete);
        }
    }
}
