// row_stream.cuh: rows of an image under a strip of outputs, STAGE at a time, on their way through shared memory. The
// copies of the next stage are under way while one is computed.
//
// Prelude: image_t, acc_t; THREADS; FILTER_W; PIXEL, 1 or as many as stand side by side: they count as columns, and
//          the next tap is so many away; STAGE; OFFSET, columns in front of a row's first tap, so that vectors of the
//          shared row are vectors of the image; BOUNDARY.
// Shared:  two stages of rows of THREADS + APRON vectors of value_t; where values are converted one more, of image_t;
//          and a row of int.
//
// Rows wait in shared memory as vectors of VECTOR values of value_t: of acc_t, or of image_t, as they are.
// A thread converts and fills the elements that it has copied itself, so one barrier a stage is enough.

#include "boundary.cuh"
#include "copy.cuh"
#include "float16.cuh"
#include "row_copy.cuh"

constexpr int APRON = ceil_div(OFFSET + (FILTER_W - 1) * PIXEL, VECTOR);  // vectors of a row beyond one a thread
constexpr int PITCH = THREADS + APRON;                                       // vectors of a row

template <class value_t> struct RowStreamOf {
    static constexpr bool CONVERTED = !is_same<image_t, value_t>;
    // Nothing else is, either, without fill values; but left out there, the rest of the code takes more registers.
    static constexpr bool COPIES_ARE_COMPLETE = sizeof(value_t) == 1 && BOUNDARY != CONSTANT;
    using row_vector = Vector<value_t, VECTOR>;

    const image_t* image;  // (height, width), rows `pitch` elements apart
    row_vector* tile;      // (2, STAGE, PITCH), shared
    int height, width, pitch, top, left;
    value_t fill;
    bool aligned, whole;  // vectors of rows are vectors of the image, and none meets the boundary

    __device__ __forceinline__ void look(bool aligned_rows) {
        aligned = aligned_rows && left % VECTOR == 0;
        const int margin = aligned ? 0 : VECTOR;  // of the words that a word is put together from
        whole = (aligned || WORDS_OF_BYTES) && left >= margin && left + PITCH * VECTOR <= width - margin;
        for (int x = threadIdx.x; x < PITCH * VECTOR; x += THREADS)
            columns()[x] = source_element<PIXEL>(left + x, width);
    }

    // Whether no element of the stage that begins with this row meets the boundary.
    __device__ __forceinline__ bool inside(int first) const {
        return whole && top + first >= 0 && top + first + STAGE <= height;
    }

    __device__ __forceinline__ row_vector* stage(int first) const { return tile + first / STAGE % 2 * (STAGE * PITCH); }

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
        if (inside(first)) {
            if (!WORDS_OF_BYTES || aligned) copy_rows<true>(first);
            else copy_rows<false>(first);
        } else {
            image_vector* const target = copied(first);
            #pragma unroll 1
            for (int i = 0; i < STAGE; ++i) copy_elements(target[i * PITCH].at, source_index(top + first + i, height));
        }
    }

    template <bool ALIGNED> __device__ __forceinline__ void copy_rows(int first) const {
        const int tx = threadIdx.x;
        image_vector* target = copied(first) + tx;
        const image_t* row = image + static_cast<long long>(top + first) * pitch + left + tx * VECTOR;
        #pragma unroll
        for (int i = 0; i < STAGE; ++i, row += pitch, target += PITCH) {
            copy_vector<ALIGNED>(target, row);
            if (tx < APRON) copy_vector<ALIGNED>(target + THREADS, row + THREADS * VECTOR);
        }
    }

    // Completes these rows, for the elements that this thread has copied.
    __device__ __forceinline__ void receive(int first) const {
        copies_arrive();
        row_vector* target = stage(first);
        const image_vector* source = copied(first);
        if (!inside(first)) {
            #pragma unroll 1
            for (int i = 0; i < STAGE && !COPIES_ARE_COMPLETE; ++i)
                complete(target[i * PITCH].at, source[i * PITCH].at, source_index(top + first + i, height) < 0);
        } else if constexpr (CONVERTED) {
            #pragma unroll
            for (int i = 0; i < STAGE; ++i, target += PITCH, source += PITCH)
                for (int v = threadIdx.x; v < PITCH; v += THREADS) target[v] = converted<value_t>(source[v]);
        }
    }

    __device__ __forceinline__ void copy_elements(image_t* target, int y) const {
        if (y < 0) return;
        const image_t* row = image + static_cast<long long>(y) * pitch;
        for (int x = threadIdx.x; x < PITCH * VECTOR; x += THREADS)
            if (columns()[x] >= 0) copy_raw(target + x, row + columns()[x]);
    }

    __device__ __forceinline__ void complete(value_t* target, const image_t* source, bool outside) const {
        for (int x = threadIdx.x; x < PITCH * VECTOR; x += THREADS) {
            if (outside || columns()[x] < 0) target[x] = fill;
            else if (CONVERTED) target[x] = static_cast<value_t>(source[x]);
        }
    }
};

using RowStream = RowStreamOf<acc_t>;
