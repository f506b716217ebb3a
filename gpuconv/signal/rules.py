"""The rules of scipy.signal: which input slides over which, result dtypes, centring and refusals."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import Adopted, adopt
from gpuconv.dtypes import check_dtype, is_integer
from gpuconv.engine import execute
from gpuconv.errors import check_choice
from gpuconv.faces import as_boolean, backwards, conjugated
from gpuconv.options import Options
from gpuconv.problem import SIZES, DType, Ints
from gpuconv.statements import adopted_call

# What SciPy's own loops cannot add up; NumPy's, which it takes for most 1D calls, can.
REFUSED = {"direct": ("bool", "float16", "bfloat16"), "auto": ("bool",), "fft": ()}
BOUNDARIES = {
    "fill": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}


def convolve(first: Adopted, second: Adopted, mode: str, method: str) -> Any:
    """Convolve arrays of any rank; the order matters under "same" only, and the smaller one becomes the weights."""
    rank = common_rank(first, second)
    dtype = result_dtype(first, second)
    if rank == 0:
        return product(first, second)
    check_choice("mode", mode, SIZES)
    check_choice("method", method, tuple(REFUSED))
    _check_samples(first, second)
    swapped = mode == "valid" and smaller(first, second, range(rank))
    fewer = math.prod(first.view.shape) < math.prod(second.view.shape)
    if dtype.name in REFUSED[method] and (rank > 1 or (mode == "same" and fewer)):
        raise ValueError(f"method={method!r} must not be asked for {dtype} arrays of this rank and mode (as in SciPy)")
    if mode == "full":
        swapped = fewer if first.place == second.place else second.on_device
    image, weights = (second, first) if swapped else (first, second)
    precision = "strict" if method == "direct" else "standard"
    return run(first, image, weights, dtype, Options(size=mode, precision=precision), flipped=True)


def filter_2d(
    name: str, first: Adopted, second: Adopted, mode: str, boundary: str, fillvalue: Any, *, flipped: bool
) -> Any:
    """Convolve (flipped) or correlate two 2D arrays."""
    if not first.view.ndim == second.view.ndim == 2:
        raise ValueError(
            f"{name} inputs must both be 2D; got shapes {tuple(first.view.shape)} and {tuple(second.view.shape)}"
        )
    dtype = result_dtype(first, second)
    check_choice("mode", mode, SIZES)
    outside = BOUNDARIES[check_choice("boundary", boundary, tuple(BOUNDARIES))]
    _check_samples(first, second)
    if dtype.name in REFUSED["direct"]:
        raise ValueError(f"{name} must not be asked for {dtype} arrays (as in SciPy)")
    fill = _fill_value(fillvalue, dtype) if outside == "constant" else 0
    swapped = mode == "valid" and smaller(first, second, range(first.view.ndim))
    image, weights = (second, first) if swapped else (first, second)
    origin: Ints = (0, 0)
    if not flipped:
        weights = conjugated("in2", weights)
        if mode == "same":
            origin = tuple(-1 if taps % 2 == 0 else 0 for taps in weights.view.shape)
        if swapped:  # the swapped correlation is reversed: so reverse the image, and correlate with reversed weights
            image, flipped = backwards(image), True
    options = Options(size=mode, boundary=outside, fill=fill, origin=origin, precision="strict")
    return run(first, image, weights, dtype, options, flipped=flipped)


def run(owner: Adopted, image: Adopted, weights: Adopted, dtype: DType, options: Options, *, flipped: bool) -> Any:
    """Filter `image` into an array of the library of `owner`, or its own if only it is on a device."""
    image = replace(owner, view=image.view) if image.place == owner.place else image
    logical = dtype.kind == "b"
    options = replace(
        options,
        compute_dtype=None if is_integer(dtype) else "float32" if dtype.itemsize == 2 else dtype,
        out_dtype="uint8" if logical else dtype,
        overflow="saturate" if logical or dtype.itemsize == 8 else "wrap",
    )
    try:
        result = execute(adopted_call(image, weights, options, flipped=flipped))
    except OverflowError:  # 64 bits may be too few
        return _wrapped(image, weights, dtype, options, flipped=flipped)
    return as_boolean(result) if logical else result


def _wrapped(image: Adopted, weights: Adopted, dtype: DType, options: Options, *, flipped: bool) -> Any:
    """The sums modulo 2**64; on the host only if they are the sums, which a second pass in float64 shows."""
    result = execute(adopted_call(image, weights, replace(options, overflow="wrap"), flipped=flipped))
    if image.on_device:
        return result
    options = replace(options, compute_dtype="float64", out_dtype="float64")
    near = execute(adopted_call(image, weights, options, flipped=flipped))
    if np.any(np.abs(adopt("", near).view - adopt("", result).view) > 2.0**63):
        raise OverflowError(f"a result must fit {dtype} (SciPy would wrap silently); pass float64 arrays")
    return result


def common_rank(first: Adopted, second: Adopted) -> int:
    """Number of axes of both inputs."""
    if first.view.ndim != second.view.ndim:
        raise ValueError(
            "in1 and in2 should have the same dimensionality; got shapes "
            f"{tuple(first.view.shape)} and {tuple(second.view.shape)}"
        )
    return int(first.view.ndim)


def result_dtype(first: Adopted, second: Adopted) -> DType:
    """Dtype that NumPy promotes both inputs to."""
    check_dtype("in1", first.view.dtype)
    check_dtype("in2", second.view.dtype)
    return np.result_type(first.view.dtype, second.view.dtype)


def product(first: Adopted, second: Adopted) -> Any:
    """Two numbers need no engine: their own library multiplies them."""
    x, y = (number.view if number.library == "numpy" else number.original for number in (first, second))
    return x * y


def _check_samples(first: Adopted, second: Adopted) -> None:
    for name, x in (("in1", first), ("in2", second)):
        if 0 in x.view.shape:
            raise ValueError(f"{name} must not be empty; got shape {tuple(x.view.shape)}")


def smaller(first: Adopted, second: Adopted, axes: Iterable[int]) -> bool:
    """Whether in1 is the smaller one, which then slides over in2 under mode="valid"."""
    sizes = [(first.view.shape[axis], second.view.shape[axis]) for axis in axes]
    if any(n < k for n, k in sizes) and any(n > k for n, k in sizes):
        raise ValueError(
            "mode='valid' needs one input at least as large as the other along every axis; got shapes "
            f"{tuple(first.view.shape)} and {tuple(second.view.shape)}"
        )
    return any(n < k for n, k in sizes)


def _fill_value(fillvalue: Any, dtype: DType) -> Any:
    """`fillvalue` as a Python number that the result can hold."""
    if np.size(fillvalue) != 1:
        raise ValueError(f"fillvalue must be a number or an array with one element; got shape {np.shape(fillvalue)}")
    value: Any = np.asarray(fillvalue).reshape(()).item()
    if not isinstance(value, int | float | complex):
        raise TypeError(f"fillvalue must be a number; got {fillvalue!r}")
    if dtype.kind != "c" and isinstance(value, complex):
        raise ValueError(f"fillvalue must be real for a result of dtype {dtype}; got {fillvalue!r}")
    if not is_integer(dtype):
        return value
    info = np.iinfo(dtype)
    if not (math.isfinite(value.real) and info.min <= math.trunc(value.real) <= info.max):
        raise ValueError(f"fillvalue must fit {dtype}; got {fillvalue!r}")
    return math.trunc(value.real)


def correlation_lags(in1_len: int, in2_len: int, mode: str = "full") -> np.ndarray:
    """Return the shift of in2 that each value of a 1D correlation stands for, as `scipy.signal.correlation_lags` does.

    Parameters
    ----------
    in1_len, in2_len : int
        Samples of the two signals.
    mode : {"full", "valid", "same"}
        Mode of the `correlate` call.

    Returns
    -------
    ndarray of int
        One lag per value.

    Raises
    ------
    ValueError
        For an unknown mode.

    Examples
    --------
    >>> from gpuconv import signal
    >>> signal.correlation_lags(4, 3)
    array([-2, -1,  0,  1,  2,  3])
    """
    check_choice("mode", mode, SIZES)
    if mode == "valid":
        return np.arange(min(0, in1_len - in2_len), max(0, in1_len - in2_len) + 1)
    full = np.arange(-in2_len + 1, in1_len)
    if mode == "full":
        return full
    first = len(full) // 2 - in1_len // 2
    return full[first : first + in1_len]
