"""Which sample stands at a position outside an axis; device code for every Numba kernel.

The boundaries are numbered as in gpuconv.problem.BOUNDARIES, a runtime argument: another boundary compiles nothing.
It is applied only while a tile is loaded, never in the loop over the taps.

    symmetric  d c b a | a b c d | d c b a    repeats after 2 n samples
    mirror       d c b | a b c d | c b a      repeats after 2 n - 2
    wrap         b c d | a b c d | a b c      repeats after n
    edge         a a a | a b c d | d d d
"""

from numba import cuda

from gpuconv.problem import BOUNDARIES

CONSTANT = BOUNDARIES.index("constant")  # and "zero" before it
EDGE = BOUNDARIES.index("edge")
SYMMETRIC = BOUNDARIES.index("symmetric")
MIRROR = BOUNDARIES.index("mirror")
WRAP = BOUNDARIES.index("wrap")


@cuda.jit(device=True)
def source_index(position, extent, boundary):
    """Index of the sample at a position any distance outside 0 .. extent - 1; -1 for the fill value."""
    if 0 <= position < extent:
        return position
    if boundary <= CONSTANT:
        return -1
    if boundary == EDGE:
        return min(max(position, 0), extent - 1)
    period = extent
    if boundary != WRAP:
        period = 2 * extent if boundary == SYMMETRIC else max(1, 2 * extent - 2)
    folded = position % period
    if folded < extent:
        return folded
    return period - folded if boundary == MIRROR else period - 1 - folded
