"""Smoothing of signals and images: Savitzky-Golay filters and separable ones."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from gpuconv.arrays import adopt
from gpuconv.core import correlate, sepconvolve
from gpuconv.errors import check_choice
from gpuconv.ndimage.linear import convolve1d

EDGES = ("mirror", "constant", "nearest", "interp", "wrap")


def savgol_filter(
    x: Any,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: str = "interp",
    cval: float = 0.0,
) -> Any:
    """Fit a polynomial to every window of a signal and take its value, as `scipy.signal.savgol_filter` does.

    Parameters
    ----------
    x : array_like
        Signals along `axis`; real. float32 stays so, everything else becomes float64.
    window_length : int
        Samples of the window; with an even one the result lies between two samples.
    polyorder : int
        Degree of the polynomials, less than window_length.
    deriv : int
        Order of the derivative that is taken instead of the value.
    delta : float
        Distance between samples, for derivatives.
    axis : int
        Axis of the signals.
    mode : {"interp", "mirror", "constant", "nearest", "wrap"}
        At the ends: the polynomials of the first and last window, or what `ndimage.convolve1d` finds outside.
    cval : float
        Value outside, for mode="constant".

    Returns
    -------
    array
        x's shape. Error bound as in `ndimage.convolve1d`, with the weights rounded to float64.

    Raises
    ------
    ValueError
        For unknown modes, polyorder not below window_length, and mode="interp" with a window longer than x.

    References
    ----------
    A. Savitzky, M. J. E. Golay, Smoothing and Differentiation of Data by Simplified Least Squares Procedures,
    Analytical Chemistry 36 (8), 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import signal
    >>> signal.savgol_filter(np.array([2.0, 2, 5, 2, 1, 0, 1, 4, 9]), 5, 2).round(3)
    array([1.657, 3.171, 3.543, 2.857, 0.657, 0.171, 1.   , 4.   , 9.   ])
    """
    check_choice("mode", mode, EDGES)
    given = adopt("x", x)
    signals, ndim = given.plain, given.view.ndim
    if given.view.dtype not in (np.float32, np.float64):
        signals = correlate(signals, np.ones((1,) * ndim), compute_dtype="float64", out_dtype="float64")
    axis = normalize_axis_index(axis, ndim)
    if polyorder >= window_length:
        raise ValueError(f"polyorder must be less than window_length ({window_length}); got {polyorder}")
    if mode == "interp" and window_length > signals.shape[axis]:
        raise ValueError(f"mode='interp' needs a window no longer than x ({signals.shape[axis]}); got {window_length}")
    fit = _fit(window_length, polyorder, deriv, delta)
    weights = fit(np.array([(window_length - 1) / 2]))[0][::-1]
    outside = "constant" if mode == "interp" else mode
    result = convolve1d(signals, weights, axis, mode=outside, cval=cval)
    if mode == "interp":
        half = window_length // 2
        _replace(signals, result, axis, fit(np.arange(half)), first=True)
        _replace(signals, result, axis, fit(np.arange(window_length - half, window_length)), first=False)
    return given.in_kind(result)


def sepfir2d(input: Any, hrow: Any, hcol: Any) -> Any:  # noqa: A002 - scipy.signal's name
    r"""Filter an image along rows and columns, repeated backwards outside, as `scipy.signal.sepfir2d` does.

    .. math:: y[i, j] = \sum_r \sum_s c[r] \, h[s] \, x[i - r, j - s]

    with the middle taps over the sample.

    Parameters
    ----------
    input : array_like, 2D
        Image; float32/64, complex64/128, and everything else as float64.
    hrow, hcol : array_like, 1D
        Weights along rows (the last axis) and columns, with odd lengths; longer than the image, too.

    Returns
    -------
    array, 2D
        Of input's shape and library, in one pass; error bound as in `gpuconv.sepconvolve`.

    Raises
    ------
    ValueError
        For other ranks and even lengths.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import signal
    >>> signal.sepfir2d(np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]), [1, 2, 1], [1, 0, -1])[0]
    array([1., 2., 1.])
    """
    x, row, column = adopt("input", input), np.asarray(hrow), np.asarray(hcol)
    if x.view.ndim != 2:
        raise ValueError(f"input must be 2D; got shape {tuple(x.view.shape)}")
    if row.ndim != 1 or column.ndim != 1 or not len(row) % 2 or not len(column) % 2:
        raise ValueError(f"hrow and hcol must be 1D with odd lengths; got shapes {row.shape} and {column.shape}")
    dtype = x.view.dtype if x.view.dtype.kind in "fc" and x.view.dtype != np.float16 else np.dtype("float64")
    if np.iscomplexobj(row) or np.iscomplexobj(column):
        dtype = np.result_type(dtype, "complex64")
    factors = [np.asarray(factor, dtype) for factor in (column, row)]
    return sepconvolve(input, factors, boundary="symmetric", compute_dtype=dtype, out_dtype=dtype)


def _fit(window: int, degree: int, deriv: int, delta: float) -> Any:
    """Function of positions in a window: for each, the weights of the samples in the fitted polynomial's derivative."""
    middle = (window - 1) / 2
    powers = np.arange(degree + 1)
    scale = max(middle, 1.0)
    powers_of_samples = ((np.arange(window) - middle) / scale)[:, None] ** powers
    coefficients = np.linalg.pinv(powers_of_samples)  # of the powers, for every sample

    def weights(positions: np.ndarray) -> np.ndarray:
        if deriv > degree:
            return np.zeros((len(positions), window))
        factors = np.array([math.perm(int(power), deriv) if power >= deriv else 0 for power in powers])
        lowered = np.maximum(powers - deriv, 0)
        values = factors * ((positions[:, None] - middle) / scale) ** lowered / (scale * delta) ** deriv
        product: np.ndarray = values @ coefficients
        return product

    return weights


def _replace(x: Any, result: Any, axis: int, rows: np.ndarray, *, first: bool) -> None:
    """Write the values of one end, each a weighted sum of the first or last window."""
    count, window = rows.shape
    start = 0 if first else x.shape[axis] - window
    samples = x[(slice(None),) * axis + (slice(start, start + window),)]
    for position, weights in enumerate(rows):
        taps = weights.reshape(-1, *(1,) * (samples.ndim - axis - 1))
        at = position if first else x.shape[axis] - count + position
        value = correlate(samples, taps, size="valid", precision="strict", compute_dtype="float64")
        result[(slice(None),) * axis + (slice(at, at + 1),)] = value
