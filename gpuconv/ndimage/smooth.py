"""Gaussian and uniform filters."""

# ruff: noqa: A002 - scipy.ndimage's parameter names

import numbers
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from gpuconv.arrays import adopt
from gpuconv.ndimage.output import find_target
from gpuconv.ndimage.passes import Pass, per_axis, run
from gpuconv.ndimage.rules import boundary_of, filter_line, filter_numbers
from gpuconv.problem import DType

LONGEST_MEAN = 4096  # samples, of those of short integers that are found without a division
TINY_SIGMA = 1e-15  # no wider than this leaves an axis as it is


def gaussian_filter1d(
    input: Any,
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> Any:
    r"""Filter along one axis with a Gaussian or a derivative of it, as `scipy.ndimage.gaussian_filter1d` does.

    .. math:: y[i] = \sum_r g^{(n)}(r) \, x[i - r], \qquad g(r) = e^{-r^2 / 2 \sigma^2} / \sum_s e^{-s^2 / 2 \sigma^2}

    Parameters
    ----------
    input, axis, output, mode, cval : optional
        As in `convolve1d`.
    sigma : float
        Standard deviation in samples.
    order : int
        Order n of the derivative.
    truncate : float
        The weights end ``truncate * sigma`` samples from the centre, rounded,
    radius : int, optional
        or `radius` samples from it.

    Returns
    -------
    array
        As `convolve1d` returns it.

    Raises
    ------
    ValueError
        If order or radius is negative, or radius no integer.
    RuntimeError, TypeError
        As `convolve1d` raises them.

    See Also
    --------
    scipy.ndimage.gaussian_filter1d : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> from gpuconv import ndimage
    >>> ndimage.gaussian_filter1d([1.0, 2.0, 3.0, 4.0, 5.0], 1).round(4)
    array([1.427 , 2.0678, 3.    , 3.9322, 4.573 ])
    """
    weights = _gaussian(sigma, order, truncate, radius)
    return filter_line(input, weights, axis, output, mode, cval, 0, flipped=False)


def gaussian_filter(
    input: Any,
    sigma: Any,
    order: Any = 0,
    output: Any = None,
    mode: Any = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: Any = None,
    axes: Any = None,
) -> Any:
    """Filter along several axes with a Gaussian or a derivative of it, as `scipy.ndimage.gaussian_filter` does.

    The passes of `gaussian_filter1d`, one an axis.

    Parameters
    ----------
    input, output, cval, axes : optional
        As in `convolve`.
    sigma, order, mode, radius : optional
        As in `gaussian_filter1d`, one value or one per filtered axis. An axis with sigma up to 1e-15 is left alone.
    truncate : float
        As in `gaussian_filter1d`.

    Returns
    -------
    array
        As `convolve` returns it, with the sum of the passes' taps in the error bound; integers are cut off after every
        pass.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `gaussian_filter1d` and `convolve` raise them.

    See Also
    --------
    scipy.ndimage.gaussian_filter : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.gaussian_filter(np.array([[0, 0, 0], [0, 100, 0], [0, 0, 0]]), sigma=0.5)
    array([[ 1,  7,  1],
           [ 8, 61,  8],
           [ 1,  7,  1]])
    """
    numbers_ = filter_numbers(axes, np.ndim(input))
    count = len(numbers_)
    each = zip(
        *(numbers_, per_axis(sigma, count), per_axis(order, count), per_axis(mode, count), per_axis(radius, count)),
        strict=True,
    )
    passes = [Pass(axis, _gaussian(s, n, truncate, r), m) for axis, s, n, m, r in each if s > TINY_SIGMA]
    return run(input, passes, output, cval)


def uniform_filter1d(
    input: Any,
    size: int,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Any:
    """Take the mean of `size` samples along one axis, as `scipy.ndimage.uniform_filter1d` does.

    Parameters
    ----------
    input, axis, output, mode, cval, origin : optional
        As in `correlate1d`.
    size : int
        Samples, 1 or more.

    Returns
    -------
    array
        As `correlate1d` returns it. Means of integers are exact before they are cut off.

    Raises
    ------
    RuntimeError
        If size is below 1, and as `correlate1d` raises it.
    ValueError, TypeError
        As `correlate1d` raises them.

    See Also
    --------
    scipy.ndimage.uniform_filter1d : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> from gpuconv import ndimage
    >>> ndimage.uniform_filter1d([2, 8, 0, 4, 1, 9, 9, 0], size=3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    axis = normalize_axis_index(axis, np.ndim(input))
    if size < 1:
        raise RuntimeError(f"size must be at least 1; got {size!r}")
    x = adopt("input", input)
    target = find_target(output, x, x.view.dtype.kind == "c")
    weight = _weight_of_mean(size, x.view.dtype, target.dtype, mode, cval)
    if weight:
        return filter_line(input, np.full(size, weight), axis, output, mode, cval, origin, flipped=False)
    sums = filter_line(input, np.ones(size), axis, np.dtype("float64"), mode, cval, origin, flipped=False)
    to = target.dtype if target.array is None else target.array
    return filter_line(sums / size, np.ones(1), axis, to, "reflect", 0.0, 0, flipped=False)


def _weight_of_mean(size: int, image: DType, result: DType, mode: str, cval: complex) -> float | None:
    """The weight of each sample in a mean; None where means that are cut off must be divisions.

    What cuts off means of short integers is a weight a little above 1 / size: by more than what rounding takes away,
    (size + 2) 2**-53, and for any sum below 2**40 by less than what separates a mean from the next whole number.
    """
    if result.kind in "fc":
        return 1 / size
    whole = image.kind in "iu" and image.itemsize <= 2 and (cval == 0 or boundary_of(mode) != "constant")
    return (1 + 2**-40) / size if whole and size <= LONGEST_MEAN else None


def uniform_filter(
    input: Any,
    size: Any = 3,
    output: Any = None,
    mode: Any = "reflect",
    cval: complex = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """Take the mean of a box around every sample, as `scipy.ndimage.uniform_filter` does.

    The passes of `uniform_filter1d`, one an axis.

    Parameters
    ----------
    input, output, cval, axes : optional
        As in `convolve`.
    size, mode, origin : optional
        As in `uniform_filter1d`, one value or one per filtered axis.

    Returns
    -------
    array
        As `gaussian_filter` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `uniform_filter1d` and `convolve` raise them.

    See Also
    --------
    scipy.ndimage.uniform_filter : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.uniform_filter(np.arange(9.0).reshape(3, 3), size=3)
    array([[1.33333333, 2.        , 2.66666667],
           [3.33333333, 4.        , 4.66666667],
           [5.33333333, 6.        , 6.66666667]])
    """
    numbers_ = filter_numbers(axes, np.ndim(input))
    count = len(numbers_)
    x = adopt("input", input)
    target = find_target(output, x, x.view.dtype.kind == "c")
    each = zip(numbers_, per_axis(size, count), per_axis(origin, count), per_axis(mode, count), strict=True)
    passes = [(axis, int(n), m, o) for axis, n, o, m in each if n > 1]
    if target.dtype.kind in "fc" or not passes:
        return run(input, [Pass(axis, np.full(n, 1 / n), m, o) for axis, n, m, o in passes], output, cval)
    result = input
    for last, (axis, n, m, o) in enumerate(passes, start=1 - len(passes)):
        to = target.engine_dtype if last else target.dtype if target.array is None else target.array
        result = uniform_filter1d(result, n, axis, to, m, cval, o)
    return result


def _gaussian(sigma: Any, order: Any, truncate: float, radius: Any) -> np.ndarray:
    """Weights of a correlation: (-1)^n times the n-th derivative, by the Hermite polynomial He_n."""
    reach: Any = int(truncate * float(sigma) + 0.5) if radius is None else radius
    if not isinstance(reach, numbers.Integral) or reach < 0:
        raise ValueError(f"radius must be a nonnegative integer; got {reach!r}")
    if order < 0:
        raise ValueError(f"order must be nonnegative; got {order!r}")
    positions = np.arange(-int(reach), int(reach) + 1) / sigma
    bell = np.exp(-0.5 * positions**2)
    polynomial = np.polynomial.hermite_e.hermeval(positions, [0.0] * order + [1.0])
    weights: np.ndarray = polynomial * bell / (bell.sum() * float(sigma) ** order)
    return weights
