"""The one conversion of a result to the output dtype: rounding and overflow, in NumPy."""

from collections.abc import Callable

import numpy as np

from gpuconv.problem import DType, Overflow, Rounding


def half_up(values: np.ndarray) -> np.ndarray:
    """To the nearest whole number, halves up; 0.5 is not added, for the sum would be rounded."""
    with np.errstate(over="ignore"):
        rounded: np.ndarray = -np.floor(np.floor(values * 2) * -0.5)
    return rounded


ROUND: dict[Rounding, Callable[[np.ndarray], np.ndarray]] = {
    "half_even": np.rint,
    "trunc": np.trunc,
    "floor": np.floor,
    "half_up": half_up,
}


def convert(values: np.ndarray, dtype: DType, rounding: Rounding, overflow: Overflow) -> np.ndarray:
    """Return `values` as `dtype`.

    Integer from float: rounded first; what does not fit is saturated, wrapped or refused; nan becomes 0 and inf the
    nearest limit. Integer from integer: the same without rounding. Everything else is a plain cast.

    Raises
    ------
    OverflowError
        If overflow is "raise" and a value does not fit.
    """
    if values.dtype == dtype:
        return values
    if dtype.kind not in "iu":
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return values.astype(dtype)
    if values.dtype.kind in "iu":
        return _integer_from_integer(values, dtype, overflow)
    return _integer_from_float(ROUND[rounding](values), dtype, overflow)


def _integer_from_integer(values: np.ndarray, dtype: DType, overflow: Overflow) -> np.ndarray:
    if overflow == "wrap":
        return values.astype(dtype)
    source, target = np.iinfo(values.dtype), np.iinfo(dtype)
    low, high = max(source.min, target.min), min(source.max, target.max)
    if overflow == "raise" and values.size:
        _check_range(int(values.min()), int(values.max()), dtype)
    clipped: np.ndarray = np.clip(values, low, high)
    return clipped.astype(dtype)


def _integer_from_float(values: np.ndarray, dtype: DType, overflow: Overflow) -> np.ndarray:
    info = np.iinfo(dtype)
    low, limit = float(info.min), 2.0 ** (info.bits - (dtype.kind == "i"))  # both exact, the upper one exclusive
    with np.errstate(invalid="ignore"):
        inside = (values >= low) & (values < limit)
    if inside.all():
        return values.astype(dtype)
    if overflow == "wrap" and (np.abs(values) < 2.0**63).all():  # as usual: one cast keeps the low bits
        return values.astype("int64").astype(dtype)
    if overflow == "raise":
        _check_range(float(np.min(values)), float(np.max(values)), dtype)
    outside = values[~inside]
    result = np.where(inside, values, 0).astype(dtype)
    limits = np.where(outside > 0, info.max, np.where(np.isnan(outside), 0, info.min)).astype(dtype)
    result[~inside] = np.where(np.isfinite(outside), _wrapped(outside, dtype), limits) if overflow == "wrap" else limits
    return result


def _wrapped(values: np.ndarray, dtype: DType) -> np.ndarray:
    """Whole floats modulo 2**64, then cast; exact."""
    magnitude = np.fmod(np.where(np.isfinite(values), np.abs(values), 0).astype("float64"), 2.0**64).astype("uint64")
    wrapped: np.ndarray = np.where(values < 0, np.uint64(0) - magnitude, magnitude)
    return wrapped.astype(dtype)


def _check_range(low: float, high: float, dtype: DType) -> None:
    info = np.iinfo(dtype)
    if not (info.min <= low and high <= info.max):
        raise OverflowError(f"results must fit {dtype} under overflow='raise'; got values from {low} to {high}")
