// conv3d_small: one small filter over volumes, near the limit of the memory or of the multiply-adds, in one walk along
// z: each sample is read once, each output written once.
//
//   out[n, z, y, x] = sum over q, r, s of weights[q, r, s] * image[n, z - pad_d + q, y - pad_h + r, x - pad_w + s]
//
//   image    (volumes, depth, height, width): rows `pitch` elements apart, planes `image_rows` rows
//   weights  (FILTER_D, FILTER_H, FILTER_W), by value: they lie in the constant bank
//   out      (volumes, out_d, out_h, out_w): the same with `out_pitch` and `out_image_rows`
// Prelude: image_t, out_t, acc_t; FILTER_D, FILTER_H, FILTER_W, TAPS (of all); BLOCKS (of a multiprocessor); BLOCK_H,
//          BLOCK_W, ROWS, OFFSET (plane_window.cuh); BOUNDARY, ROUNDING, SATURATE, SKIP_ZERO_TAPS.
// Launch:  BLOCK_W x BLOCK_H threads; strip_d planes of a tile of BLOCK_H * ROWS x BLOCK_W * VECTOR outputs a block.
// Shared:  that of plane_stream.cuh, dynamic.
// Reference: Micikevicius, 3D finite difference computation on GPUs using CUDA, GPGPU-2, 2009 (the walk along z).
//
// A thread walks down the rows of a plane as in small_filter.cuh, and adds each window to all the outputs that it
// belongs to: those of FILTER_D planes, whose sums it keeps in registers.

#include "volume.cuh"

struct Weights {
    acc_t at[TAPS];
};

// A plane, added to the sums that it is part of; they move up by one with its first tap, at no cost.
__device__ __forceinline__ void add_plane(
    acc_t (&sums)[FILTER_D][ROWS][VECTOR], const vector_t* tile, const Weights& weights)
{
    tile += threadIdx.y * ROWS * SHARED_W + threadIdx.x;
    unroll<ROWS + FILTER_H - 1>([&](auto i) {
        acc_t window[WINDOW * VECTOR];
        load_window<WINDOW>(window, tile + i * SHARED_W);
        unroll<FILTER_D>([&](auto j) {
            #pragma unroll
            for (int row = max(0, i - FILTER_H + 1); row <= min(i, ROWS - 1); ++row)
                #pragma unroll
                for (int x = 0; x < VECTOR; ++x) {
                    acc_t sum = sums[j][row][x];
                    if (row == i) sum = j + 1 < FILTER_D ? sums[(j + 1) % FILTER_D][row][x] : acc_t(0);
                    #pragma unroll
                    for (int s = 0; s < FILTER_W; ++s)
                        multiply_add(sum, weights.at[((FILTER_D - 1 - j) * FILTER_H + i - row) * FILTER_W + s],
                                     window[OFFSET + x + s]);
                    sums[j][row][x] = sum;
                }
        });
    });
}

extern "C" __global__ void __launch_bounds__(BLOCK_H * BLOCK_W, BLOCKS) conv3d_small(
    const image_t* __restrict__ image, const __grid_constant__ Weights weights, out_t* __restrict__ out, int depth,
    int height, int width, int out_d, int out_h, int out_w, int pad_d, int pad_h, int pad_w, int tiles_h, int tiles_w,
    int strips, int strip_d, int pitch, int image_rows, int out_pitch, int out_image_rows, acc_t fill)
{
    extern __shared__ vector_t shared[];
    const VolumePlace place = place_of_strip(tiles_h, tiles_w, strips, strip_d);
    const long long plane = static_cast<long long>(image_rows) * pitch;
    const long long out_plane = static_cast<long long>(out_image_rows) * out_pitch;
    PlaneStream stream = {image + place.n * depth * plane, shared, depth, place.z - pad_d,
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
        add_plane(sums, stream.stage(i), weights);
        if (i < FILTER_D - 1) continue;
        outputs.store_sums(sums[0]);
        outputs.out += out_plane;
    }
}
