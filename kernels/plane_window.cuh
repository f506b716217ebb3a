// plane_window.cuh: the rectangle under a tile of outputs, the same in all planes of a volume, and which elements of it
// a thread copies.
//
// Prelude: acc_t; FILTER_H, FILTER_W; BLOCK_H, BLOCK_W (threads), ROWS (of VECTOR outputs a thread); OFFSET, columns in
//          front of a row's first window, so that vectors of the tile are vectors of the volume; BOUNDARY.
// Tile:    TILE_H x TILE_W outputs, of SHARED_H x SHARED_W vectors of a plane.
// Shared:  SHARED_H + SHARED_W * VECTOR int.

#include "boundary.cuh"
#include "unroll.cuh"
#include "vector.cuh"

constexpr int TILE_H = BLOCK_H * ROWS, TILE_W = BLOCK_W * VECTOR;
constexpr int WINDOW = ceil_div(OFFSET + VECTOR + FILTER_W - 1, VECTOR);  // vectors
constexpr int SHARED_H = TILE_H + FILTER_H - 1, SHARED_W = BLOCK_W - 1 + WINDOW, SHARED = SHARED_H * SHARED_W;

struct PlaneWindow {
    int* rows;  // of a plane under those of the tile, -1 for the fill value; shared; then columns
    int height, width, pitch, top, left;
    int first, last;  // vectors of a row that are copied as such; the values around them come one by one
    bool whole;       // there are none, and no row is outside

    __device__ __forceinline__ int* columns() const { return rows + SHARED_H; }

    // To be followed by a barrier.
    __device__ __forceinline__ void look(bool aligned_rows) {
        const int thread = threadIdx.y * BLOCK_W + threadIdx.x;
        const bool aligned = left % VECTOR == 0 && aligned_rows;
        first = aligned ? min(ceil_div(max(-left, 0), VECTOR), SHARED_W) : SHARED_W;
        last = max(first, min((width - left) / VECTOR, SHARED_W));
        whole = first == 0 && last == SHARED_W && top >= 0 && top + SHARED_H <= height;
        for (int y = thread; y < SHARED_H; y += BLOCK_H * BLOCK_W) rows[y] = source_index(top + y, height);
        for (int x = thread; x < SHARED_W * VECTOR; x += BLOCK_H * BLOCK_W)
            columns()[x] = source_index(left + x, width);
    }

    // body(count, index, from) for what this thread copies of a plane: `count` values at once, from there in the plane
    // to the place `index`, in units of `count`, of the tile.
    template <class Body> __device__ __forceinline__ void each(Body body) const {
        if (whole) each_inside(body);
        else each_anywhere(body);
    }

    template <class Body> __device__ __forceinline__ void each_inside(Body body) const {
        const int tx = threadIdx.x, ty = threadIdx.y;
        long long from = static_cast<long long>(top + ty) * pitch + left + tx * VECTOR;
        #pragma unroll
        for (int y = 0; y < SHARED_H; y += BLOCK_H, from += static_cast<long long>(BLOCK_H) * pitch) {
            if (y + BLOCK_H > SHARED_H && y + ty >= SHARED_H) return;
            #pragma unroll
            for (int v = 0; v < SHARED_W; v += BLOCK_W)
                if (v + BLOCK_W <= SHARED_W || v + tx < SHARED_W)
                    body(Constant<VECTOR>(), (y + ty) * SHARED_W + v + tx, from + v * VECTOR);
        }
    }

    template <class Body> __device__ __forceinline__ void each_anywhere(Body body) const {
        #pragma unroll 1
        for (int y = threadIdx.y; y < SHARED_H; y += BLOCK_H) {
            const int row = rows[y];
            if (BOUNDARY == CONSTANT && row < 0) continue;
            const long long start = static_cast<long long>(row) * pitch;
            #pragma unroll
            for (int v = threadIdx.x; v < SHARED_W; v += BLOCK_W)
                if (v >= first && v < last) body(Constant<VECTOR>(), y * SHARED_W + v, start + left + v * VECTOR);
            #pragma unroll 1
            for (int i = threadIdx.x; i < (SHARED_W - last + first) * VECTOR; i += BLOCK_W) {
                const int x = i < first * VECTOR ? i : i + (last - first) * VECTOR, column = columns()[x];
                if (BOUNDARY != CONSTANT || column >= 0)
                    body(Constant<1>(), y * SHARED_W * VECTOR + x, start + column);
            }
        }
    }
};
