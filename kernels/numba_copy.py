"""Strided copy with a cast: weights that live on the device, and results that go where an operand lies; or a sum.

    target[n, c, y, x] = source[n, c, y, x] + ADD * target[n, c, y, x]

Arrays: (N, C, H, W) with any strides. Compiled in: THREADS, ADD (0 or 1) and the dtypes. Launch: a block of THREADS
threads for every THREADS elements of a row.
"""
# ruff: noqa: N806 - constants of the specialisation have upper-case names

import numpy as np
from numba import cuda

from gpuconv.kernels.numba_tile import block_position, ceil_div, index


def define(specialization):
    """Return the kernel of one specialisation, and its signature."""
    types = dict(specialization.types)
    scalar = np.dtype(types["target"]).type
    THREADS, ADD = specialization.constant("THREADS"), specialization.constant("ADD")

    def copy(source, target):
        images, channels, height, width = target.shape
        plane, y, column = block_position(height, ceil_div(width, THREADS))
        n, c, x = plane // channels, plane % channels, column * THREADS + cuda.threadIdx.x
        if n < images and x < width:
            at = index(n), index(c), index(y), index(x)
            target[at] = target[at] + scalar(source[at]) if ADD else scalar(source[at])

    return copy, f"void({types['source']}[:,:,:,:], {types['target']}[:,:,:,:])"
