"""Convolution layer, and every 1D or 2D filter that no other kernel takes: any size, stride, dilation, groups, bias.

    out[n, k, y, x] = bias[0, 0, 0, k] + sum over c, r, s of weights[k, c, r, s] *
                      image[n, first(k) + c, y * stride_y - pad_y + r * dilation_y, x * stride_x - pad_x + s * dilation_x]

with the first channel of k's group. A block computes BLOCK_H x BLOCK_W places, and every thread CHANNELS outputs
of one: the same place in neighbouring output channels of one group. Channel by channel and piece by piece of the
filter it stages the taps and the samples they meet in shared memory, boundary applied. All of these stand at multiples
of step (which divides stride and dilation), so only they are staged: neighbouring outputs then read samples stride /
step apart, neighbouring taps dilation / step.

Arrays: (N, C, H, W) with any strides. Compiled in: CHANNELS, TAPS and TILE (room for taps and samples), the dtypes and
the conversion. Launch: a block of BLOCK_W x BLOCK_H threads for each tile, CHANNELS output channels and image; step and piece so
that CHANNELS * piece_h * piece_w <= TAPS and span_h * span_w <= TILE.
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
    CHANNELS, SKIP_ZERO_TAPS = specialization.constant("CHANNELS"), specialization.constant("SKIP_ZERO_TAPS")
    TAPS, TILE = specialization.constant("TAPS"), specialization.constant("TILE")
    BLOCK_H, BLOCK_W = specialization.constant("BLOCK_H"), specialization.constant("BLOCK_W")
    load_taps, load_tile = _tap_loader(CHANNELS, BLOCK_H, BLOCK_W), loader(scalar, BLOCK_H, BLOCK_W)
    convert = convert_of(specialization)

    def conv2d_layer(
        image, weights, bias, out, boundary, fill,
        pad_y, pad_x, stride_y, stride_x, dilation_y, dilation_x, step_y, step_x, piece_h, piece_w,
    ):  # fmt: skip
        taps = cuda.shared.array(TAPS, scalar)
        tile = cuda.shared.array(TILE, scalar)
        channels_out, channels, filter_h, filter_w = weights.shape
        _, _, out_height, out_width = out.shape
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        groups = image.shape[1] // channels
        per_group = channels_out // groups
        plane, row, column = block_position(ceil_div(out_height, BLOCK_H), ceil_div(out_width, BLOCK_W))
        blocks = ceil_div(per_group, CHANNELS)
        n, group, first = plane // (groups * blocks), plane // blocks % groups, plane % blocks * CHANNELS
        if n >= image.shape[0]:
            return
        x, y = column * BLOCK_W + tx, row * BLOCK_H + ty
        top, left = row * BLOCK_H * stride_y - pad_y, column * BLOCK_W * stride_x - pad_x
        near_y, near_x, far_y, far_x = stride_y // step_y, stride_x // step_x, dilation_y // step_y, dilation_x // step_x
        span_h = (BLOCK_H - 1) * near_y + (piece_h - 1) * far_y + 1
        span_w = (BLOCK_W - 1) * near_x + (piece_w - 1) * far_x + 1
        k, k_stop = group * per_group + first, (group + 1) * per_group

        sums = cuda.local.array(CHANNELS, scalar)
        for i in range(CHANNELS):
            sums[i] = scalar(0)
        for c in range(channels):
            for r0 in range(0, filter_h, piece_h):
                for s0 in range(0, filter_w, piece_w):
                    rows, columns = min(piece_h, filter_h - r0), min(piece_w, filter_w - s0)
                    cuda.syncthreads()  # the piece before is no longer read
                    load_taps(taps, rows, columns, weights, k, k_stop, c, r0, s0)
                    load_tile(tile, span_h, span_w, image, n, group * channels + c, top + r0 * dilation_y,
                              left + s0 * dilation_x, step_y, step_x, boundary, fill)  # fmt: skip
                    cuda.syncthreads()
                    for r in range(rows):
                        for s in range(columns):
                            sample = tile[index((ty * near_y + r * far_y) * span_w + tx * near_x + s * far_x)]
                            for i in range(CHANNELS):
                                tap = taps[index((r * columns + s) * CHANNELS + i)]
                                if not SKIP_ZERO_TAPS or tap != scalar(0):
                                    sums[i] += tap * sample

        if y < out_height and x < out_width:
            for i in range(min(CHANNELS, k_stop - k)):
                total = sums[i] + bias[0, 0, 0, index(k + i)]
                out[index(n), index(k + i), index(y), index(x)] = convert(total)

    arrays = ", ".join(f"{types[name]}[:,:,:,:]" for name in ("image", "acc", "acc", "out"))
    return conv2d_layer, f"void({arrays}, int32, {types['acc']}{', int64' * 10})"


def _tap_loader(CHANNELS, BLOCK_H, BLOCK_W):  # noqa: N803
    """Device function that fills taps[r, s, i] with weights[k + i, c, r0 + r, s0 + s], the last channel repeated."""

    @cuda.jit(device=True)
    def load_taps(taps, rows, columns, weights, k, k_stop, c, r0, s0):
        for r in range(cuda.threadIdx.y, rows, BLOCK_H):
            for s in range(cuda.threadIdx.x, columns, BLOCK_W):
                for i in range(CHANNELS):
                    channel = min(k + i, k_stop - 1)
                    tap = weights[index(channel), index(c), index(r0 + r), index(s0 + s)]
                    taps[index((r * columns + s) * CHANNELS + i)] = tap

    return load_taps
