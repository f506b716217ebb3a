// row_stream.cuh: rows of an image under a strip of outputs, STAGE at a time, on their way through shared memory. The
// copies of the next stage are under way while one is computed.
//
// Prelude: image_t, acc_t; THREADS; FILTER_W; PIXEL, 1 or as many as stand side by side: they count as columns, and
//          the next tap is so many away; STAGE; OFFSET, columns in front of a row's first tap, so that vectors of the
//          shared row are vectors of the image; BOUNDARY.
// Shared:  two stages of rows of THREADS + APRON vectors of acc_t; where values are converted one more, of image_t; and
//          a row of int.
//
// A thread converts and fills the elements that it has copied itself, so one barrier a stage is enough.

#include "boundary.cuh"
#include "copy.cuh"
#include "float16.cuh"

constexpr int APRON = ceil_div(OFFSET + (FILTER_W - 1) * PIXEL, VECTOR);  // vectors of a row beyond one a thread
constexpr int PITCH = THREADS + APRON;                                       // vectors of a row
constexpr bool CONVERTED = !is_same<image_t, acc_t>;
using image_vector = Vector<image_t, VECTOR>;

// As it is, whatever its type; cp.async takes 4, 8 and 16 bytes.
template <class T> __device__ __forceinline__ void copy_raw(T* shared, const T* global) {
#if __CUDA_ARCH__ >= 800
    constexpr int BYTES = sizeof(T);
    const auto address = static_cast<unsigned int>(__cvta_generic_to_shared(shared));
    if constexpr (BYTES == 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(global));
    else if constexpr (BYTES >= 4)
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(address), "l"(global), "n"(BYTES));
    else *shared = *global;
#else
    *shared = *global;
#endif
}

__device__ __forceinline__ vector_t converted(const image_vector& values) {
    vector_t result;
    #pragma unroll
    for (int i = 0; i < VECTOR; ++i) result.at[i] = static_cast<acc_t>(values.at[i]);
    return result;
}

struct RowStream {
    const image_t* image;  // (height, width), rows `pitch` elements apart
    vector_t* tile;        // (2, STAGE, PITCH), shared
    int height, width, pitch, top, left;
    acc_t fill;
    bool whole;  // rows are copied as vectors, none of which meets the boundary

    __device__ __forceinline__ void look(bool aligned) {
        whole = aligned && left >= 0 && left + PITCH * VECTOR <= width && left % VECTOR == 0;
        for (int x = threadIdx.x; x < PITCH * VECTOR; x += THREADS)
            columns()[x] = source_element<PIXEL>(left + x, width);
    }

    // Whether no element of the stage that begins with this row meets the boundary.
    __device__ __forceinline__ bool inside(int first) const {
        return whole && top + first >= 0 && top + first + STAGE <= height;
    }

    __device__ __forceinline__ vector_t* stage(int first) const { return tile + first / STAGE % 2 * (STAGE * PITCH); }

    // Where its rows are copied to.
    __device__ __forceinline__ image_vector* copied(int first) const {
        return reinterpret_cast<image_vector*>(CONVERTED ? tile + 2 * STAGE * PITCH : stage(first));
    }

    // Columns of the image under a row of the tile, -1 for the fill value.
    __device__ __forceinline__ int* columns() const {
        return reinterpret_cast<int*>(copied(0) + (CONVERTED ? 1 : 2) * STAGE * PITCH);
    }

    // Starts the copies of the rows from `first` on.
    __device__ __forceinline__ void request(int first) const {
        image_vector* const target = copied(first);
        const int tx = threadIdx.x;
        if (inside(first)) {
            const image_t* row = image + static_cast<long long>(top + first) * pitch + left + tx * VECTOR;
            #pragma unroll
            for (int i = 0; i < STAGE; ++i, row += pitch) {
                const image_vector* source = reinterpret_cast<const image_vector*>(row);
                copy_raw(target + i * PITCH + tx, source);
                if (tx < APRON) copy_raw(target + i * PITCH + tx + THREADS, source + THREADS);
            }
        } else {
            #pragma unroll 1
            for (int i = 0; i < STAGE; ++i) copy_elements(target[i * PITCH].at, source_index(top + first + i, height));
        }
    }

    // Completes these rows, for the elements that this thread has copied.
    __device__ __forceinline__ void receive(int first) const {
        copies_arrive();
        vector_t* target = stage(first);
        const image_vector* source = copied(first);
        if (!inside(first)) {
            #pragma unroll 1
            for (int i = 0; i < STAGE; ++i)
                complete(target[i * PITCH].at, source[i * PITCH].at, source_index(top + first + i, height) < 0);
        } else if constexpr (CONVERTED) {
            #pragma unroll
            for (int i = 0; i < STAGE; ++i, target += PITCH, source += PITCH)
                for (int v = threadIdx.x; v < PITCH; v += THREADS) target[v] = converted(source[v]);
        }
    }

    __device__ __forceinline__ void copy_elements(image_t* target, int y) const {
        if (y < 0) return;
        const image_t* row = image + static_cast<long long>(y) * pitch;
        for (int x = threadIdx.x; x < PITCH * VECTOR; x += THREADS)
            if (columns()[x] >= 0) copy_raw(target + x, row + columns()[x]);
    }

    __device__ __forceinline__ void complete(acc_t* target, const image_t* source, bool outside) const {
        for (int x = threadIdx.x; x < PITCH * VECTOR; x += THREADS) {
            if (outside || columns()[x] < 0) target[x] = fill;
            else if (CONVERTED) target[x] = static_cast<acc_t>(source[x]);
        }
    }
};
