"""The direct sum and the separable passes in NumPy, on a block of samples that is in the cache.

Every tap is a multiplication of a shifted view by a weight, and an addition: no Python loop runs over samples, and no
array is made but the sums and the products.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpuconv.backends.numpy_workers import scratch
from gpuconv.problem import Problem

MOST = 11  # taps in a row for which np.correlate has a loop of its own


def direct(problem: Problem, block: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Sum over the taps, into `sums` or into an array that is returned instead."""
    if _in_rows(problem, block):
        return _rows(problem, block, weights[0, 0])
    windows = [[_window(problem, block, axis, r) for r in range(k)] for axis, k in enumerate(problem.filter)]
    product: np.ndarray | None = None
    empty = True
    for tap in np.ndindex(*problem.filter):
        coefficients = weights[(..., *tap)]
        if problem.skip_zero_taps and not coefficients.any():
            continue
        at: Any = (..., *(along[r] for along, r in zip(windows, tap, strict=True)))
        if empty:
            _multiply(problem, coefficients, block[at], sums)
            empty = False
        else:
            product = scratch("product", sums.shape, sums.dtype) if product is None else product
            np.add(sums, _multiply(problem, coefficients, block[at], product), out=sums)
    if empty:  # every tap was skipped
        sums[...] = 0
    return sums


def separable(problem: Problem, block: np.ndarray, factors: tuple[np.ndarray, ...], sums: np.ndarray) -> np.ndarray:
    """One pass per axis, the last axis first: the first axis then works on whole finished rows."""
    for axis in reversed(range(problem.rank)):
        views = [_along(problem, block, axis, tap) for tap in range(problem.filter[axis])]
        result = sums if axis == 0 else scratch(f"pass {axis % 2}", views[0].shape, block.dtype)
        product = scratch("product", views[0].shape, block.dtype)
        np.multiply(views[0], factors[axis][0], out=result)
        for view, weight in zip(views[1:], factors[axis][1:], strict=True):
            np.add(result, np.multiply(view, weight, out=product), out=result)
        block = result
    return sums


def low_rank(
    problem: Problem, block: np.ndarray, terms: Sequence[tuple[np.ndarray, np.ndarray]], sums: np.ndarray
) -> np.ndarray:
    """The passes of each term, added up."""
    for number, factors in enumerate(terms):
        result = sums if number == 0 else scratch("term", sums.shape, sums.dtype)
        separable(problem, block, factors, result)
        if number > 0:
            np.add(sums, result, out=sums)
    return sums


def _window(problem: Problem, block: np.ndarray, axis: int, tap: int) -> slice:
    """The samples of the block that one tap of one axis meets."""
    start = tap * problem.dilation[axis]
    span = block.shape[axis - problem.rank] - problem.dilation[axis] * (problem.filter[axis] - 1)
    return slice(start, start + span, problem.stride[axis])


def _along(problem: Problem, block: np.ndarray, axis: int, tap: int) -> np.ndarray:
    """The samples that one tap of a pass meets."""
    at: Any = (..., _window(problem, block, axis, tap), *(slice(None),) * (problem.rank - 1 - axis))
    met: np.ndarray = block[at]
    return met


def _multiply(problem: Problem, coefficients: np.ndarray, view: np.ndarray, product: np.ndarray) -> np.ndarray:
    """One tap: weights (channels_out, channels_in/groups) times image samples (..., channels_in, *extent)."""
    channels_out, per_group = coefficients.shape
    if per_group == 1 and problem.channels_in in (1, channels_out):
        scale = coefficients[0, 0] if channels_out == 1 else coefficients.reshape(-1, *(1,) * problem.rank)
        np.multiply(view, scale, out=product)
        return product
    *batch, _ = view.shape[: -problem.rank]
    extent = view.shape[-problem.rank :]
    grouped = view.reshape(*batch, problem.groups, per_group, math.prod(extent))
    matrices = coefficients.reshape(problem.groups, channels_out // problem.groups, per_group)
    product[...] = np.matmul(matrices, grouped).reshape(product.shape)
    return product


def _in_rows(problem: Problem, block: np.ndarray) -> bool:
    """Whether np.correlate sums the taps of a row sooner than one multiplication and one addition for each."""
    dense = problem.stride == (1,) * problem.rank and problem.dilation[-1] == 1 and not problem.skip_zero_taps
    plane = problem.channels_in == problem.channels_out == 1
    fewest = {"float64": 3, "float32": 4 if problem.taps == problem.filter[-1] else math.inf}  # in a row
    return dense and plane and problem.filter[-1] >= fewest.get(block.dtype.name, math.inf)


def _rows(problem: Problem, block: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum row by row of the filter over the whole block as one row; sums that begin too near a row's end are left out.

    The position (y, x) of an output is that of the sample under its first tap, so that any tap is a shift of the row.
    """
    block = np.ascontiguousarray(block)
    pitches = [step // block.itemsize for step in block.strides[-problem.rank :]]
    reaches = [d * (k - 1) for d, k in zip(problem.dilation, problem.filter, strict=True)]
    flat, taps = block.ravel(), problem.filter[-1]
    length = block.size - sum(r * p for r, p in zip(reaches, pitches, strict=True))
    length_of_piece = -(-taps // -(-taps // MOST))
    pieces = [slice(first, first + length_of_piece) for first in range(0, taps, length_of_piece)]
    sums: Any = None
    for outer in np.ndindex(*problem.filter[:-1]):
        row = sum(r * d * p for r, d, p in zip(outer, problem.dilation, pitches, strict=False))
        for piece in pieces:
            some = weights[outer][piece]
            first = row + piece.start
            part = np.correlate(flat[first : first + length + len(some) - 1], some, "valid")
            sums = part if sums is None else np.add(sums, part, out=sums)
    extent = (n - r for n, r in zip(block.shape[-problem.rank :], reaches, strict=True))
    shape = (*block.shape[: -problem.rank], *extent)
    return np.lib.stride_tricks.as_strided(sums, shape, block.strides)
