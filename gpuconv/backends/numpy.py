"""The NumPy backend: always there, every rank, dtype and boundary.

The output is computed in blocks that fit the cache. For each block the image under it is gathered once, boundary
applied and cast to the accumulator; then every tap is one multiplication of a shifted view by a weight. Memory does not
grow with image x taps, and no Python loop runs over pixels.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from gpuconv.arrays import Operands, View
from gpuconv.backends.boundary import gather
from gpuconv.backends.numpy_gradient import weight_gradient
from gpuconv.conversion import convert
from gpuconv.facts import Facts
from gpuconv.planner import Plan
from gpuconv.problem import DType, Ints, Problem

BLOCK_VALUES = 1 << 16  # accumulators a block, so that a block stays in the cache

Slices = tuple[slice | int, ...]


def unavailable() -> str | None:
    """NumPy is always there."""
    return None


def describe() -> str:
    """Version, for reports."""
    return f"NumPy {np.__version__}"


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Arrays on a device stay there."""
    return "the numpy backend computes host arrays only" if facts.image_place == "device" else None


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    assert isinstance(out, np.ndarray)
    if plan.problem.op == "weight_gradient":
        return weight_gradient(plan, operands, out)
    image, weights, bias, factors = operands.on_host(plan.accumulator)
    problem = plan.problem
    in_place = problem.overflow != "raise" and not np.may_share_memory(image, out)
    target = out if in_place else np.empty(out.shape, out.dtype)
    with np.errstate(all="ignore"):
        for batch, rows in _blocks(problem):
            tile = _load(problem, image[batch], rows, plan.accumulator)
            sums = _separable(problem, tile, factors) if factors else _direct(problem, tile, weights)
            if bias is not None:
                sums += bias.reshape(-1, *(1,) * problem.rank)
            target[(*batch, slice(None), rows)] = convert(sums, problem.out_dtype, problem.rounding, problem.overflow)
    if not in_place:
        out[...] = target


def _blocks(problem: Problem) -> Iterator[tuple[Slices, slice]]:
    """Cut (last batch axis) x (first spatial axis of the output) into blocks of about BLOCK_VALUES accumulators."""
    *outer, last = problem.batch or (1,)
    height, *inner = problem.out_extent
    row = problem.channels_out * math.prod(inner)
    rows = max(1, min(height, BLOCK_VALUES // max(1, row)))
    images = max(1, BLOCK_VALUES // max(1, rows * row)) if rows == height else 1
    for index in np.ndindex(*outer):
        for first, top in itertools.product(range(0, last, images), range(0, height, rows)):
            batch = (*index, slice(first, first + images)) if problem.batch else ()
            yield batch, slice(top, min(top + rows, height))


def _load(problem: Problem, image: np.ndarray, rows: slice, dtype: DType) -> np.ndarray:
    """Gather the image under some output rows as `dtype`, with what the boundary puts around it."""
    for axis in range(problem.rank):
        stride, before = problem.stride[axis], problem.pad_before[axis]
        reach = problem.dilation[axis] * (problem.filter[axis] - 1)
        first, stop = (rows.start, rows.stop) if axis == 0 else (0, problem.out_extent[axis])
        window = (first * stride - before, (stop - 1) * stride - before + reach + 1)
        image = gather(image, axis - problem.rank, window, problem.boundary, problem.fill, dtype)
    return image.astype(dtype, copy=False)


def _window(problem: Problem, tile: np.ndarray, axis: int, tap: int) -> slice:
    """The samples of the tile that one tap of one axis meets."""
    stride = problem.stride[axis]
    start = tap * problem.dilation[axis]
    span = tile.shape[axis - problem.rank] - problem.dilation[axis] * (problem.filter[axis] - 1)
    return slice(start, start + span, stride)


def _shifted(problem: Problem, tile: np.ndarray, tap: Ints) -> np.ndarray:
    """The samples that one tap meets."""
    windows: list[Any] = [_window(problem, tile, axis, r) for axis, r in enumerate(tap)]
    return tile[(..., *windows)]


def _direct(problem: Problem, tile: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over the taps; each tap is a shifted view times a weight, or times a matrix of weights over channels."""
    sums: np.ndarray | None = None
    product: np.ndarray | None = None
    for tap in np.ndindex(*problem.filter):
        coefficients = weights[(..., *tap)]
        if problem.skip_zero_taps and not coefficients.any():
            continue
        view = _shifted(problem, tile, tap)
        product = _multiply(problem, coefficients, view, product)
        sums = product.copy() if sums is None else np.add(sums, product, out=sums)
    if sums is None:  # every tap was skipped
        view = _shifted(problem, tile, (0,) * problem.rank)
        sums = np.zeros(
            (*view.shape[: -problem.rank - 1], problem.channels_out, *view.shape[-problem.rank :]), tile.dtype
        )
    return sums


def _multiply(problem: Problem, coefficients: np.ndarray, view: np.ndarray, product: np.ndarray | None) -> np.ndarray:
    """One tap: weights (channels_out, channels_in/groups) times image samples (..., channels_in, *extent)."""
    channels_out, per_group = coefficients.shape
    if per_group == 1 and channels_out == problem.channels_in:
        scaled: np.ndarray = np.multiply(view, coefficients.reshape(-1, *(1,) * problem.rank), out=product)
        return scaled
    *batch, _ = view.shape[: -problem.rank]
    extent = view.shape[-problem.rank :]
    grouped = view.reshape(*batch, problem.groups, per_group, math.prod(extent))
    matrices = coefficients.reshape(problem.groups, channels_out // problem.groups, per_group)
    summed: np.ndarray = np.matmul(matrices, grouped)
    return summed.reshape(*batch, channels_out, *extent)


def _separable(problem: Problem, tile: np.ndarray, factors: tuple[np.ndarray, ...]) -> np.ndarray:
    """One pass per axis, the last axis first: the first axis then works on whole finished rows."""
    for axis in reversed(range(problem.rank)):
        product: np.ndarray | None = None
        sums: np.ndarray | None = None
        for tap, weight in enumerate(factors[axis]):
            index = [slice(None)] * tile.ndim
            index[axis - problem.rank] = _window(problem, tile, axis, tap)
            product = np.multiply(tile[tuple(index)], weight, out=product)
            sums = product.copy() if sums is None else np.add(sums, product, out=sums)
        assert sums is not None  # a filter has at least one tap
        tile = sums
    return tile
