"""Which tile a block computes, and how it is loaded into shared memory; device code for every Numba kernel."""

import numpy as np
from numba import cuda

from gpuconv.kernels.numba_boundary import source_index

index = np.uint64  # of an array: never negative, so that Numba leaves out its test for indices counted from the end


@cuda.jit(device=True)
def ceil_div(a, b):
    """Smallest integer >= a / b, for positive b."""
    return (a + b - 1) // b


@cuda.jit(device=True)
def block_position(rows, columns):
    """(plane, row, column) of this block in planes of rows x columns tiles; counted along x, the axis without limit."""
    block, width, area = index(cuda.blockIdx.x), index(columns), index(rows * columns)
    rest = block % area
    return np.int64(block // area), np.int64(rest // width), np.int64(rest % width)


def loader(scalar, BLOCK_H, BLOCK_W):  # noqa: N803 - constants of the specialisation have upper-case names
    """Device function by which a block of BLOCK_H x BLOCK_W threads fills a tile of type `scalar` in shared memory."""

    @cuda.jit(device=True)
    def load_tile(tile, span_h, span_w, image, n, c, top, left, step_y, step_x, boundary, fill):
        """tile[i, j] = image[n, c, top + i * step_y, left + j * step_x], the boundary applied."""
        _, _, height, width = image.shape
        i = cuda.threadIdx.y
        while i < span_h:  # for a range, Numba would keep two more counters, and registers are scarce here
            y = source_index(top + i * step_y, height, boundary)
            j = cuda.threadIdx.x
            while j < span_w:
                x = source_index(left + j * step_x, width, boundary)
                inside = y >= 0 and x >= 0
                tile[index(i * span_w + j)] = scalar(image[index(n), index(c), index(y), index(x)]) if inside else fill
                j += BLOCK_W
            i += BLOCK_H

    return load_tile
