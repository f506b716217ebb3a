// separable_volume: the outer product of three 1D filters over volumes, all passes in one walk along z: each sample is
// read once, each output written once.
//
//   out[n, z, y, x] = sum over q of deep[q] * (sum over r of column[r] * (sum over s of row[s] *
//                     image[n, z - pad_d + q, y - pad_h + r, x - pad_w + s]))
//
//   image    (volumes, depth, height, width): rows `pitch` elements apart, planes `image_rows` rows
//   factors  deep (FILTER_D taps), column (FILTER_H), row (FILTER_W), by value: they lie in the constant bank
//   out      (volumes, out_d, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: image_t, out_t, acc_t; FILTER_D, FILTER_H, FILTER_W, TAPS (of all); BLOCKS (of a multiprocessor); BLOCK_H,
//          BLOCK_W, ROWS, OFFSET (plane_window.cuh); BOUNDARY, ROUNDING, SATURATE.
// Launch:  BLOCK_W x BLOCK_H threads; strip_d planes of a tile of BLOCK_H * ROWS x BLOCK_W * VECTOR outputs a block.
// Shared:  that of plane_stream.cuh, and SHARED_H x BLOCK_W vectors in front of it; dynamic.
// Reference: the transposed form of FIR filters: Oppenheim and Schafer, Discrete-Time Signal Processing, section 6.3.
//
// The rows of a plane are filtered along x into shared memory, whence a thread filters its columns along y. It keeps
// the sums of the FILTER_D - 1 output planes that are still open in registers, as separable_stream keeps those of rows.

#include "volume.cuh"

struct Factors {
    acc_t at[TAPS];
};

// A plane, filtered along x.
__device__ __forceinline__ void filter_rows(vector_t* filtered, const vector_t* tile, const Factors& factors) {
    #pragma unroll 1
    for (int y = threadIdx.y; y < SHARED_H; y += BLOCK_H) {
        acc_t window[WINDOW * VECTOR];
        load_window<WINDOW>(window, tile + y * SHARED_W + threadIdx.x);
        vector_t sums = {};
        #pragma unroll
        for (int s = 0; s < FILTER_W; ++s)
            #pragma unroll
            for (int x = 0; x < VECTOR; ++x)
                sums.at[x] = plus_product(sums.at[x], factors.at[FILTER_D + FILTER_H + s], window[OFFSET + x + s]);
        filtered[y * BLOCK_W + threadIdx.x] = sums;
    }
}

// The same, then along y, for the outputs of a thread.
__device__ __forceinline__ void filter_columns(
    acc_t (&values)[ROWS][VECTOR], const vector_t* filtered, const Factors& factors)
{
    filtered += threadIdx.y * ROWS * BLOCK_W + threadIdx.x;
    #pragma unroll
    for (int i = 0; i < ROWS + FILTER_H - 1; ++i) {
        const vector_t part = load_shared(filtered + i * BLOCK_W);
        #pragma unroll
        for (int row = max(0, i - FILTER_H + 1); row <= min(i, ROWS - 1); ++row)
            #pragma unroll
            for (int x = 0; x < VECTOR; ++x)
                values[row][x] = plus_product(values[row][x], factors.at[FILTER_D + i - row], part.at[x]);
    }
}

// A plane filtered along x and y, added to the sums that it is part of; they move up by one at no cost.
__device__ __forceinline__ void add_plane(
    acc_t (&sums)[FILTER_D][ROWS][VECTOR], const acc_t (&values)[ROWS][VECTOR], const Factors& factors)
{
    #pragma unroll
    for (int j = 0; j < FILTER_D; ++j)
        #pragma unroll
        for (int row = 0; row < ROWS; ++row)
            #pragma unroll
            for (int x = 0; x < VECTOR; ++x) {
                const acc_t sum = j + 1 < FILTER_D ? sums[j + 1][row][x] : acc_t(0);
                sums[j][row][x] = plus_product(sum, factors.at[FILTER_D - 1 - j], values[row][x]);
            }
}

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, BLOCKS) separable_volume(
    const image_t* __restrict__ image, const __grid_constant__ Factors factors, out_t* __restrict__ out, int depth,
    int height, int width, int out_d, int out_h, int out_w, int pad_d, int pad_h, int pad_w, int tiles_h, int tiles_w,
    int strips, int strip_d, int pitch, int image_rows, int out_pitch, int out_image_rows, acc_t fill)
{
    extern __shared__ vector_t shared[];
    vector_t* const filtered = shared;
    const VolumePlace place = place_of_strip(tiles_h, tiles_w, strips, strip_d);
    const long long plane = static_cast<long long>(image_rows) * pitch;
    const long long out_plane = static_cast<long long>(out_image_rows) * out_pitch;
    PlaneStream stream = {image + place.n * depth * plane, filtered + SHARED_H * BLOCK_W, depth, place.z - pad_d,
                          plane, fill, {nullptr, height, width, pitch, place.y - pad_h, place.x - pad_w - OFFSET}};
    stream.look();
    __syncthreads();
    PlaneOutputs outputs = outputs_of_thread(out + (place.n * out_d + place.z) * out_plane, place, out_h, out_w,
                                             out_pitch);

    const int planes = min(strip_d, out_d - place.z) + FILTER_D - 1;
    acc_t sums[FILTER_D][ROWS][VECTOR] = {};
    stream.request(0);
    for (int i = 0; i < planes; ++i) {
        stream.receive(i);
        __syncthreads();
        if (i + 1 < planes) stream.request(i + 1);
        filter_rows(filtered, stream.stage(i), factors);
        __syncthreads();
        acc_t values[ROWS][VECTOR] = {};
        filter_columns(values, filtered, factors);
        add_plane(sums, values, factors);
        if (i < FILTER_D - 1) continue;
        outputs.store_sums(sums[0]);
        outputs.out += out_plane;
    }
}
