// depthwise_gradient: the gradient of a layer whose channels have small filters of their own with respect to these
// filters, as partial sums over parts of the batch.
//
//   partial[i, c, k, r, s] = sum over the positions (n, y, x) of part i of
//                            grad[n, c, k, y, x] * image[n, c, y * STRIDE_H - pad_h + r, x * STRIDE_W - pad_w + s]
//
//   image    (images, channels, height, width), C order
//   grad     (images, channels, filters, out_h, out_w), C order
//   partial  (parts, channels, filters, FILTER_H, FILTER_W); sum_parts.cu adds them up
// Prelude: that of strided_tile.cuh; BLOCKS (of a multiprocessor); SKIP_ZERO_TAPS (0).
// Launch:  BLOCK_W x BLOCK_H threads; along grid x the filters, then the parts, of `count` tiles each.
// Shared:  SHARED_H * SHARED_W * 16 bytes, static.
// Reference: that of conv2d_weight_gradient.cu, without its product of matrices: each has one row and one column here.
//
// A thread has the sums of all taps. Its gradients meet the windows that lie under its positions; those of positions
// that there are not meet nothing, so that no infinity comes in. In the end the block adds its threads' sums up, some
// taps at a time, always in the same order.

#include "strided_tile.cuh"
#include "values.cuh"

constexpr int THREADS = BLOCK_H * BLOCK_W, SIDE = 8;  // threads that add up the sums of a tap
constexpr int ROW = THREADS + SIDE, ROOM = SHARED_H * SHARED_W * VECTOR / (ROW + SIDE);  // values; rows of them
constexpr int MOST = THREADS / SIDE < ROOM ? THREADS / SIDE : ROOM, TOGETHER = TAPS < MOST ? TAPS : MOST;  // taps

using run_t = Vector<acc_t, ACROSS>;

// The products of a row of a thread's positions, of which there are `columns`.
__device__ __forceinline__ void add_row(
    acc_t (&sums)[TAPS], const vector_t* tile, const acc_t* grad, int columns, bool aligned)
{
    run_t grads = {};
    if (aligned && columns > 0) grads = *reinterpret_cast<const run_t*>(grad);
    else
        #pragma unroll
        for (int x = 0; x < ACROSS; ++x)
            if (x < columns) grads.at[x] = grad[x];
    #pragma unroll
    for (int r = 0; r < FILTER_H; ++r) {
        acc_t window[WINDOW * VECTOR];
        load_window<WINDOW>(window, tile + r * SHARED_W);
        #pragma unroll
        for (int x = 0; x < ACROSS; ++x)
            if (x < columns)
                #pragma unroll
                for (int s = 0; s < FILTER_W; ++s)
                    multiply_add(sums[r * FILTER_W + s], grads.at[x], window[OFFSET + x * STRIDE_W + s]);
    }
}

// The sums of all threads, one after another: SIDE threads a tap add up every SIDE-th, one of them what they have.
__device__ __forceinline__ void add_up(acc_t* partial, const acc_t (&sums)[TAPS], acc_t* shared) {
    const int thread = threadIdx.y * BLOCK_W + threadIdx.x, tap = thread / SIDE, side = thread % SIDE;
    acc_t* const halfway = shared + TOGETHER * ROW;
    #pragma unroll
    for (int first = 0; first < TAPS; first += TOGETHER) {
        __syncthreads();  // what stood there has been read
        #pragma unroll
        for (int i = first; i < min(first + TOGETHER, TAPS); ++i) shared[(i - first) * ROW + thread] = sums[i];
        __syncthreads();
        const bool mine = tap < TOGETHER && first + tap < TAPS;
        acc_t sum = acc_t(0);
        if (mine)
            for (int i = side; i < THREADS; i += SIDE) sum += shared[tap * ROW + i];
        if (mine) halfway[thread] = sum;
        __syncthreads();
        if (!mine || side > 0) continue;
        for (int i = 1; i < SIDE; ++i) sum += halfway[thread + i];
        partial[first + tap] = sum;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) depthwise_gradient(
    const image_t* __restrict__ image, const acc_t* __restrict__ grad, acc_t* __restrict__ partial, int images,
    int channels, int filters, int height, int width, int out_h, int out_w, int pad_h, int pad_w, int tiles_h,
    int tiles_w, int count, acc_t fill)
{
    __shared__ vector_t tile[SHARED_H][SHARED_W];
    const int total = channels * filters, k = blockIdx.x % total, part = blockIdx.x / total;
    const int ty = threadIdx.y * ROWS, tx = threadIdx.x * ACROSS;
    const int last = min((part + 1) * count, images * tiles_h * tiles_w);
    const bool aligned = out_w % ACROSS == 0 && reinterpret_cast<unsigned long long>(grad) % sizeof(run_t) == 0;
    acc_t sums[TAPS] = {};
    #pragma unroll 1
    for (int i = part * count; i < last; ++i) {
        const int n = i / (tiles_h * tiles_w), y = i / tiles_w % tiles_h * TILE_H, x = i % tiles_w * TILE_W;
        __syncthreads();  // the tile before has been read
        stage_layer<SHARED_H, SHARED_W>(tile[0], image, {height, width, width, height, fill},
                                        n * channels + k / filters, y * STRIDE_H - pad_h,
                                        x * STRIDE_W - pad_w - OFFSET);
        __syncthreads();
        const int rows = min(ROWS, out_h - y - ty), columns = out_w - x - tx;
        const acc_t* grads = grad + (static_cast<long long>(n) * total + k) * out_h * out_w;
        grads += (y + ty) * out_w + (x + tx);
        const vector_t* samples = tile[ty * STRIDE_H] + threadIdx.x;
        #pragma unroll 1
        for (int row = 0; row < rows; ++row, grads += out_w, samples += STRIDE_H * SHARED_W)
            add_row(sums, samples, grads, columns, aligned);
    }
    add_up(partial + (static_cast<long long>(part) * total + k) * TAPS, sums, tile[0]->at);
}
