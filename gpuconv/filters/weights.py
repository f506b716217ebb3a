"""Weights of well-known filters, as float64 arrays for `gpuconv.convolve` and `gpuconv.sepconvolve`.

Convolution turns its weights by half a turn: a derivative is written ``[1, 0, -1]`` here and gives ``x[i+1] - x[i-1]``.

References
----------
R. C. Gonzalez and R. E. Woods, Digital Image Processing, 4th ed., Pearson, 2018.
"""

from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from gpuconv.filters.derivatives import prewitt as prewitt
from gpuconv.filters.derivatives import scharr as scharr
from gpuconv.filters.derivatives import sobel as sobel
from gpuconv.filters.derivatives import sobel_pair as sobel_pair
from gpuconv.filters.gaussians import MAX_RADIUS as MAX_RADIUS
from gpuconv.filters.gaussians import dog as dog
from gpuconv.filters.gaussians import gaussian as gaussian
from gpuconv.filters.gaussians import log as log
from gpuconv.filters.gaussians import log_pair as log_pair
from gpuconv.filters.patterns import gabor as gabor
from gpuconv.filters.patterns import match_template as match_template
from gpuconv.filters.patterns import roberts as roberts
from gpuconv.filters.windows import disk as disk
from gpuconv.filters.windows import motion_blur as motion_blur
from gpuconv.filters.windows import savgol as savgol

Weights = NDArray[np.float64]


def box(n: int) -> Weights:
    """Return the 1D moving average ``1/n, ..., 1/n`` (n times).

    Parameters
    ----------
    n : int
        Number of samples that are averaged, 1 or more. An even n averages one sample more before than after the centre.

    Returns
    -------
    ndarray
        n weights whose sum is 1.

    Raises
    ------
    TypeError
        If n is not an integer.
    ValueError
        If n is less than 1 or more than 2,000,001.

    References
    ----------
    Gonzalez & Woods, section 3.5.

    Examples
    --------
    >>> box(4).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    if not isinstance(n, Integral) or isinstance(n, bool):
        raise TypeError(f"n must be an integer; got {n!r}")
    if not 1 <= n <= 2 * MAX_RADIUS + 1:
        raise ValueError(f"n must be from 1 to {2 * MAX_RADIUS + 1:,}; got {n}")
    return np.full(int(n), 1 / int(n))


def moving_average(n: int) -> Weights:
    """Return the 1D moving average ``1/n, ..., 1/n``: the same as `box`, for one axis alone.

    Examples
    --------
    >>> moving_average(2).tolist()
    [0.5, 0.5]
    """
    return box(n)


def sharpen() -> Weights:
    """Return the 3x3 weights ``delta - laplace()``: the image minus its Laplacian; their sum is 1.

    References
    ----------
    Gonzalez & Woods, section 3.6, "Using the second derivative for image sharpening".

    Examples
    --------
    >>> sharpen().astype(int).tolist()
    [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    """
    return np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]])


def laplace() -> Weights:
    """Return the 3x3 Laplacian, the sum of the second differences ``[1, -2, 1]`` along both axes; their sum is 0.

    References
    ----------
    Gonzalez & Woods, section 3.6; the same weights as `scipy.ndimage.laplace`.

    Examples
    --------
    >>> laplace().astype(int).tolist()
    [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    """
    return np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])


def emboss() -> Weights:
    """Return the 3x3 diagonal Prewitt derivative, a relief lit from the upper left; their sum is 0.

    References
    ----------
    Gonzalez & Woods, section 10.2, the Prewitt operators for diagonal edges.

    Examples
    --------
    >>> emboss().astype(int).tolist()
    [[1, 1, 0], [1, 0, -1], [0, -1, -1]]
    """
    return np.array([[1.0, 1, 0], [1, 0, -1], [0, -1, -1]])
