"""Weights of the Gaussian, of its Laplacian, and of the difference of two.

References
----------
R. C. Gonzalez and R. E. Woods, Digital Image Processing, 4th ed., Pearson, 2018.
"""

import math

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]

MAX_RADIUS = 1_000_000


def gaussian(sigma: float, truncate: float = 4.0) -> Weights:
    """Return the 1D Gaussian ``exp(-i**2 / (2 sigma**2))``, i = -r..r, divided by its sum.

    Parameters
    ----------
    sigma : float
        Standard deviation in samples, greater than 0.
    truncate : float
        The radius r is ``truncate * sigma``, rounded to a whole number.

    Returns
    -------
    ndarray
        2 r + 1 weights whose sum is 1. The 2D Gaussian is their outer product: take them for both axes of
        `gpuconv.sepconvolve`.

    Raises
    ------
    TypeError
        If sigma or truncate is several numbers.
    ValueError
        If sigma or truncate is not a finite number greater than 0, or the radius exceeds 1,000,000 samples.

    References
    ----------
    Gonzalez & Woods, section 3.5.

    Examples
    --------
    >>> gaussian(0.5, truncate=2).round(3).tolist()
    [0.107, 0.787, 0.107]
    """
    for name, value in (("sigma", sigma), ("truncate", truncate)):
        if np.ndim(value):
            raise TypeError(f"{name} must be one number; got {value}")
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a finite number greater than 0; got {value}")
    if truncate * sigma > MAX_RADIUS:
        raise ValueError(f"truncate * sigma must be at most {MAX_RADIUS:,} samples; got {truncate * sigma:g}")
    radius = int(truncate * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    normalized: Weights = weights / weights.sum()
    return normalized


def log(sigma: float, truncate: float = 4.0) -> Weights:
    r"""Return the Laplacian of a Gaussian, which shows blobs and edges of one size.

    .. math:: g''(y) \, g(x) + g(y) \, g''(x), \qquad g''(x) = (x^2 / \sigma^4 - c) \, g(x)

    with g as `gaussian` and c, about ``1 / sigma**2``, so that the sum is 0.

    Parameters
    ----------
    sigma, truncate : float
        As in `gaussian`.

    Raises
    ------
    ValueError
        As `gaussian` raises it.

    References
    ----------
    Gonzalez & Woods, section 10.2, "The Marr-Hildreth edge detector".

    Examples
    --------
    >>> log(0.5, truncate=2).round(2).tolist()
    [[0.29, 0.77, 0.29], [0.77, -4.22, 0.77], [0.29, 0.77, 0.29]]
    """
    smooth, second = log_pair(sigma, truncate)
    across = np.outer(second, smooth)
    return across + across.T


def log_pair(sigma: float, truncate: float = 4.0) -> tuple[Weights, Weights]:
    """Return the two 1D factors of `log`: the Gaussian and its second derivative.

    Examples
    --------
    >>> [factor.round(2).tolist() for factor in log_pair(0.5, truncate=2)]
    [[0.11, 0.79, 0.11], [1.34, -2.68, 1.34]]
    """
    smooth = gaussian(sigma, truncate)
    radius = len(smooth) // 2
    curved = np.arange(-radius, radius + 1.0) ** 2 * smooth / sigma**4
    second: Weights = curved - curved.sum() * smooth
    return smooth, second


def dog(sigma: float, wider: float, truncate: float = 4.0) -> Weights:
    """Return the difference of two Gaussians, ``g(sigma) - g(wider)``, a band of spatial frequencies; their sum is 0.

    Parameters
    ----------
    sigma, wider : float
        Standard deviations in samples; 1.6 times sigma is nearest to a multiple of `log`, with the other sign.
    truncate : float
        As in `gaussian`, of both.

    Raises
    ------
    ValueError
        As `gaussian` raises it.

    References
    ----------
    Gonzalez & Woods, section 10.2, "The Marr-Hildreth edge detector".

    Examples
    --------
    >>> dog(0.5, 0.8, truncate=1).round(3).tolist()
    [[-0.046, -0.041, -0.046], [-0.041, 0.347, -0.041], [-0.046, -0.041, -0.046]]
    """
    narrow, wide = (np.outer(g, g) for g in (gaussian(sigma, truncate), gaussian(wider, truncate)))
    size = max(len(narrow), len(wide))
    inner, outer = (np.pad(weights, (size - len(weights)) // 2) for weights in (narrow, wide))
    difference: Weights = inner - outer
    return difference
