"""Whether a 2D filter is the outer product of two 1D filters; pure functions of its taps.

Factors are taken only if their product meets every tap to within a relative difference that the error bound has room
for. So a zero tap stays exactly zero, the elementwise bound holds, and nan and infinities spread as in the direct sum:
in every pass a window that touches one gives nan or infinity, and the signs of infinities meet in the same sums.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from gpuconv.dtypes import is_integer
from gpuconv.planning.bounds import NORMWISE, error_bound
from gpuconv.problem import DType, Problem

GAIN = 2.0  # the direct sum must cost this many times the products of the passes: 5 x 5 does, 4 x 4 does not
REMEMBERED = 1 << 16  # bytes of weights up to which the factors are not looked for twice


@dataclass(frozen=True)
class Factors:
    """weights[r, s] = column[r] * row[s], but for a relative difference of at most `residual` in each tap."""

    column: np.ndarray
    row: np.ndarray
    residual: float


def separate(problem: Problem, weights: np.ndarray, precision: str, *, named: bool = False) -> Factors | None:
    """Factors of the (1, 1, H, W) weights of a problem within the precision, where passes are worth it or `named`."""
    if problem.rank != 2 or not problem.is_filter or problem.skip_zero_taps:
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
    """Factors of a 2D filter, or None if it has none with a finite residual; `exact`: integers, with residual 0.

    The row and the column of the largest tap say what the factors must be: the cross approximation of rank one. Unlike
    singular vectors, which are close in norm only, they keep zeros and have small relative errors in small taps.

    Examples
    --------
    >>> import numpy as np
    >>> factors = factorize(np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]), exact=True)
    >>> factors.column, factors.row
    (array([ 1,  0, -1]), array([1, 2, 1]))
    """
    if exact:
        return _integer_factors(weights)
    taps = weights.astype("complex128" if weights.dtype.kind == "c" else "float64")
    magnitude = np.abs(taps)
    r, s = np.unravel_index(np.argmax(magnitude), taps.shape)
    if not np.isfinite(magnitude[r, s]) or magnitude[r, s] == 0:  # argmax finds nan, too
        return None
    scale = 2.0 ** -math.frexp(float(magnitude[r].sum() / magnitude[r, s]))[1]  # then no pass exceeds the direct sum
    with np.errstate(all="ignore"):
        row, column = taps[r] / taps[r, s] * scale, taps[:, s] / scale
        missed = np.abs(taps - np.multiply.outer(column, row))
        residual = float(np.max(missed / np.where(missed == 0, 1, magnitude)))
    return Factors(column, row, residual) if np.isfinite(residual) else None


def _integer_factors(weights: np.ndarray) -> Factors | None:
    """Every row must be a multiple of one row without a common divisor; whole numbers of any size."""
    taps = weights.astype(object)
    r, s = np.unravel_index(np.argmax(np.abs(weights.astype("float64"))), weights.shape)
    pivot = int(taps[r, s])
    if pivot == 0:
        return None
    divisor = math.gcd(*map(int, taps[r])) * (1 if pivot > 0 else -1)
    row, column = taps[r] // divisor, taps[:, s] // (pivot // divisor)
    if not np.array_equal(np.multiply.outer(column, row), taps):
        return None
    dtype = "uint64" if weights.dtype.kind in "bu" else "int64"
    return Factors(column.astype(dtype), row.astype(dtype), 0.0)


def _holds(factors: Factors, weights: np.ndarray, compute: DType) -> bool:
    """Whether no tap and no factor becomes zero, or a denormal number, in the compute dtype unless it is zero."""
    arrays = [np.abs(array) for array in (factors.column, factors.row, weights.astype(factors.row.dtype))]
    in_column, in_row, in_weights = map(np.count_nonzero, arrays)
    smallest = min(float(np.min(array[array > 0])) for array in arrays)
    return bool(in_column * in_row == in_weights and smallest >= np.finfo(compute).tiny)


def _normwise(problem: Problem) -> float:
    compute = problem.compute_dtype
    return NORMWISE[compute.itemsize // (2 if compute.kind == "c" else 1)]
