"""Derivatives of images: first ones across smoothing, Laplacians, magnitudes of gradients."""

# ruff: noqa: A002 - scipy.ndimage's parameter names

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from gpuconv.ndimage.generic import generic_gradient_magnitude, generic_laplace
from gpuconv.ndimage.linear import correlate1d
from gpuconv.ndimage.passes import Pass, per_axis, run
from gpuconv.ndimage.rules import filter_numbers
from gpuconv.ndimage.smooth import gaussian_filter


def prewitt(input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: complex = 0.0) -> Any:
    """Differentiate along one axis, with sums along the others, as `scipy.ndimage.prewitt` does.

    Correlates with [-1, 0, 1] along `axis` and with [1, 1, 1] along every other one.

    Parameters
    ----------
    input, output, cval : optional
        As in `convolve`.
    axis : int
        Axis of the derivative.
    mode : str or sequence of str
        As in `convolve`, one for all axes or one per axis.

    Returns
    -------
    array
        As `gaussian_filter` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.prewitt : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.prewitt(np.array([[0, 0, 5, 5]] * 3))[1]
    array([ 0, 15, 15,  0])
    """
    return _across(input, axis, np.ones(3), output, mode, cval)


def sobel(input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: complex = 0.0) -> Any:
    """Differentiate along one axis, smoothed along the others, as `scipy.ndimage.sobel` does.

    Correlates with [-1, 0, 1] along `axis` and with [1, 2, 1] along every other one.

    Parameters
    ----------
    input, axis, output, mode, cval : optional
        As in `prewitt`.

    Returns
    -------
    array
        As `gaussian_filter` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.sobel : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.sobel(np.array([[0, 0, 5, 5]] * 3))[1]
    array([ 0, 20, 20,  0])
    """
    return _across(input, axis, np.array([1.0, 2.0, 1.0]), output, mode, cval)


def laplace(input: Any, output: Any = None, mode: Any = "reflect", cval: complex = 0.0, *, axes: Any = None) -> Any:
    """Add up second differences along the axes, as `scipy.ndimage.laplace` does.

    Correlates with [1, -2, 1] along every axis.

    Parameters
    ----------
    input, output, cval, axes : optional
        As in `convolve`.
    mode : str or sequence of str
        As in `convolve`, one for all filtered axes or one per axis.

    Returns
    -------
    array
        As `convolve` returns it; each axis's part is converted to the output dtype before it is added.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.laplace : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.laplace(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]))
    array([[ 0,  1,  0],
           [ 1, -4,  1],
           [ 0,  1,  0]])
    """

    def second(input: Any, axis: int, output: Any, mode: str, cval: complex) -> Any:
        return correlate1d(input, [1, -2, 1], axis, output, mode, cval, 0)

    return generic_laplace(input, second, output, mode, cval, axes=axes)


def gaussian_laplace(
    input: Any,
    sigma: Any,
    output: Any = None,
    mode: Any = "reflect",
    cval: complex = 0.0,
    *,
    axes: Any = None,
    **kwargs: Any,
) -> Any:
    """Add up second derivatives of a Gaussian, as `scipy.ndimage.gaussian_laplace` does.

    Parameters
    ----------
    input, output, mode, cval, axes : optional
        As in `laplace`.
    sigma : float or sequence of float
        Standard deviation in samples, one for all filtered axes or one per axis.
    **kwargs
        truncate and radius, as `gaussian_filter` takes them.

    Returns
    -------
    array
        As `laplace` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `gaussian_filter` raises them.

    See Also
    --------
    scipy.ndimage.gaussian_laplace : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.gaussian_laplace(np.array([0.0, 0, 1, 0, 0]), sigma=1).round(3)
    array([ 0.197,  0.002, -0.399,  0.002,  0.197])
    """
    ndim = np.ndim(input)
    numbers = filter_numbers(axes, ndim)
    sigmas = dict(zip(numbers, per_axis(sigma, len(numbers)), strict=True))
    every = [sigmas.get(axis, 0) for axis in range(ndim)]
    return generic_laplace(
        *(input, _gaussian_derivative(2), output, mode, cval, (every,), kwargs),
        axes=axes,
    )


def gaussian_gradient_magnitude(
    input: Any,
    sigma: Any,
    output: Any = None,
    mode: Any = "reflect",
    cval: complex = 0.0,
    *,
    axes: Any = None,
    **kwargs: Any,
) -> Any:
    """Magnitude of the gradient, by derivatives of a Gaussian, as `scipy.ndimage.gaussian_gradient_magnitude` does.

    Parameters
    ----------
    input, output, mode, cval, axes : optional
        As in `laplace`.
    sigma : float or sequence of float
        Standard deviation in samples, one for all axes or one per axis of input.
    **kwargs
        truncate and radius, as `gaussian_filter` takes them.

    Returns
    -------
    array
        As `generic_gradient_magnitude` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `gaussian_filter` raises them.

    See Also
    --------
    scipy.ndimage.gaussian_gradient_magnitude : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.gaussian_gradient_magnitude(np.array([0.0, 0, 0, 9, 9, 9]), sigma=1).round(2)
    array([0.12, 1.1 , 3.27, 3.27, 1.1 , 0.12])
    """
    return generic_gradient_magnitude(
        *(input, _gaussian_derivative(1), output, mode, cval, (sigma,), kwargs),
        axes=axes,
    )


def _across(input: Any, axis: int, smoothing: np.ndarray, output: Any, mode: Any, cval: complex) -> Any:
    """A central difference along one axis, then smoothing along the others."""
    ndim = np.ndim(input)
    axis = normalize_axis_index(axis, ndim)
    modes = per_axis(mode, ndim)
    difference = Pass(axis, np.array([-1.0, 0.0, 1.0]), modes[axis])
    others = [Pass(other, smoothing, modes[other]) for other in range(ndim) if other != axis]
    return run(input, [difference, *others], output, cval)


def _gaussian_derivative(order: int) -> Callable[..., Any]:
    """Derivative along one axis of an image smoothed along all."""

    def derivative(input: Any, axis: int, output: Any, mode: str, cval: complex, sigma: Any, **kwargs: Any) -> Any:
        orders = [order * (other == axis) for other in range(np.ndim(input))]
        return gaussian_filter(input, sigma, orders, output, mode, cval, **kwargs)

    return derivative
