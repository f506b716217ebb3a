// Reverses every segment of 4 * THREADS elements, with 16-byte loads and dynamic shared memory: a sample for the harness.
//   out[k * SEGMENT + i] = in[k * SEGMENT + SEGMENT - 1 - i]
// Prelude: THREADS (of a block).  Grid: one block a segment.  Shared bytes: 4 * SEGMENT.
constexpr int SEGMENT = 4 * THREADS;

extern "C" __global__ void __launch_bounds__(THREADS) reverse(const float* __restrict__ in, float* __restrict__ out, int offset)
{
    extern __shared__ float segment[];
    const float* from = in + blockIdx.x * SEGMENT + offset;
    const float4 four = reinterpret_cast<const float4*>(from)[threadIdx.x];
    const int first = 4 * threadIdx.x;
    segment[first] = four.x;
    segment[first + 1] = four.y;
    segment[first + 2] = four.z;
    segment[first + 3] = four.w;
    __syncthreads();
    for (int i = threadIdx.x; i < SEGMENT; i += THREADS) out[blockIdx.x * SEGMENT + i] = segment[SEGMENT - 1 - i];
}
