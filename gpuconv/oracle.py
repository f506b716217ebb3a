"""The oracle: the formula of a Problem as a plain loop in extended precision, for tests and `gpuconv verify`.

It shares no code with the backends: every output is one sum over the samples that its taps meet, and the boundary is
followed step by step. Slow; for small problems.
"""

from typing import Any

import numpy as np

from gpuconv.dtypes import float_limits, is_bfloat16, kind_of
from gpuconv.planning.bounds import ErrorBound
from gpuconv.problem import Boundary, Ints, Problem


def compute(
    problem: Problem, image: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (result before its conversion, |weights| * |image| there), in long double or exact Python integers."""
    exact = _exact_dtype(problem)
    image, weights = image.astype(exact), weights.astype(exact)
    if problem.op == "weight_gradient":
        return _weight_gradient(problem, image, weights)
    shape = (*problem.batch, problem.channels_out, *problem.out_extent)
    result: np.ndarray = np.empty(shape, exact)
    magnitude: np.ndarray = np.empty(shape, exact)
    per_group, outputs = problem.channels_in // problem.groups, problem.channels_out // problem.groups
    axes = tuple(range(-problem.rank - 1, 0))
    with np.errstate(all="ignore"):
        for y in np.ndindex(*problem.out_extent):
            samples = np.moveaxis(_window(problem, image, y), -problem.rank - 1, 0)  # channels first
            for c in range(problem.channels_out):
                first = c // outputs * per_group
                group = np.moveaxis(samples[first : first + per_group], 0, -problem.rank - 1)
                products = group * weights[c]
                if problem.skip_zero_taps:
                    products = np.where(weights[c] != 0, products, 0)
                offset = 0 if bias is None else bias[c].astype(exact)
                at: Any = (..., c, *y)
                result[at] = products.sum(axis=axes) + offset
                magnitude[at] = np.abs(products).sum(axis=axes) + abs(offset)
        if problem.op == "magnitude":
            result, magnitude = (_norm(a, -problem.rank - 1) for a in (result, magnitude))
    return result, magnitude


def _norm(channels: np.ndarray, axis: int) -> np.ndarray:
    norm: np.ndarray = np.sqrt((channels * channels).sum(axis=axis, keepdims=True))
    return norm


def _weight_gradient(problem: Problem, image: np.ndarray, grad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As compute: one sum over batch and positions for every weight."""
    result: np.ndarray = np.empty(problem.out_shape, image.dtype)
    magnitude: np.ndarray = np.empty(problem.out_shape, image.dtype)
    outputs = problem.channels_out // problem.groups
    axes = (*range(len(problem.batch)), *range(-problem.rank, 0))
    with np.errstate(all="ignore"):
        for r in np.ndindex(*problem.filter):
            samples = image
            for axis, tap in enumerate(r):
                first = tap * problem.dilation[axis] - problem.pad_before[axis]
                positions = [first + y * problem.stride[axis] for y in range(problem.out_extent[axis])]
                planes = [_sample(problem, samples, axis - problem.rank, p) for p in positions]
                samples = np.stack(planes, axis - problem.rank)
            samples, grads = (np.moveaxis(a, -problem.rank - 1, 0) for a in (samples, grad))
            for c, k in np.ndindex(*problem.out_shape[:2]):
                products = grads[c] * samples[c // outputs * problem.out_shape[1] + k]
                at: Any = (c, k, *r)
                result[at] = products.sum(axis=axes)
                magnitude[at] = np.abs(products).sum(axis=axes)
    return result, magnitude


def assert_agrees(
    problem: Problem,
    bound: ErrorBound,
    got: np.ndarray,
    image: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None = None,
) -> None:
    """Raise AssertionError unless every value of `got` is within the bound of the exact result."""
    assert got.shape == problem.out_shape, f"shape {got.shape}, expected {problem.out_shape}"
    assert got.dtype == problem.out_dtype, f"dtype {got.dtype}, expected {problem.out_dtype}"
    result, magnitude = compute(problem, image, weights, bias)
    got = got.astype("float32") if is_bfloat16(got.dtype) else got  # which NumPy compares with
    with np.errstate(all="ignore"):
        if result.dtype == object:
            exact = _integer(result, problem) if problem.out_dtype.kind in "iu" else result.astype(problem.out_dtype)
            np.testing.assert_array_equal(got, exact)
            return
        limit = bound.at(magnitude.real.astype("float64"), result, norm_of_data(problem, image, weights))
        if problem.out_dtype.kind in "iu":
            result = _clipped(result, problem)
        error = np.abs(got.astype(np.result_type(got.dtype, result.dtype)) - result)
        same = (np.isnan(result) & np.isnan(got)) | (result == got) | _overflowed(problem, got, result, limit)
    if not np.all(same | (error <= limit)):
        worst = np.unravel_index(
            np.argmax(np.where(same, 0, np.nan_to_num(error, nan=np.inf) / (limit + 1e-300))), got.shape
        )
        raise AssertionError(f"at {worst}: got {got[worst]}, exact {result[worst]}, bound {limit[worst]}")


def norm_of_data(problem: Problem, image: np.ndarray, weights: np.ndarray) -> float | np.ndarray:
    """||weights||_2 * max|image| of the finite samples (others are not transformed), fill included; by channel."""
    samples = np.abs(np.append(image.ravel().astype(_exact_dtype(problem)), problem.fill))
    taps = np.abs(weights.astype(_exact_dtype(problem))) ** 2
    largest = float(np.max(samples, initial=0, where=np.isfinite(samples)))
    if problem.op != "forward":
        return largest * float(np.sqrt(taps.sum()))
    norms: np.ndarray = np.sqrt(taps.sum(axis=tuple(range(1, taps.ndim)))).astype("float64")
    return largest * norms.reshape(-1, *(1,) * problem.rank)


def _exact_dtype(problem: Problem) -> type:
    kind = problem.compute_dtype.kind
    return object if kind in "iu" else np.clongdouble if kind == "c" else np.longdouble


def _window(problem: Problem, image: np.ndarray, y: Ints) -> np.ndarray:
    """The samples that the taps of one output meet."""
    samples = image
    for axis in range(problem.rank):
        start = y[axis] * problem.stride[axis] - problem.pad_before[axis]
        positions = [start + r * problem.dilation[axis] for r in range(problem.filter[axis])]
        samples = np.stack([_sample(problem, samples, axis - problem.rank, p) for p in positions], axis - problem.rank)
    return samples


def _sample(problem: Problem, image: np.ndarray, axis: int, position: int) -> np.ndarray:
    found = _walk(position, image.shape[axis], problem.boundary)
    plane = image.take(0 if found is None else found, axis)
    return np.full_like(plane, problem.fill) if found is None else plane


def _walk(position: int, extent: int, boundary: Boundary) -> int | None:
    """Walk from outside to the sample that stands at a position; None is the fill value."""
    while not 0 <= position < extent:
        if boundary == "constant":
            return None
        if boundary == "edge":
            return 0 if position < 0 else extent - 1
        if boundary == "wrap":
            position += extent if position < 0 else -extent
        elif boundary == "symmetric":
            position = -1 - position if position < 0 else 2 * extent - 1 - position
        elif extent == 1:
            return 0
        else:
            position = -position if position < 0 else 2 * extent - 2 - position
    return position


def _integer(result: np.ndarray, problem: Problem) -> np.ndarray:
    """Exact integers as the output dtype: clipped or modulo."""
    info = np.iinfo(problem.out_dtype)
    if problem.overflow == "wrap":
        result = (result - info.min) % 2**info.bits + info.min
    clipped: np.ndarray = np.clip(result, info.min, info.max)
    return clipped.astype(problem.out_dtype)


def _overflowed(problem: Problem, got: np.ndarray, result: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Where a real float output is rightly infinite: the exact result is (nearly) too large for it."""
    if kind_of(problem.out_dtype) != "f":
        return np.zeros(got.shape, bool)
    largest = float_limits(problem.out_dtype).max
    overflowed: np.ndarray = np.isinf(got) & (got * result > 0) & (np.abs(result) + limit > largest)
    return overflowed


def _clipped(result: np.ndarray, problem: Problem) -> np.ndarray:
    """A float result clipped to what an integer output holds; nan becomes 0."""
    info = np.iinfo(problem.out_dtype)
    if problem.overflow == "wrap" and np.any((result < info.min) | (result > info.max)):
        raise ValueError("the oracle compares wrapped floats only where none wraps")
    clipped: np.ndarray = np.clip(np.where(np.isnan(result), 0, result), info.min, info.max)
    return clipped
