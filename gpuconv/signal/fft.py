"""Convolution of long inputs: fftconvolve, oaconvolve, and which method is faster."""

import math
import timeit
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.arrays import Adopted, adopt, pick
from gpuconv.dtypes import check_dtype, is_integer
from gpuconv.engine import execute, facts_of
from gpuconv.errors import check_choice
from gpuconv.options import Options
from gpuconv.problem import SIZES, DType, Ints
from gpuconv.signal import rules
from gpuconv.signal.linear import convolve
from gpuconv.statements import adopted_call


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    r"""Convolve two arrays along some axes, as `scipy.signal.fftconvolve` does.

    .. math:: y[i] = \sum_r h[r] \, x[i - r]

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes; boolean, integer, float16/32/64 or complex64/128. Axes that are not
        convolved, and those of length 1, are broadcast.
    mode : {"full", "valid", "same"}
        As in `convolve`.
    axes : int or sequence of int, optional
        Axes to convolve along; all by default.

    Returns
    -------
    array
        Of in1's library: float32 or complex64 for inputs of no more precision, else float64 or complex128. Within 1e-5
        (1e-13) of the 2-norms of both inputs, or the bound of the direct sum where that is modelled faster.

    Raises
    ------
    ValueError
        For ranks, names, axes and sizes that do not fit.
    TypeError
        For arrays that cannot be computed.

    See Also
    --------
    scipy.signal.fftconvolve : The differences from it are listed in `gpuconv.signal`.

    Examples
    --------
    >>> from gpuconv import signal
    >>> signal.fftconvolve([3, 2, 1, 0], [1, 0, -1])
    array([ 3.,  2., -2., -2., -1.,  0.])
    """
    first, second = adopt("in1", in1), adopt("in2", in2)
    if rules.common_rank(first, second) == 0:
        return rules.product(first, second)
    check_dtype("in1", first.view.dtype)
    check_dtype("in2", second.view.dtype)
    if 0 in first.view.shape or 0 in second.view.shape:
        return first.deliver(first.empty((0,), np.dtype("float64")))
    check_choice("mode", mode, SIZES)
    chosen = _convolved_axes(axes, first, second)
    if not chosen:
        return first.in_kind(_centred(first.plain * second.plain, first.view.shape, mode))
    if mode == "valid" and rules.smaller(first, second, chosen):
        first, second = second, first
    return first.in_kind(_centred(_along(first, second, chosen, mode), first.view.shape, mode))


def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolve two arrays along some axes, as `scipy.signal.oaconvolve` does; the same as `fftconvolve` here.

    Parameters
    ----------
    in1, in2, mode, axes
        As in `fftconvolve`.

    Returns
    -------
    array
        As `fftconvolve` returns it.

    Raises
    ------
    ValueError, TypeError
        As `fftconvolve` raises them.

    See Also
    --------
    scipy.signal.oaconvolve : The differences from it are listed in `gpuconv.signal`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import signal
    >>> signal.oaconvolve(np.ones((2, 5)), np.ones((1, 2)), axes=1)
    array([[1., 2., 2., 2., 2., 1.],
           [1., 2., 2., 2., 2., 1.]])
    """
    return fftconvolve(in1, in2, mode, axes)


def choose_conv_method(in1: Any, in2: Any, mode: str = "full", measure: bool = False) -> Any:
    """Return which method `convolve` finds faster, as `scipy.signal.choose_conv_method` does for SciPy's.

    Parameters
    ----------
    in1, in2, mode
        As in `convolve`.
    measure : bool
        Whether to time both instead.

    Returns
    -------
    method : {"fft", "direct"}
        "direct" wherever an FFT would lose digits of integers.
    times : dict
        Seconds of either method, only with `measure`.

    Raises
    ------
    ValueError, TypeError
        As `convolve` raises them.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import signal
    >>> signal.choose_conv_method(np.ones(100), np.ones(3))
    'direct'
    """
    if measure:
        times = {method: _seconds(in1, in2, mode, method) for method in ("fft", "direct")}
        return min(times, key=lambda method: times[method]), times
    first, second = adopt("in1", in1), adopt("in2", in2)
    dtype = np.result_type(first.view.dtype, second.view.dtype)
    check_choice("mode", mode, SIZES)
    if is_integer(dtype) or not first.view.ndim:
        return "direct"
    image, weights = (first, second) if first.view.size >= second.view.size else (second, first)
    call = adopted_call(image, weights, Options(size=mode), flipped=True)
    _, plan = backends.select(call.problem, facts_of(call), None)
    return "fft" if plan.algorithm == "fft" else "direct"


def _seconds(in1: Any, in2: Any, mode: str, method: str) -> float:
    return min(timeit.repeat(lambda: convolve(in1, in2, mode, method), number=1, repeat=3))


def _convolved_axes(axes: Any, first: Adopted, second: Adopted) -> Ints:
    """The axes along which both inputs have more than one sample; the others must broadcast."""
    ndim = first.view.ndim
    if axes is not None and np.size(axes) == 0:
        raise ValueError("axes must name an axis; got none")
    given = range(ndim) if axes is None else np.atleast_1d(axes).tolist()
    if any(not isinstance(axis, int) for axis in given):
        raise ValueError(f"axes must be integers; got {axes!r}")
    if any(not -ndim <= axis < ndim for axis in given):
        raise ValueError(f"axes must be between {-ndim} and {ndim - 1}; got {axes!r}")
    numbers = [axis % ndim for axis in given]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"axes must be unique; got {axes!r}")
    shapes = list(zip(first.view.shape, second.view.shape, strict=True))
    chosen = tuple(axis for axis in numbers if 1 not in shapes[axis])
    if any(len({n, k, 1}) > 2 for axis, (n, k) in enumerate(shapes) if axis not in chosen):
        raise ValueError(f"in1 and in2 must broadcast along the axes that are not convolved; got {shapes}")
    return tuple(sorted(chosen))


def _along(first: Adopted, second: Adopted, axes: Ints, mode: str) -> Any:
    """Convolve plain arrays along `axes`, one call for every part of the weights that differs."""
    dtype = _float_dtype(first, second)
    shape = [max(n, k) for n, k in zip(first.view.shape, second.view.shape, strict=True)]
    for axis in axes:
        n, k = first.view.shape[axis], second.view.shape[axis]
        shape[axis] = {"full": n + k - 1, "same": n, "valid": n - k + 1}[mode]
    result = first.empty(tuple(shape), dtype)
    image, weights = first.view, second.view
    if mode == "full" and _count(image, axes) < _count(weights, axes):
        image, weights = weights, image
    varying = tuple(axis for axis in range(len(shape)) if axis not in axes and weights.shape[axis] > 1)
    options = Options(size=mode, compute_dtype=dtype, out_dtype=dtype)
    options = replace(options, axes=tuple(axis - sum(one < axis for one in varying) for axis in axes))
    flat = {axis: 0 for axis in range(len(shape)) if axis not in axes}
    for index in np.ndindex(*(weights.shape[axis] for axis in varying)):
        at = dict(zip(varying, index, strict=True))
        here = {axis: n if image.shape[axis] > 1 else 0 for axis, n in at.items()}
        part = replace(first, view=pick(image, here)), replace(second, view=pick(weights, flat | at))
        call = adopted_call(*part, options, flipped=True)
        execute(replace(call, out=replace(result, view=pick(result.view, at))))
    return result.plain


def _centred(result: Any, shape: Ints, mode: str) -> Any:
    """Under "same", the middle of axes that were broadcast; SciPy cuts them to in1's extent, too."""
    if mode != "same":
        return result
    cut = ((n, (n_all - n) // 2) for n, n_all in zip(shape, result.shape, strict=True))
    return result[tuple(slice(start, start + n) for n, start in cut)]


def _float_dtype(first: Adopted, second: Adopted) -> DType:
    """Integers become float64, and float16 float32."""
    each = (x.view.dtype for x in (first, second))
    wide = ("float64" if is_integer(dtype) else "float32" if dtype.itemsize == 2 else dtype for dtype in each)
    return np.result_type(*wide)


def _count(view: Any, axes: Ints) -> int:
    return math.prod(view.shape[axis] for axis in axes)
