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
//          (of a multiprocessor), PIXEL, STAGE, OFFSET (row_stream.cuh); TURNS (1: STAGE neighbouring threads filter a
//          row each, for all of them; PITCH is odd then); BOUNDARY, ROUNDING, SATURATE.
// Launch:  THREADS threads; a strip of strip_h rows of VECTOR = 16 / sizeof(acc_t) outputs a thread; the strips of all
//          images, row by row, along grid x.
// Shared:  (THREADS + APRON) * (STAGE * (32 + raw) + 4 * VECTOR) bytes, dynamic; raw is VECTOR * sizeof(image_t), or 0
//          if image_t is acc_t. With TURNS STAGE * FILTERED * 16 more.
// Reference: the transposed form of FIR filters: Oppenheim and Schafer, Discrete-Time Signal Processing, section 6.3.
//
// A thread keeps the sums of the FILTER_H - 1 output rows that are still open in registers. The next row of the image,
// filtered along x, is added to all of them: sums[j] = sums[j + 1] + tap * value moves them up by one at no cost, and
// the row that is complete leaves. Nothing is computed twice but the first FILTER_H - 1 rows of a strip.
// Windows of long rows overlap: by turns, one window of STAGE threads' outputs is loaded in place of STAGE of one's.

#include "filter_row.cuh"
#include "store_row.cuh"

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
    vector_t* const tile = shared + TURNS * STAGE * FILTERED;  // behind the filtered rows of a stage
    RowStream stream = {image, tile, height, width, pitch, first - pad_h, left - pad_w - OFFSET, fill};
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
        if (TURNS) {
            filter_stage(shared, stream.stage(i), factors);
            __syncthreads();
        }
        #pragma unroll
        for (int row = 0; row < STAGE; ++row, out += out_pitch) {
            acc_t values[VECTOR] = {};
            if constexpr (TURNS) load_window<1>(values, shared + row * FILTERED + threadIdx.x);
            else filter_row(values, stream.stage(i) + row * PITCH + threadIdx.x, factors);
            add_column(sums, values, factors);
            const bool wanted = i + row >= FILTER_H - 1 && i + row < rows;
            store(out, sums[0], complete ? VECTOR : wanted ? out_w - x : 0, complete);
        }
    }
}
