"""2D filter on a tile in shared memory: one filter, or one for each channel of a depthwise layer.

    out[n, k, y, x] = bias[0, 0, 0, k] + sum over r, s of weights[k, 0, r, s] * image[n, c, i, j]
    i = y - pad_y + r,  j = x - pad_x + s,  c = k // (channels of out / channels of image)

A block computes TILE_H x TILE_W outputs: it loads the image under them with its halo once, boundary applied, and then
every thread sums ROWS outputs of one column, below each other, so that they share the samples the compiler keeps in
registers. The loop over the taps has no branch and reads only shared memory: neighbouring threads neighbouring words,
and one weight for all of them.

Arrays: (N, C, H, W) with any strides; bias (1, 1, 1, C), not read unless BIASED. Compiled in: FILTER_H, FILTER_W,
BLOCK_H, BLOCK_W, ROWS, BIASED, the dtypes and the conversion. Launch: a block of BLOCK_W x BLOCK_H threads for each
tile of each channel of out.
Shared memory: (TILE_H + FILTER_H - 1) * (TILE_W + FILTER_W - 1) + FILTER_H * FILTER_W sums.
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
    FILTER_H, FILTER_W = specialization.constant("FILTER_H"), specialization.constant("FILTER_W")
    BLOCK_H, BLOCK_W = specialization.constant("BLOCK_H"), specialization.constant("BLOCK_W")
    ROWS, SKIP_ZERO_TAPS = specialization.constant("ROWS"), specialization.constant("SKIP_ZERO_TAPS")
    BIASED = specialization.constant("BIASED")
    TILE_H, TILE_W = BLOCK_H * ROWS, BLOCK_W
    SPAN_H, SPAN_W = TILE_H + FILTER_H - 1, TILE_W + FILTER_W - 1
    load_tile, convert = loader(scalar, BLOCK_H, BLOCK_W), convert_of(specialization)
    TAPS, SPAN = FILTER_H * FILTER_W, SPAN_H * SPAN_W

    def conv2d_tiled(image, weights, bias, out, boundary, fill, pad_y, pad_x):
        taps = cuda.shared.array(TAPS, scalar)
        tile = cuda.shared.array(SPAN, scalar)
        _, channels_out, out_height, out_width = out.shape
        plane, row, column = block_position(ceil_div(out_height, TILE_H), ceil_div(out_width, TILE_W))
        n, k = plane // channels_out, plane % channels_out
        if n >= image.shape[0]:
            return
        c = k // (channels_out // image.shape[1])
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        x0, y0 = column * TILE_W, row * TILE_H

        for i in range(ty * BLOCK_W + tx, TAPS, BLOCK_H * BLOCK_W):
            taps[index(i)] = weights[index(k), 0, index(i // FILTER_W), index(i % FILTER_W)]
        load_tile(tile, SPAN_H, SPAN_W, image, n, c, y0 - pad_y, x0 - pad_x, 1, 1, boundary, fill)
        cuda.syncthreads()

        sums = cuda.local.array(ROWS, scalar)
        for i in range(ROWS):
            sums[i] = scalar(0)
        corner = index(ty * ROWS * SPAN_W + tx)
        for s in range(FILTER_W):
            for r in range(FILTER_H):
                tap = taps[index(r * FILTER_W + s)]
                if SKIP_ZERO_TAPS and tap == scalar(0):
                    continue
                for i in range(ROWS):
                    sums[i] += tap * tile[corner + index((i + r) * SPAN_W + s)]

        for i in range(ROWS):
            y, x = y0 + ty * ROWS + i, x0 + tx
            if y < out_height and x < out_width:
                total = sums[i] + bias[0, 0, 0, index(k)] if BIASED else sums[i]
                out[index(n), index(k), index(y), index(x)] = convert(total)

    arrays = ", ".join(f"{types[name]}[:,:,:,:]" for name in ("image", "acc", "acc", "out"))
    return conv2d_tiled, f"void({arrays}, int32, {types['acc']}, int64, int64)"
