// low_rank: a sum of TERMS outer products of 1D filters over single-channel images, or over each of several channels
// that stand side by side, all passes in one walk down the image, which is read once; of long filters in some walks.
//
//   out[n, y, x] = sum over k, r of columns[k, r] * (sum over s of rows[k, s] * image[n, y - pad_h + r, x - pad_w + s])
//
//   image    (images, height, width), as separable_stream takes it, like out (images, out_h, out_w)
//   terms    columns (TERMS, FILTER_H), then rows (TERMS, FILTER_W), by value: they lie in the constant bank
//   weights  (FULL_H, FILTER_W), on the device: what the terms add up to
// Prelude: TERMS; FULL_H, FIRST: of FULL_H taps of a column this walk takes FILTER_H, from FIRST on, pad_h rows before
//          the image, and adds them to `out` unless they are the first; that of separable_stream, without TAPS.
// Launch:  as separable_stream.
// Shared:  as separable_stream.
// Reference: Golub and Van Loan, Matrix Computations, 4th edition, section 2.4 (sums of outer products).
//
// The terms share the sums of the open rows: a row of the image, filtered along x once for each term, is added to them.
// Infinities of two terms may leave nan, and large values overflow on the way: in the last walk a thread notes from
// which row to which its outputs are not finite, and sums all taps there at the end.

#include "row_stream.cuh"
#include "store_row.cuh"
#include "terms.cuh"

constexpr bool LAST = FIRST + FILTER_H == FULL_H;

// Adds what the walks before have left in `out`, which is of acc_t then.
__device__ __forceinline__ void add_row(acc_t (&sums)[VECTOR], const out_t* out, int rest, bool whole) {
    vector_t before;
    if (whole) before = *reinterpret_cast<const vector_t*>(out);
    #pragma unroll
    for (int c = 0; c < VECTOR; ++c)
        if (whole || c < rest) sums[c] = sums[c] + (whole ? before.at[c] : static_cast<acc_t>(out[c]));
}

__device__ __forceinline__ bool is_finite(const acc_t (&sums)[VECTOR]) {
    acc_t trace = acc_t(0);
    #pragma unroll
    for (int c = 0; c < VECTOR; ++c) trace = plus_product(trace, acc_t(0), sums[c]);
    return trace == acc_t(0);
}

// The output of all weights, tap by tap, whose first tap meets the sample (y, x).
__device__ __forceinline__ acc_t sum_taps(const RowStream& rows, const acc_t* weights, int y, int x) {
    acc_t sum = acc_t(0);
    #pragma unroll 1
    for (int tap = 0; tap < FULL_H * FILTER_W; ++tap) {
        const int row = source_index(y + tap / FILTER_W, rows.height);
        const int column = source_element<PIXEL>(x + tap % FILTER_W * PIXEL, rows.width);
        const bool outside = row < 0 || column < 0;
        const auto at = static_cast<long long>(row) * rows.pitch + column;
        sum = plus_product(sum, weights[tap], outside ? rows.fill : static_cast<acc_t>(rows.image[at]));
    }
    return sum;
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) low_rank(
    const image_t* __restrict__ image, const __grid_constant__ Terms terms, const acc_t* __restrict__ weights,
    out_t* __restrict__ out, int height, int width, int out_h, int out_w, int pad_h, int pad_w, int tiles_w,
    int strips, int strip_h, int pitch, int image_rows, int out_pitch, int out_image_rows, acc_t fill)
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

    OpenSums sums = {};
    int spoiled = rows, last_spoiled = -1;  // rows of the strip, from which to which outputs are not finite
    stream.request(0);
    for (int i = 0; i < rows; i += STAGE) {
        stream.receive(i);
        __syncthreads();
        if (i + STAGE < rows) stream.request(i + STAGE);
        const bool complete = whole && i >= FILTER_H - 1 && i + STAGE <= rows;
        #pragma unroll UNROLLED
        for (int row = 0; row < STAGE; ++row, out += out_pitch) {
            acc_t values[TERMS][VECTOR] = {};
            filter_row(values, stream.stage(i) + row * PITCH + threadIdx.x, terms);
            add_columns(sums, values, terms);
            const bool wanted = i + row >= FILTER_H - 1 && i + row < rows;
            if (FIRST > 0 && wanted) add_row(sums[0], out, out_w - x, complete);
            store(out, sums[0], complete ? VECTOR : wanted ? out_w - x : 0, complete);
            if (LAST && wanted && !is_finite(sums[0])) spoiled = min(spoiled, i + row), last_spoiled = i + row;
        }
    }
    out -= static_cast<long long>(ceil_div(rows, STAGE) * STAGE) * out_pitch;
    #pragma unroll 1
    for (int row = spoiled; row <= last_spoiled; ++row)
        #pragma unroll 1
        for (int c = 0; c < VECTOR && x + c < out_w; ++c) {
            out_t& result = out[static_cast<long long>(row) * out_pitch + c];
            if (!is_integer<out_t> && static_cast<acc_t>(result) * acc_t(0) == acc_t(0)) continue;
            const int y = first - pad_h + row - (FILTER_H - 1) - FIRST;
            result = convert<out_t>(sum_taps(stream, weights, y, x + c - pad_w));
        }
}
