"""A 2D filter as a sum of few outer products: how many it takes, and with which error; pure functions of its taps.

The singular value decomposition gives, of all sums of r outer products, the one that is closest to the weights in the
2-norm. Each term costs a pass along either axis, and the passes of all terms add up in the same place. With
E = weights - sum of the terms, and singular values s,

    |error| <= (||E||_2 + gamma(W + r H) sum(s)) ||image under the filter||_2

since |u|^T |X| |v| <= ||X||_2 for unit vectors u and v, and no product is rounded more often than it goes through W
sums of a row and r H sums of the columns. That is a normwise bound, as that of a transform.

References
----------
G. H. Golub, C. F. Van Loan, Matrix Computations, 4th edition, Johns Hopkins 2013: section 2.4 (Eckart and Young).
N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, SIAM 2002: chapter 3.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from gpuconv.dtypes import is_integer
from gpuconv.launches.cpu import takes_passes
from gpuconv.planning.bounds import MOST_TERMS, NORMWISE, gamma
from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Ints, Problem

FEWEST = 81  # taps that "auto" looks at: 9 x 9
LONGEST = 127  # taps of an axis
BACKENDS = ("numpy", "cpu", "cupy")
SLACK = 10.0  # elimination leaves somewhat more than the singular values do
SMALLEST = 1e-140  # 2-norm of weights; the squares that make up smaller ones get lost
REMEMBERED = 1 << 16  # bytes of weights up to which the terms are not looked for twice


@dataclass(frozen=True)
class Terms:
    """weights[r, s] = sum over k of columns[k, r] * rows[k, s], nearly."""

    columns: np.ndarray  # (terms, H), in the compute dtype; no column's magnitudes add up to more than one
    rows: np.ndarray  # (terms, W)
    error: float  # of the passes, relative to ||weights||_2 ||image||_2 under the filter


def decompose(problem: Problem, weights: np.ndarray, precision: str, *, named: bool = False) -> Terms | None:
    """The fewest terms of the (1, 1, H, W) weights of a problem that keep to the precision; None if there are none."""
    if _impossible(problem) or not (named or (precision != "strict" and problem.taps >= FEWEST)):
        return None
    known = _decompose if weights.nbytes <= REMEMBERED else _decompose.__wrapped__
    return known(problem.compute_dtype, problem.filter, weights.tobytes(), weights.dtype)


def refusal(problem: Problem, facts: Facts, backend: str) -> str | None:
    """Why a problem is not computed as a sum of outer products; None where it may be."""
    if backend not in BACKENDS:
        return f"the {backend} backend has no kernel for sums of outer products"
    found = _impossible(problem)
    if found:
        return found
    if facts.separable:
        return "weights that are one outer product need one pass along each axis: method='separable'"
    if facts.finite is False:
        return "nan or infinity in image or weights would make nan of what infinities of several terms leave"
    if facts.weights_place == "device":
        return "weights on a device would have to be fetched for their singular values"
    if facts.precision == "strict":
        return "precision='strict' asks for the elementwise bound of the direct sum"
    if facts.method != "low_rank" and problem.taps < FEWEST:
        return f"less than {FEWEST} taps are summed sooner"
    if not facts.terms:
        return f"the weights are no sum of at most {MOST_TERMS} outer products, within the error bound"
    if backend == "cpu" and not takes_passes(problem, named=True):
        return "the cpu backend takes passes over several axes of real numbers only"
    return None


def _impossible(problem: Problem) -> str | None:
    if problem.rank != 2 or not problem.is_filter or 1 in problem.filter:
        return "outer products make up plain filters of two axes, one channel at a time"
    if is_integer(problem.compute_dtype):
        return "singular values of whole numbers are no whole numbers, and the sum would not be exact"
    if problem.skip_zero_taps:
        return "a sum of outer products cannot leave out the taps that are zero"
    if max(problem.filter) > LONGEST:
        return f"filters of more than {LONGEST} taps along an axis are left to transforms; got {problem.filter}"
    return None


@functools.lru_cache(maxsize=64)
def _decompose(compute: DType, filter_: Ints, taps: bytes, given: DType) -> Terms | None:
    weights = np.frombuffer(taps, given).reshape(filter_).astype("complex128" if compute.kind == "c" else "float64")
    allowed = NORMWISE[compute.itemsize // (2 if compute.kind == "c" else 1)]
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(weights))
        if not SMALLEST < norm < math.inf or not _is_low(weights, SLACK * allowed * norm):
            return None
        u, values, vh = np.linalg.svd(weights, full_matrices=False)
        for count in range(1, min(MOST_TERMS, *filter_) + 1):
            columns, rows = _balanced(u[:, :count].T, values[:count, None] * vh[:count], compute)
            missed, rounded = _errors(weights, norm, columns, rows)
            direct = gamma(math.prod(filter_) + 3, float(np.finfo(compute).eps) / 2)
            if missed <= allowed and missed + rounded <= max(allowed, direct):
                return Terms(columns, rows, missed + rounded)
    return None


def _is_low(weights: np.ndarray, allowed: float) -> bool:
    """Whether the singular values are worth their time: by elimination, a row and a column for each term."""
    rest = weights
    for _ in range(MOST_TERMS):
        r, s = np.unravel_index(np.argmax(np.abs(rest)), rest.shape)
        if rest[r, s] == 0:
            return True
        rest = rest - np.multiply.outer(rest[:, s], rest[r] / rest[r, s])
    return bool(np.linalg.norm(rest) <= allowed)


def _balanced(columns: np.ndarray, rows: np.ndarray, compute: DType) -> tuple[np.ndarray, np.ndarray]:
    """In the compute dtype, with columns that make nothing larger, and zeros for numbers that may be taken for them."""
    _, exponents = np.frexp(np.abs(columns).sum(axis=1, keepdims=True))
    scale = 2.0**-exponents
    return _without_denormals(columns * scale, compute), _without_denormals(rows / scale, compute)


def _without_denormals(values: np.ndarray, compute: DType) -> np.ndarray:
    found = np.ascontiguousarray(values.astype(compute))
    parts = found.view(np.finfo(compute).dtype)
    parts[np.abs(parts) < np.finfo(compute).tiny] = 0
    return found


def _errors(weights: np.ndarray, norm: float, columns: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """Relative to ||weights||_2 ||image||_2: of the sum of the terms, and of computing with it."""
    count, (height, width) = len(columns), weights.shape
    wide = columns.T.astype(weights.dtype), rows.astype(weights.dtype)
    sizes = float((np.linalg.norm(wide[0], axis=0) * np.linalg.norm(wide[1], axis=1)).sum()) / norm
    missed = float(np.linalg.norm(weights - wide[0] @ wide[1])) / norm + gamma(count + 3, 2.0**-53) * sizes
    terms, factor = width + count * height, 1.0
    if weights.dtype.kind == "c":  # two complex products, one after the other
        terms, factor = terms + 4, math.sqrt(2)
    return missed, factor * gamma(terms, float(np.finfo(columns.dtype).eps) / 2) * sizes
