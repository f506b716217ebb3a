"""Convolution layer, and every 1D or 2D filter that no other kernel takes: any size, stride, dilation, groups, bias.

    out[n, k, y, x] = bias[0, 0, 0, k] + sum over c, r, s of weights[k, c, r, s] * image[n, first(k) + c, i, j]
    i = y * stride_y - pad_y + r * dilation_y,  j = x * stride_x - pad_x + s * dilation_x

with the first channel of k's group. A block computes BLOCK_H * ROWS x BLOCK_W places, and every thread ROWS of them,
BLOCK_H below each other, for CHANNELS neighbouring output channels of one group: a staged sample serves CHANNELS
outputs, a tap ROWS. Channel by channel and piece by piece of the filter it stages the taps and the samples they meet in
shared memory, boundary applied. All of these stand at multiples of `step` (which divides stride and dilation), so only
they are staged: neighbouring outputs then read samples `near` = stride / step apart, neighbouring taps `far` =
dilation / step.

Arrays: (N, C, H, W) with any strides. Compiled in: BLOCK_H, BLOCK_W, ROWS, CHANNELS, TAPS and TILE (room for taps and
samples), the dtypes and the conversion. Launch: a block of BLOCK_W x BLOCK_H threads for each tile, CHANNELS output
channels and image; pieces so that CHANNELS * piece_h * piece_w <= TAPS and span_h * span_w <= TILE.
"""
# ruff: noqa: N803, N806 - constants of the specialisation have upper-case names

import numpy as np
from numba import cuda

from gpuconv.kernels.numba_convert import convert_of
from gpuconv.kernels.numba_tile import block_position, ceil_div, index, loader


def define(specialization):
    """Return the kernel of one specialisation, and its signature."""
    types = dict(specialization.types)
    scalar = np.dtype(types["acc"]).type
    BLOCK_H, BLOCK_W = specialization.constant("BLOCK_H"), specialization.constant("BLOCK_W")
    CHANNELS, SKIP_ZERO_TAPS = specialization.constant("CHANNELS"), specialization.constant("SKIP_ZERO_TAPS")
    TAPS, TILE, ROWS = (specialization.constant(name) for name in ("TAPS", "TILE", "ROWS"))
    TILE_H, OUTPUTS = BLOCK_H * ROWS, ROWS * CHANNELS
    load_taps, load_tile = _tap_loader(CHANNELS, BLOCK_H, BLOCK_W), loader(scalar, BLOCK_H, BLOCK_W)
    convert = convert_of(specialization)

    def conv2d_layer(
        image, weights, bias, out, boundary, fill, groups,
        pad_y, pad_x, step_y, step_x, near_y, near_x, dilation_y, dilation_x, far_y, far_x, piece_h, piece_w,
    ):  # fmt: skip
        taps = cuda.shared.array(TAPS, scalar)
        tile = cuda.shared.array(TILE, scalar)
        channels_out, channels, filter_h, filter_w = weights.shape
        _, _, out_height, out_width = out.shape
        per_group = channels_out // groups
        parts = ceil_div(per_group, CHANNELS)
        plane, row, column = block_position(ceil_div(out_height, TILE_H), ceil_div(out_width, BLOCK_W))
        n, group, part = plane // (groups * parts), plane // parts % groups, plane % parts
        if n >= image.shape[0]:
            return
        k, k_stop = group * per_group + part * CHANNELS, (group + 1) * per_group
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        span_h = (TILE_H - 1) * near_y + (piece_h - 1) * far_y + 1
        span_w = (BLOCK_W - 1) * near_x + (piece_w - 1) * far_x + 1
        top, left = row * TILE_H * near_y * step_y - pad_y, column * BLOCK_W * near_x * step_x - pad_x
        corner, below = ty * near_y * span_w + tx * near_x, BLOCK_H * near_y * span_w

        sums = cuda.local.array(OUTPUTS, scalar)
        for i in range(OUTPUTS):
            sums[i] = scalar(0)
        down, across = ceil_div(filter_h, piece_h), ceil_div(filter_w, piece_w)
        for piece in range(channels * down * across):
            c, r0, s0 = piece // (down * across), piece // across % down * piece_h, piece % across * piece_w
            rows, columns = min(piece_h, filter_h - r0), min(piece_w, filter_w - s0)
            y0, x0 = top + r0 * dilation_y, left + s0 * dilation_x
            cuda.syncthreads()  # the piece before is no longer read
            load_taps(taps, rows, columns, weights, k, k_stop, c, r0, s0)
            load_tile(tile, span_h, span_w, image, n, group * channels + c, y0, x0, step_y, step_x, boundary, fill)
            cuda.syncthreads()
            for r in range(rows):
                for s in range(columns):
                    first = corner + r * far_y * span_w + s * far_x
                    for i in range(CHANNELS):
                        tap = taps[index((r * columns + s) * CHANNELS + i)]
                        for j in range(ROWS):
                            if not SKIP_ZERO_TAPS or tap != scalar(0):
                                sums[i * ROWS + j] += tap * tile[index(first + j * below)]

        x = column * BLOCK_W + tx
        for i in range(CHANNELS):
            for j in range(ROWS):
                y = row * TILE_H + j * BLOCK_H + ty
                if k + i < k_stop and y < out_height and x < out_width:
                    total = sums[i * ROWS + j] + bias[0, 0, 0, index(k + i)]
                    out[index(n), index(k + i), index(y), index(x)] = convert(total)

    arrays = ", ".join(f"{types[name]}[:,:,:,:]" for name in ("image", "acc", "acc", "out"))
    return conv2d_layer, f"void({arrays}, int32, {types['acc']}{', int64' * 13})"


def _tap_loader(CHANNELS, BLOCK_H, BLOCK_W):
    """Device function that fills taps[r, s, i] with weights[k + i, c, r0 + r, s0 + s], the last channel repeated."""

    @cuda.jit(device=True)
    def load_taps(taps, rows, columns, weights, k, k_stop, c, r0, s0):
        thread = cuda.threadIdx.y * BLOCK_W + cuda.threadIdx.x
        for r in range(rows):
            for t in range(thread, columns * CHANNELS, BLOCK_H * BLOCK_W):
                channel, s = min(k + t % CHANNELS, k_stop - 1), t // CHANNELS
                tap = weights[index(channel), index(c), index(r0 + r), index(s0 + s)]
                taps[index(r * columns * CHANNELS + t)] = tap

    return load_taps
