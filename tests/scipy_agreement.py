"""Compare a call of a face with the same call of SciPy: exception for exception, dtype, shape and value."""

import platform
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gpuconv.backends import reason_unavailable
from gpuconv.planning.bounds import gamma

DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
DTYPES += ("float16", "float32", "float64", "complex64", "complex128")
# Elsewhere C compilers may contract SciPy's multiplications and additions into one rounding.
SAME_ROUNDING = platform.machine() in ("x86_64", "AMD64")


def outcome_and_warnings(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, set[str]]:
    """What a call returns, or the exception it raises; and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            result = error
    return result, {str(warning.message) for warning in caught}


def both(host: Any, face: Any, name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """(SciPy's outcome, ours): exceptions of the same type, or arrays of the same dtype and shape.

    Ours may warn only where SciPy does.
    """
    expected, allowed = outcome_and_warnings(getattr(host, name), *args, **kwargs)
    got, warned = outcome_and_warnings(getattr(face, name), *args, **kwargs)
    case = f"{name}{args}{kwargs}\nSciPy: {expected!r}\nours:  {got!r}"
    assert warned <= allowed, case
    if isinstance(expected, Exception) or isinstance(got, Exception):
        assert isinstance(expected, Exception), case
        kind = next(base for base in type(expected).__mro__ if base.__module__ == "builtins")
        assert isinstance(got, kind), case
    else:
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape), case
    return expected, got


def check_raises(host: Any, face: Any, name: str, *args: Any, **kwargs: Any) -> None:
    """Both refuse a call, with the same type of exception."""
    expected, _ = both(host, face, name, *args, **kwargs)
    assert isinstance(expected, Exception), f"SciPy returned {expected!r}"


def unit(dtype: Any) -> float:
    """Unit roundoff of a float or complex dtype."""
    return float(np.finfo(dtype).eps) / 2


def sum_bound(taps: int, compute: Any, magnitude: np.ndarray) -> np.ndarray:
    """Error of one side's sum of `taps` products, given |w| * |x| in float64; inputs rounded to `compute` first.

    Higham, chapter 3: gamma(taps + 2), and for complex numbers sqrt(2) gamma(taps + 4). The factor behind it covers the
    rounding of the magnitude itself, the last term underflow.
    """
    complex_ = np.dtype(compute).kind == "c"
    relative = np.sqrt(2) * gamma(taps + 4, unit(compute)) if complex_ else gamma(taps + 2, unit(compute))
    bound: np.ndarray = relative * magnitude * (1 + gamma(taps + 2, unit("f8")))
    return bound + taps * float(np.finfo(compute).tiny)


def assert_within(got: np.ndarray, expected: np.ndarray, bound: np.ndarray) -> None:
    """Each value within its bound; nan and infinities the same."""
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    wide = "complex128" if got.dtype.kind == "c" else "float64"
    error = np.abs(got[finite].astype(wide) - expected[finite].astype(wide))
    allowed = np.broadcast_to(bound, finite.shape)[finite]
    assert np.all(error <= allowed), f"{got}\nSciPy: {expected}\nerror: {error}\nallowed: {allowed}"


def layouts(x: np.ndarray) -> list[np.ndarray]:
    """The same values in every memory layout."""
    strided = np.zeros(tuple(2 * n for n in x.shape), x.dtype)
    strided[tuple(slice(None, None, 2) for _ in x.shape)] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    backwards = np.flip(np.ascontiguousarray(np.flip(x)))
    swapped = x.astype(x.dtype.newbyteorder())
    return [np.asfortranarray(x), strided[tuple(slice(None, None, 2) for _ in x.shape)], read_only, backwards, swapped]


def torch_or_skip() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed: nothing to compare tensors with")


def cupy_or_skip() -> Any:
    """CuPy, or the stand-in for it, where its backend can run."""
    reason = reason_unavailable("cupy")
    if reason:
        pytest.skip(reason)
    return pytest.importorskip("cupy")
