// plane_stream.cuh: planes of a volume under a tile of outputs, one after another on their way through shared memory.
// The copies of the next plane are under way while one is computed.
//
// Prelude: image_t; that of plane_window.cuh.
// Shared:  two tiles of acc_t; where values are converted one more, of image_t; and that of plane_window.cuh.
//
// A thread converts and fills the elements that it has copied itself, so one barrier a plane is enough. What lies
// outside a plane does so in all of them: fill values are there before the first.

#include "copy.cuh"
#include "plane_window.cuh"
#include "raw.cuh"

constexpr bool CONVERTED = !is_same<image_t, acc_t>;

struct PlaneStream {
    const image_t* volume;  // (depth, height, width), planes `plane` elements apart
    vector_t* tiles;        // shared
    int depth, front;       // the plane of the volume that is the first of the stream
    long long plane;
    acc_t fill;
    PlaneWindow window;

    // To be followed by a barrier.
    __device__ __forceinline__ void look() {
        window.rows = reinterpret_cast<int*>(copied(0) + (CONVERTED ? 1 : 2) * SHARED);
        window.look(has_aligned_rows(volume, window.pitch));
        if (BOUNDARY == CONSTANT)
            for (int i = threadIdx.y * BLOCK_W + threadIdx.x; i < 2 * SHARED; i += BLOCK_H * BLOCK_W)
                tiles[i] = filled<VECTOR>();
    }

    __device__ __forceinline__ vector_t* stage(int i) const { return tiles + i % 2 * SHARED; }

    // Where a plane is copied to.
    __device__ __forceinline__ Vector<image_t, VECTOR>* copied(int i) const {
        return reinterpret_cast<Vector<image_t, VECTOR>*>(CONVERTED ? tiles + 2 * SHARED : stage(i));
    }

    template <int COUNT> __device__ __forceinline__ Vector<acc_t, COUNT> filled() const {
        Vector<acc_t, COUNT> values;
        #pragma unroll
        for (int i = 0; i < COUNT; ++i) values.at[i] = fill;
        return values;
    }

    __device__ __forceinline__ bool is_outside(int i) const {
        return BOUNDARY == CONSTANT && (front + i < 0 || front + i >= depth);
    }

    // Starts the copies of plane i.
    __device__ __forceinline__ void request(int i) const {
        if (is_outside(i)) return;
        const image_t* source = volume + source_index(front + i, depth) * plane;
        auto* target = copied(i);
        window.each([=](auto count, int index, long long from) {
            using values_t = Vector<image_t, count>;
            copy_raw(reinterpret_cast<values_t*>(target) + index, reinterpret_cast<const values_t*>(source + from));
        });
    }

    // Completes it, for the elements that this thread has copied.
    __device__ __forceinline__ void receive(int i) const {
        copies_arrive();
        vector_t* target = stage(i);
        if (is_outside(i)) {
            window.each([=](auto count, int index, long long) {
                reinterpret_cast<Vector<acc_t, count>*>(target)[index] = filled<count>();
            });
        } else if constexpr (CONVERTED) {
            const auto* source = copied(i);
            window.each([=](auto count, int index, long long) {
                const auto values = reinterpret_cast<const Vector<image_t, count>*>(source)[index];
                auto& result = reinterpret_cast<Vector<acc_t, count>*>(target)[index];
                #pragma unroll
                for (int j = 0; j < count; ++j) result.at[j] = static_cast<acc_t>(values.at[j]);
            });
        }
    }
};
