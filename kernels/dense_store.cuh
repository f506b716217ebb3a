// dense_store.cuh: the sums of a strip to global memory, with their bias, 16 bytes of acc_t at a time where they lie
// side by side there.
//
// Prelude: out_t, acc_t; ROWS, RUN. Above: CHANNELS, DOWN.

#include "values.cuh"
#include "vector.cuh"

template <int COUNT> __device__ __forceinline__ void copy_values(acc_t (&target)[COUNT], const acc_t (&source)[COUNT]) {
    #pragma unroll
    for (int i = 0; i < COUNT; ++i) target[i] = source[i];
}

__device__ __forceinline__ void add_bias(acc_t (&sums)[CHANNELS][ROWS][RUN], const acc_t* bias, int channels) {
    #pragma unroll
    for (int c = 0; c < CHANNELS; ++c) {
        if (c >= channels) return;
        const acc_t offset = bias[c];
        #pragma unroll
        for (int i = 0; i < ROWS * RUN; ++i) multiply_add(sums[c][i / RUN][i % RUN], acc_t(1), offset);
    }
}

// The first `count` of COUNT values, `step` apart; if they are `whole`, all of them side by side, as vectors if may be.
template <int COUNT>
__device__ __forceinline__ void store_run(out_t* out, const acc_t (&sums)[COUNT], bool whole, long long step, int count)
{
    constexpr int AT_ONCE = COUNT % VECTOR ? 1 : VECTOR;
    if (whole) {
        #pragma unroll
        for (int i = 0; i < COUNT; i += AT_ONCE) {
            Vector<out_t, AT_ONCE> values;
            #pragma unroll
            for (int j = 0; j < AT_ONCE; ++j) values.at[j] = convert<out_t>(sums[i + j]);
            *reinterpret_cast<Vector<out_t, AT_ONCE>*>(out + i) = values;
        }
        return;
    }
    #pragma unroll
    for (int i = 0; i < COUNT; ++i, out += step)
        if (i < count) *out = convert<out_t>(sums[i]);
}

struct Strip {
    out_t* out;                        // of the first channel and position
    long long step_c, step_y, step_x;  // from there to the next
    int channels, rows, columns;       // that are left; rows are DOWN apart

    __device__ __forceinline__ bool aligned(long long a, long long b) const {
        const auto address = reinterpret_cast<unsigned long long>(out);
        return address % sizeof(Vector<out_t, VECTOR>) == 0 && a % VECTOR == 0 && b % VECTOR == 0;
    }

    // Neighbours are positions of a row.
    __device__ __forceinline__ void store_rows(const acc_t (&sums)[CHANNELS][ROWS][RUN]) const {
        const bool whole = step_x == 1 && columns >= RUN && (RUN % VECTOR || aligned(step_c, step_y));
        out_t* channel = out;
        #pragma unroll
        for (int c = 0; c < CHANNELS; ++c, channel += step_c) {
            if (c >= channels) return;
            out_t* row = channel;
            #pragma unroll
            for (int i = 0; i < ROWS; ++i, row += DOWN * step_y)
                if (i < rows) store_run(row, sums[c][i], whole, step_x, columns);
        }
    }

    // Neighbours are channels of a position.
    __device__ __forceinline__ void store_channels(const acc_t (&sums)[CHANNELS][ROWS][RUN]) const {
        const bool whole = channels >= CHANNELS && aligned(step_x, step_y);
        out_t* row = out;
        #pragma unroll
        for (int i = 0; i < ROWS; ++i, row += DOWN * step_y) {
            out_t* position = row;
            #pragma unroll
            for (int x = 0; x < RUN; ++x, position += step_x) {
                #pragma unroll
                for (int c = 0; c < CHANNELS; c += VECTOR) {
                    acc_t run[VECTOR];
                    #pragma unroll
                    for (int j = 0; j < VECTOR; ++j) run[j] = sums[c + j][i][x];
                    if (i < rows && x < columns) store_run(position + c, run, whole, 1, channels - c);
                }
            }
        }
    }
};
