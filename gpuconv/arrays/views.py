"""Views of views: the same few operations on a numpy.ndarray and on a DeviceView, without a copy."""

from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays.device_view import picked
from gpuconv.problem import Ints

View = Any  # numpy.ndarray on the host, DeviceView on a device


def flip(view: View, axes: Ints) -> View:
    """Some axes backwards, on either side."""
    return np.flip(view, axes) if isinstance(view, np.ndarray) else view.flip(axes)


def insert_axis(view: View, axis: int) -> View:
    """With an axis of length 1 before `axis`, on either side."""
    return view[(slice(None),) * axis + (None,)] if isinstance(view, np.ndarray) else view.insert_axis(axis)


def every(view: View, axis: int, start: int, step: int, count: int) -> View:
    """`count` elements of an axis, `step` apart (backwards if that is negative), on either side."""
    if not isinstance(view, np.ndarray):
        return view.every(axis, start, step, count)
    stop = start + step * count
    return view[(slice(None),) * axis + (slice(start, stop if stop >= 0 else None, step),)]


def cut(view: View, axis: int, start: int, stop: int) -> View:
    """The places [start, stop) along one axis, on either side."""
    if isinstance(view, np.ndarray):
        return view[(slice(None),) * axis + (slice(start, stop),)]
    return view.cut(axis, start, stop)


def pick(view: View, index: dict[int, int]) -> View:
    """One element along some axes, which are dropped, on either side."""
    if isinstance(view, np.ndarray):
        return view[tuple(index.get(axis, slice(None)) for axis in range(view.ndim))]
    kept = tuple(axis for axis in range(view.ndim) if axis not in index)
    offset = sum(n * view.strides[axis] for axis, n in index.items())
    shape, strides = picked(view.shape, kept), picked(view.strides, kept)
    return replace(view, pointer=view.pointer + offset, shape=shape, strides=strides)


def laid(view: View, shape: Ints, strides: Ints) -> View:
    """Other places from the same first element on, on either side; to be read only."""
    if isinstance(view, np.ndarray):
        return np.lib.stride_tricks.as_strided(view, shape, strides, writeable=False)
    return replace(view, shape=shape, strides=strides)
