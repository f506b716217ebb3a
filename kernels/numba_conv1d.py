"""1D filter of any length, stride and dilation, the taps in pieces.

    out[n, 0, 0, x] = sum over s of weights[0, 0, 0, s] * image[n, 0, 0, x * stride - pad + s * dilation]

A block computes THREADS * OUTPUTS neighbouring outputs. Piece by piece it stages some taps and the samples they meet in
shared memory, boundary applied. All of these stand at multiples of `step` (which divides stride and dilation), so only
they are staged: neighbouring outputs then read samples `near` = stride / step apart, neighbouring taps `far` =
dilation / step.

Arrays: (N, C, H, W) with any strides, C = H = 1. Compiled in: THREADS, OUTPUTS, TAPS and TILE (room for taps and
samples), the dtypes and the conversion. Launch: a block of THREADS threads for each tile of each signal; `piece` so
that piece <= TAPS and span <= TILE.
"""
# ruff: noqa: N806 - constants of the specialisation have upper-case names

import numpy as np
from numba import cuda

from gpuconv.kernels.numba_convert import convert_of
from gpuconv.kernels.numba_tile import block_position, ceil_div, index, loader


def define(specialization):
    """Return the kernel of one specialisation, and its signature."""
    types = dict(specialization.types)
    scalar = np.dtype(types["acc"]).type
    THREADS, OUTPUTS = specialization.constant("THREADS"), specialization.constant("OUTPUTS")
    TAPS, TILE = specialization.constant("TAPS"), specialization.constant("TILE")
    SKIP_ZERO_TAPS = specialization.constant("SKIP_ZERO_TAPS")
    load_tile, convert = loader(scalar, 1, THREADS), convert_of(specialization)

    def conv1d(image, weights, out, boundary, fill, pad, step, near, dilation, far, piece):
        taps = cuda.shared.array(TAPS, scalar)
        tile = cuda.shared.array(TILE, scalar)
        length, out_width = weights.shape[3], out.shape[3]
        n, _, column = block_position(1, ceil_div(out_width, THREADS * OUTPUTS))
        if n >= image.shape[0]:
            return
        thread = cuda.threadIdx.x
        x0 = column * THREADS * OUTPUTS
        span = (THREADS * OUTPUTS - 1) * near + (piece - 1) * far + 1
        sums = cuda.local.array(OUTPUTS, scalar)
        for i in range(OUTPUTS):
            sums[i] = scalar(0)

        for first in range(0, length, piece):
            count = min(piece, length - first)
            cuda.syncthreads()  # the piece before is no longer read
            for i in range(thread, count, THREADS):
                taps[index(i)] = weights[0, 0, 0, index(first + i)]
            left = x0 * near * step - pad + first * dilation
            load_tile(tile, 1, span, image, n, 0, 0, left, 1, step, boundary, fill)
            cuda.syncthreads()
            for s in range(count):
                tap = taps[index(s)]
                if SKIP_ZERO_TAPS and tap == scalar(0):
                    continue
                for i in range(OUTPUTS):
                    sums[i] += tap * tile[index((thread + i * THREADS) * near + s * far)]

        for i in range(OUTPUTS):
            x = x0 + thread + i * THREADS
            if x < out_width:
                out[index(n), 0, 0, index(x)] = convert(sums[i])

    arrays = ", ".join(f"{types[name]}[:,:,:,:]" for name in ("image", "acc", "out"))
    return conv1d, f"void({arrays}, int32, {types['acc']}{', int64' * 6})"
