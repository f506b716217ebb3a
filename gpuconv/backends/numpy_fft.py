"""Overlap-save in NumPy: the spectrum of each tile times that of the filter; overlap.py has the geometry.

The transforms are those of ducc0 where that is installed, else NumPy's (SciPy's are no faster where they must make new
arrays). They are scaled to keep the 2-norm, so that they overflow no sooner than the sums do.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gpuconv.backends.boundary import load
from gpuconv.backends.numpy_workers import scratch
from gpuconv.dtypes import is_integer
from gpuconv.planning.overlap import Box, Tiles, window
from gpuconv.planning.planner import Plan
from gpuconv.planning.rates import transform_library
from gpuconv.problem import DType, Ints, Problem

REMEMBERED = 1 << 16  # bytes of weights up to which their spectrum is kept


@dataclass(frozen=True)
class Library:
    """Transforms over some axes, into `out`; of real arrays the last of these is halved. The spectrum may be lost."""

    name: str
    forward: Callable[[np.ndarray, Ints, np.ndarray], object]  # (array, axes, out)
    backward: Callable[[np.ndarray, Ints, np.ndarray], object]


class Convolver:
    """A plan of transforms, ready to compute any box of the outputs."""

    def __init__(self, plan: Plan, weights: np.ndarray) -> None:
        assert plan.tiles is not None
        self.problem, self.tiles, self.sums = plan.problem, plan.tiles, plan.accumulator
        self.dtype = np.dtype("float64") if is_integer(self.sums) else self.sums
        self.spectrum = spectrum(self.problem, self.tiles, self.dtype, weights)
        cut, rank = self.tiles, self.problem.rank
        self.axes = tuple(axis - rank - (axis < cut.axis) for axis in cut.transformed)
        self.half = cut.points[cut.axis] // 2 + 1 if self.dtype.kind != "c" else cut.points[cut.axis]
        self.library = library()

    def __call__(self, image: np.ndarray, box: Box) -> np.ndarray | None:
        """The outputs of a box; None if they are not finite, for a transform spreads nan and infinities."""
        problem, cut = self.problem, self.tiles
        empty = partial(scratch, "block")
        block = load(image, window(problem, box, cut), problem.boundary, problem.fill, self.dtype, empty)
        tiles = side_by_side(block, problem, cut)
        shape = [*tiles.shape]
        shape[self.axes[-1]] = self.half
        product = scratch("spectra", tuple(shape), self.spectrum.dtype)
        self.library.forward(tiles, self.axes, product)
        np.multiply(product, self.spectrum, out=product)
        sums = scratch("tiles", tiles.shape, self.dtype)
        self.library.backward(product, self.axes, sums)
        result: np.ndarray = kept(sums, problem, cut, box)
        if is_integer(self.sums):
            whole: np.ndarray = np.rint(result).astype(self.sums)
            return whole
        return result if np.isfinite(np.sum(result)) else None


def side_by_side(block: np.ndarray, problem: Problem, cut: Tiles) -> np.ndarray:
    """The tiles of a block, with an axis for their number before the last transformed one; a view."""
    if any(s > 1 and n == 1 for s, n in zip(problem.stride, cut.points, strict=True)):
        steps = [s if n == 1 else 1 for s, n in zip(problem.stride, cut.points, strict=True)]
        every: Any = (..., *(slice(None, None, step) for step in steps))
        block = block[every]
    axis = block.ndim - problem.rank + cut.axis
    points, step = cut.points[cut.axis], cut.outputs[cut.axis] * problem.stride[cut.axis]
    number = (block.shape[axis] - points) // step + 1
    if number == 1:
        return np.expand_dims(block, axis)
    shape = (*block.shape[:axis], number, points, *block.shape[axis + 1 :])
    strides = (*block.strides[:axis], step * block.strides[axis], *block.strides[axis:])
    return np.lib.stride_tricks.as_strided(block, shape, strides, writeable=False)


def kept(result: Any, problem: Problem, cut: Tiles, box: Box) -> Any:
    """The outputs of a box, of its tiles beside each other; for arrays of any library."""
    places: list[slice] = []
    for axis, (start, stop) in enumerate(box):
        count = cut.outputs[axis] if axis == cut.axis else stop - start
        stride = problem.stride[axis] if cut.points[axis] > 1 else 1
        places += [slice(None)] * (axis == cut.axis) + [slice(0, (count - 1) * stride + 1, stride)]
    result = result[(..., *places)]
    axis = result.ndim - problem.rank + cut.axis  # of a tile; their number stands before it
    shape = (*result.shape[: axis - 1], result.shape[axis - 1] * result.shape[axis], *result.shape[axis + 1 :])
    start, stop = box[cut.axis]
    return result.reshape(shape)[(..., slice(0, stop - start), *(slice(None),) * (problem.rank - 1 - cut.axis))]


def spectrum(problem: Problem, cut: Tiles, dtype: DType, weights: np.ndarray) -> np.ndarray:
    """What a tile's spectrum is multiplied by; made in double precision, remembered for small filters."""
    make = _spectrum if weights.nbytes <= REMEMBERED else _spectrum.__wrapped__
    return make(cut.points, problem.filter, problem.dilation, dtype, weights.tobytes(), weights.dtype)


@functools.lru_cache(maxsize=16)
def _spectrum(points: Ints, filter_: Ints, dilation: Ints, dtype: DType, taps: bytes, given: DType) -> np.ndarray:
    """Tap r stands d r places before the origin, around the tile's end, so that the product is a correlation."""
    real = dtype.kind != "c"
    around = np.zeros(points, "float64" if real else "complex128")
    places = [-d * np.arange(k) % n for d, k, n in zip(dilation, filter_, points, strict=True)]
    around[np.ix_(*places)] = np.frombuffer(taps, given).reshape(filter_)
    axes = tuple(axis for axis, n in enumerate(points) if n > 1)
    single = dtype.itemsize // (1 if real else 2) == 4
    with np.errstate(all="ignore"):  # weights may be nan, or too large
        transformed = np.fft.rfftn(around, axes=axes) if real else np.fft.fftn(around, axes=axes)
        result = np.expand_dims(transformed.astype("complex64" if single else "complex128"), axes[-1])
    result.flags.writeable = False
    return result


@functools.cache
def library() -> Library:
    """Return the faster library that is installed, imported."""
    return LIBRARIES[transform_library()]()


def _ducc() -> Library:
    from ducc0 import fft

    def forward(array: np.ndarray, axes: Ints, out: np.ndarray) -> None:
        transform = fft.c2c if array.dtype.kind == "c" else fft.r2c
        transform(array, axes=axes, forward=True, inorm=1, out=out)

    def backward(array: np.ndarray, axes: Ints, out: np.ndarray) -> None:
        options = {"axes": axes, "forward": False, "inorm": 1, "out": out}
        if out.dtype.kind == "c":
            fft.c2c(array, **options)
        else:
            fft.c2r(array, lastsize=out.shape[axes[-1]], allow_overwriting_input=True, **options)

    return Library("ducc0", forward, backward)


def _numpy() -> Library:
    def forward(array: np.ndarray, axes: Ints, out: np.ndarray) -> None:
        transform = np.fft.fft if array.dtype.kind == "c" else np.fft.rfft
        transform(array, axis=axes[-1], norm="ortho", out=out)
        for axis in axes[:-1]:
            np.fft.fft(out, axis=axis, norm="ortho", out=out)

    def backward(array: np.ndarray, axes: Ints, out: np.ndarray) -> None:
        for axis in axes[:-1]:
            np.fft.ifft(array, axis=axis, norm="ortho", out=array)
        transform = np.fft.ifft if out.dtype.kind == "c" else np.fft.irfft
        transform(array, out.shape[axes[-1]], axis=axes[-1], norm="ortho", out=out)

    return Library("numpy", forward, backward)


LIBRARIES = {"ducc0": _ducc, "numpy": _numpy}
