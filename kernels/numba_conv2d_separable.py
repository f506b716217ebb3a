"""Separable 2D filter: both passes on a tile in shared memory, one read and one write of global memory.

    out[n, 0, y, x] = sum over r of column[r] * (sum over s of row[s] * image[n, 0, y - pad_y + r, x - pad_x + s])

A block computes TILE_H x TILE_W outputs: it loads the image under them with its halo once, boundary applied, filters
its rows into a second tile, and then every thread sums ROWS outputs of one column, below each other.

Arrays: (N, C, H, W) with any strides, C = 1; factors (1, 1, 1, 2 * TAPS), the column's taps before the row's. Compiled
in: TAPS (of both factors), BLOCK_H, BLOCK_W, ROWS, the dtypes and the conversion. Launch: a block of BLOCK_W x BLOCK_H
threads for each tile of each image.
Shared memory: SPAN_H * (SPAN_W + TILE_W) + 2 * TAPS sums, SPAN = TILE + TAPS - 1.
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
    TAPS, ROWS = specialization.constant("TAPS"), specialization.constant("ROWS")
    BLOCK_H, BLOCK_W = specialization.constant("BLOCK_H"), specialization.constant("BLOCK_W")
    TILE_H, TILE_W = BLOCK_H * ROWS, BLOCK_W
    SPAN_H, SPAN_W = TILE_H + TAPS - 1, TILE_W + TAPS - 1
    load_tile, convert = loader(scalar, BLOCK_H, BLOCK_W), convert_of(specialization)
    THREADS, BOTH, SPAN, PASSED = BLOCK_H * BLOCK_W, 2 * TAPS, SPAN_H * SPAN_W, SPAN_H * TILE_W

    def conv2d_separable(image, factors, out, boundary, fill, pad_y, pad_x):
        taps = cuda.shared.array(BOTH, scalar)
        tile = cuda.shared.array(SPAN, scalar)
        passed = cuda.shared.array(PASSED, scalar)
        _, _, out_height, out_width = out.shape
        n, row, column = block_position(ceil_div(out_height, TILE_H), ceil_div(out_width, TILE_W))
        if n >= image.shape[0]:
            return
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        x0, y0 = column * TILE_W, row * TILE_H

        for i in range(ty * BLOCK_W + tx, BOTH, THREADS):
            taps[index(i)] = factors[0, 0, 0, index(i)]
        load_tile(tile, SPAN_H, SPAN_W, image, n, 0, y0 - pad_y, x0 - pad_x, 1, 1, boundary, fill)
        cuda.syncthreads()

        for i in range(ty, SPAN_H, BLOCK_H):
            total = scalar(0)
            for s in range(TAPS):
                total += taps[index(TAPS + s)] * tile[index(i * SPAN_W + tx + s)]
            passed[index(i * TILE_W + tx)] = total
        cuda.syncthreads()

        sums = cuda.local.array(ROWS, scalar)
        for i in range(ROWS):
            sums[i] = scalar(0)
        for r in range(TAPS):
            tap = taps[index(r)]
            for i in range(ROWS):
                sums[i] += tap * passed[index((ty * ROWS + i + r) * TILE_W + tx)]

        for i in range(ROWS):
            y, x = y0 + ty * ROWS + i, x0 + tx
            if y < out_height and x < out_width:
                out[index(n), 0, index(y), index(x)] = convert(sums[i])

    arrays = ", ".join(f"{types[name]}[:,:,:,:]" for name in ("image", "acc", "out"))
    return conv2d_separable, f"void({arrays}, int32, {types['acc']}, int64, int64)"
