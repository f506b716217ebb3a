"""Whether a filter of two axes or more is the outer product of 1D filters; pure functions of its taps.

Factors are taken only if their product meets every tap to within a relative difference that the error bound has room
for. So a zero tap stays exactly zero, the elementwise bound holds, and nan and infinities spread as in the direct sum:
in every pass a window that touches one gives nan or infinity, and the signs of infinities meet in the same sums.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv.dtypes import is_integer
from gpuconv.planning.bounds import NORMWISE, error_bound
from gpuconv.problem import DType, Problem

GAIN = 2.0  # the direct sum must cost this many times the products of the passes: 5 x 5 does, 4 x 4 does not
REMEMBERED = 1 << 16  # bytes of weights up to which the factors are not looked for twice


@dataclass(frozen=True)
class Factors:
    """The weights are the outer product of `arrays`, but for a relative difference of at most `residual` in a tap."""

    arrays: tuple[np.ndarray, ...]  # one per axis
    residual: float


def separate(problem: Problem, weights: np.ndarray, precision: str, *, named: bool = False) -> Factors | None:
    """Factors of the (1, 1, *filter) weights of a problem within the precision, where passes pay or are `named`."""
    if problem.rank < 2 or not problem.is_filter or problem.skip_zero_taps:
        return None
    if problem.taps <= GAIN * sum(problem.filter) and not named:
        return None
    known = _separate if weights.nbytes <= REMEMBERED else _separate.__wrapped__
    return known(problem, weights.tobytes(), weights.dtype, precision)


@functools.lru_cache(maxsize=64)
def _separate(problem: Problem, taps: bytes, dtype: DType, precision: str) -> Factors | None:
    weights: np.ndarray = np.frombuffer(taps, dtype).reshape(problem.weights_shape)
    exact = is_integer(problem.compute_dtype)
    found = factorize(weights[0, 0], exact=exact)
    if found is None or not (exact or _holds(found, weights, problem.compute_dtype)):
        return None
    passes = error_bound(problem, separable=True, residual=found.residual).relative
    direct = error_bound(problem, separable=False).relative
    allowed = direct if precision == "strict" else max(direct, _normwise(problem))
    return found if passes <= allowed else None


def factorize(weights: np.ndarray, *, exact: bool) -> Factors | None:
    """Factors of a filter, or None if it has none with a finite residual; `exact`: integers, with residual 0.

    The lines through the largest tap, one along each axis, say what the factors must be: the cross approximation of
    rank one. Unlike singular vectors, which are close in norm only, they keep zeros and have small relative errors in
    small taps.

    Examples
    --------
    >>> import numpy as np
    >>> factors = factorize(np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]), exact=True)
    >>> factors.arrays
    (array([ 1,  0, -1]), array([1, 2, 1]))
    """
    if exact:
        return _integer_factors(weights)
    taps = weights.astype("complex128" if weights.dtype.kind == "c" else "float64")
    magnitude = np.abs(taps)
    pivot = np.unravel_index(np.argmax(magnitude), taps.shape)
    if not np.isfinite(magnitude[pivot]) or magnitude[pivot] == 0:  # argmax finds nan, too
        return None
    first, *lines = (_line(taps, pivot, axis) for axis in range(taps.ndim))
    with np.errstate(all="ignore"):
        for axis, line in enumerate(lines):  # of magnitudes that sum to less than 1: no pass exceeds the direct sum
            ratios = line / taps[pivot]
            scale = 2.0 ** -math.frexp(float(np.abs(ratios).sum()))[1]
            lines[axis], first = ratios * scale, first / scale
        arrays = (first, *lines)
        missed = np.abs(taps - _product(arrays))
        residual = float(np.max(missed / np.where(missed == 0, 1, magnitude)))
    return Factors(arrays, residual) if np.isfinite(residual) else None


def _line(taps: np.ndarray, pivot: tuple[Any, ...], axis: int) -> np.ndarray:
    """The taps of the line through the pivot along an axis."""
    line: np.ndarray = taps[(*pivot[:axis], slice(None), *pivot[axis + 1 :])]
    return line


def _product(arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    return functools.reduce(np.multiply.outer, arrays)


def _integer_factors(weights: np.ndarray) -> Factors | None:
    """Every line must be a multiple of one line without a common divisor; whole numbers of any size."""
    taps = weights.astype(object)
    pivot = np.unravel_index(np.argmax(np.abs(weights.astype("float64"))), weights.shape)
    if taps[pivot] == 0:
        return None
    first, *lines = (_line(taps, pivot, axis) for axis in range(taps.ndim))
    for axis, line in enumerate(lines):
        divisor = math.gcd(*map(int, line)) * (1 if line[pivot[axis + 1]] > 0 else -1)
        lines[axis] = line // divisor
    rest = math.prod(int(line[place]) for line, place in zip(lines, pivot[1:], strict=True))
    arrays = (first // rest, *lines)
    if not np.array_equal(_product(arrays), taps):
        return None
    dtype = "uint64" if weights.dtype.kind in "bu" else "int64"
    return Factors(tuple(array.astype(dtype) for array in arrays), 0.0)


def _holds(factors: Factors, weights: np.ndarray, compute: DType) -> bool:
    """Whether no tap and no factor becomes zero, or a denormal number, in the compute dtype unless it is zero."""
    arrays = [np.abs(array) for array in (*factors.arrays, weights.astype(factors.arrays[0].dtype))]
    *in_factors, in_weights = map(np.count_nonzero, arrays)
    smallest = min(float(np.min(array[array > 0])) for array in arrays)
    return bool(math.prod(in_factors) == in_weights and smallest >= np.finfo(compute).tiny)


def _normwise(problem: Problem) -> float:
    compute = problem.compute_dtype
    return NORMWISE[compute.itemsize // (2 if compute.kind == "c" else 1)]
