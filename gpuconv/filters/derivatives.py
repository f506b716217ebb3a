"""Weights of derivatives: a difference along one axis, smoothed along the other.

Convolution turns its weights by half a turn: the difference ``[1, 0, -1]`` gives ``x[i+1] - x[i-1]``.

References
----------
R. C. Gonzalez and R. E. Woods, Digital Image Processing, 4th ed., Pearson, 2018, section 3.6.
H. Scharr, Optimale Operatoren in der Digitalen Bildverarbeitung, Heidelberg, 2000.
"""

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]


def sobel_pair(axis: int) -> tuple[Weights, Weights]:
    """Return the two 1D factors (along axis 0, along axis 1) of `sobel`.

    Parameters
    ----------
    axis : int
        Axis of the derivative: 0 (down the rows) or 1 (along the columns).

    Returns
    -------
    tuple of ndarray
        The difference ``[1, 0, -1]`` along `axis` and the smoothing ``[1, 2, 1]`` along the other one.

    Raises
    ------
    ValueError
        If axis is neither 0 nor 1.

    Examples
    --------
    >>> [factor.astype(int).tolist() for factor in sobel_pair(1)]
    [[1, 2, 1], [1, 0, -1]]
    """
    return _pair((1, 2, 1), axis)


def sobel(axis: int) -> Weights:
    """Return the 3x3 Sobel derivative along one axis: the outer product of `sobel_pair`; their sum is 0.

    Parameters
    ----------
    axis : int
        Axis of the derivative: 0 (down the rows) or 1 (along the columns).

    Raises
    ------
    ValueError
        If axis is neither 0 nor 1.

    References
    ----------
    Gonzalez & Woods; the same result as `scipy.ndimage.sobel`, 8 times the slope per sample.

    Examples
    --------
    >>> sobel(1).astype(int).tolist()
    [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
    """
    return np.outer(*sobel_pair(axis))


def prewitt(axis: int) -> Weights:
    """Return the 3x3 Prewitt derivative along one axis, smoothed with ``[1, 1, 1]``; parameters as in `sobel`.

    References
    ----------
    Gonzalez & Woods; the same result as `scipy.ndimage.prewitt`, 6 times the slope per sample.

    Examples
    --------
    >>> prewitt(1).astype(int).tolist()
    [[1, 0, -1], [1, 0, -1], [1, 0, -1]]
    """
    return np.outer(*_pair((1, 1, 1), axis))


def scharr(axis: int) -> Weights:
    """Return the 3x3 Scharr derivative along one axis, smoothed with ``[3, 10, 3]``; parameters as in `sobel`.

    Its magnitude depends least on the direction of an edge.

    References
    ----------
    Scharr; the same result as OpenCV's ``Scharr``, 32 times the slope per sample.

    Examples
    --------
    >>> scharr(1).astype(int).tolist()
    [[3, 0, -3], [10, 0, -10], [3, 0, -3]]
    """
    return np.outer(*_pair((3, 10, 3), axis))


def _pair(smoothing: tuple[int, ...], axis: int) -> tuple[Weights, Weights]:
    """The difference along one axis, the smoothing along the other."""
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1; got {axis!r}")
    difference, smooth = np.array([1.0, 0, -1]), np.array(smoothing, np.float64)
    return (difference, smooth) if axis == 0 else (smooth, difference)
