"""Samples outside an array, in NumPy: where each boundary takes them from."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpuconv.problem import Boundary, DType

Index = Any  # of an array
Empty = Callable[[tuple[int, ...], DType], np.ndarray]  # makes an array
Windows = Sequence[tuple[int, int]]  # [start, stop) along each of the last axes


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


def load(
    image: np.ndarray, windows: Windows, boundary: Boundary, fill: complex, dtype: DType, empty: Empty = np.empty
) -> np.ndarray:
    """The samples in windows of the last axes, as `dtype`: a view where nothing has to be copied, else in new memory.

    What lies inside the image is copied at once; the margins of each axis are gathered, whole along the axes before it.
    """
    rank = len(windows)
    extent = image.shape[-rank:]
    if all(start >= 0 and stop <= n for (start, stop), n in zip(windows, extent, strict=True)):
        whole: Index = (..., *(slice(*window) for window in windows))
        return image[whole].astype(dtype, copy=False)
    inside = [_inside(window, n) for window, n in zip(windows, extent, strict=True)]
    block: np.ndarray = empty((*image.shape[:-rank], *(stop - start for start, stop in windows)), dtype)
    places = [slice(a - start, b - start) for (a, b), (start, _) in zip(inside, windows, strict=True)]
    place: Index = (..., *places)
    source: Index = (..., *(slice(*part) for part in inside))
    block[place] = image[source]
    for axis, (start, stop) in enumerate(windows):
        for margin in ((start, inside[axis][0]), (inside[axis][1], stop)):
            if margin[0] < margin[1]:
                outside = slice(margin[0] - start, margin[1] - start)
                place = (..., *(slice(None),) * axis, outside, *places[axis + 1 :])
                block[place] = _margin(
                    image, (*windows[:axis], margin, *inside[axis + 1 :]), axis, boundary, fill, dtype
                )
    return block


def _inside(window: tuple[int, int], extent: int) -> tuple[int, int]:
    """The part of a window inside the image; empty, but in the window, where there is none."""
    start = min(max(0, window[0]), window[1])
    return start, max(start, min(extent, window[1]))


def _margin(
    image: np.ndarray, windows: Windows, axis: int, boundary: Boundary, fill: complex, dtype: DType
) -> np.ndarray | complex:
    """The samples in windows that lie outside the image along one axis."""
    if boundary == "constant":
        return fill
    rank = len(windows)
    for other in (axis, *(a for a in range(rank) if a != axis)):  # the thinnest first
        image = gather(image, other - rank, windows[other], boundary, fill, dtype)
    return image
