"""Samples outside an array, in NumPy: where each boundary takes them from."""

import numpy as np

from gpuconv.problem import Boundary, DType


def source_index(position: np.ndarray, extent: int, boundary: Boundary) -> np.ndarray:
    """Index of the sample that stands at each position of an axis, any distance outside; -1 for the fill value."""
    index: np.ndarray
    if boundary == "edge":
        index = np.clip(position, 0, extent - 1)
    elif boundary == "wrap":
        index = position % extent
    elif boundary == "symmetric":  # d c b a | a b c d | d c b a
        folded = position % (2 * extent)
        index = np.minimum(folded, 2 * extent - 1 - folded)
    elif boundary == "mirror":  # d c b | a b c d | c b a
        period = max(1, 2 * (extent - 1))
        folded = position % period
        index = np.minimum(folded, period - folded)
    else:
        index = np.where((position >= 0) & (position < extent), position, -1)
    return index


def gather(
    array: np.ndarray, axis: int, window: tuple[int, int], boundary: Boundary, fill: complex, dtype: DType
) -> np.ndarray:
    """Positions start to stop of one axis: a view, or a copy as `dtype` where some lie outside the array."""
    start, stop = window
    extent = array.shape[axis]
    if start >= 0 and stop <= extent:
        index: list[slice] = [slice(None)] * array.ndim
        index[axis] = slice(start, stop)
        return array[tuple(index)]
    source = source_index(np.arange(start, stop), extent, boundary)
    taken = np.take(array, source, axis=axis).astype(dtype, copy=False)
    if boundary == "constant":
        np.moveaxis(taken, axis, -1)[..., source < 0] = fill
    return taken
