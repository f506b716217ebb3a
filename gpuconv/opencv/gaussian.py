"""Gaussians."""

# ruff: noqa: N802, N803 - OpenCV's names

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gpuconv.core import sepconvolve
from gpuconv.opencv.constants import BORDER_DEFAULT, CV_32F, CV_64F
from gpuconv.opencv.rules import Image, boundary_of, delivered, image_of, run, size_of

# The weights of small kernels without a sigma, rounded by OpenCV's authors; in units of 1/256.
SMALL = {1: (256,), 3: (64, 128, 64), 5: (16, 64, 96, 64, 16), 7: (8, 28, 56, 72, 56, 28, 8)}
SMALL[9] = (4, 13, 30, 51, 60, 51, 30, 13, 4)
# OpenCV blurs uint8 and uint16 with weights of 8 and 16 fraction bits, and rounds halves up.
# All sums of 8 + 2 * 8 and 16 + 2 * 16 bits are exact in these dtypes.
FRACTION_BITS = {np.dtype("uint8"): 8, np.dtype("uint16"): 16}
EXACT = {np.dtype("uint8"): np.dtype("float32"), np.dtype("uint16"): np.dtype("float64")}


def getGaussianKernel(ksize: int, sigma: float, ktype: int = CV_64F) -> np.ndarray:
    r"""Return a Gaussian's weights as a column, as `cv2.getGaussianKernel` does.

    .. math:: g[i] = e^{-(i - (n - 1) / 2)^2 / 2 \sigma^2} / \sum_j g[j]

    Parameters
    ----------
    ksize : int
        Number n of weights, 1 or more.
    sigma : float
        Standard deviation in pixels; up to 0: ``0.3 * ((ksize - 1) * 0.5 - 1) + 0.8``, and for 1, 3, 5, 7 or 9 weights
        OpenCV's table.
    ktype : {CV_64F, CV_32F}
        Depth of the weights.

    Returns
    -------
    ndarray, shape (ksize, 1)
        Weights whose sum is 1, within some units in the last place of OpenCV's.

    Raises
    ------
    ValueError
        If ksize is below 1, sigma no finite number, or ktype neither depth.

    Examples
    --------
    >>> from gpuconv import opencv
    >>> opencv.getGaussianKernel(3, 0).ravel().tolist()
    [0.25, 0.5, 0.25]
    """
    n = operator.index(ksize)
    if n < 1:
        raise ValueError(f"ksize must be at least 1; got {ksize}")
    if not math.isfinite(sigma):
        raise ValueError(f"sigma must be a finite number; got {sigma}")
    if ktype not in (CV_32F, CV_64F):
        raise ValueError(f"ktype must be CV_32F (5) or CV_64F (6); got {ktype!r}")
    if sigma <= 0 and n in SMALL:
        weights = np.array(SMALL[n]) / 256
    else:
        width = sigma if sigma > 0 else 0.15 * n + 0.35
        bell = np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / width) ** 2)
        bell[(n - 1) // 2 : n // 2 + 1] = 1  # the two middle ones of an even number, too, as OpenCV has them
        weights = bell / bell.sum()
    return weights.astype("float32" if ktype == CV_32F else "float64")[:, None]


def GaussianBlur(
    src: Any,
    ksize: Any,
    sigmaX: float,
    dst: Any = None,
    sigmaY: float = 0,
    borderType: int = BORDER_DEFAULT,
    hint: int = 0,
) -> Any:
    """Blur an image with a Gaussian, as `cv2.GaussianBlur` does.

    Parameters
    ----------
    src, dst : array
        As in `filter2D`.
    ksize : (int, int)
        Width and height of the kernel, odd; up to 0: ``round(6 sigma + 1) | 1`` for uint8, ``round(8 sigma + 1) | 1``
        for other images.
    sigmaX, sigmaY : float
        Standard deviations in pixels, as in `getGaussianKernel`; sigmaY up to 0 is sigmaX.
    borderType : int
        As in `filter2D`; also BORDER_WRAP.
    hint : int
        Taken for OpenCV's sake; the result is always the exact one.

    Returns
    -------
    array
        Of src's shape, dtype and library. uint8 and uint16: OpenCV's bits (weights of 8 and 16 fraction bits, halves
        rounded up). Others as `sepFilter2D` returns them.

    Raises
    ------
    ValueError, TypeError
        As `sepFilter2D` raises them, and for widths and heights that are even or cannot be told from sigma.

    See Also
    --------
    gpuconv.opencv : The differences from OpenCV.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.GaussianBlur(np.array([[0, 0, 200, 0, 0]], np.uint8), (3, 3), 0).tolist()
    [[0, 50, 100, 50, 0]]
    """
    image, boundary = image_of(src), boundary_of(borderType, wrap=True)
    sigmas = sigmaY if sigmaY > 0 else sigmaX, sigmaX
    sizes = tuple(map(_extent, size_of("ksize", ksize), sigmas, [image] * 2))
    bits = FRACTION_BITS.get(image.dtype)
    factors = tuple(_factor(n, float(sigma), bits) for n, sigma in zip(sizes, sigmas, strict=True))
    if bits is None:
        return run(image, factors, image.dtype, boundary, dst=dst)
    blurred = sepconvolve(
        image.array,
        factors,
        boundary=boundary,
        channel_axis=image.channel_axis,
        precision="strict",
        compute_dtype=EXACT[image.dtype],
        out_dtype=image.dtype,
        rounding="half_up",
    )
    return delivered(blurred, dst)


def _extent(n: int, sigma: float, image: Image) -> int:
    """Number of weights along an axis."""
    if n <= 0 and sigma > 0:
        reach = 3 if image.dtype == np.uint8 else 4
        return round(sigma * reach * 2 + 1) | 1
    if n <= 0 or n % 2 == 0:
        raise ValueError(f"ksize must be odd, or 0 with a sigma greater than 0; got {n} with sigma {sigma}")
    return n


def _weights(n: int, sigma: float, bits: int | None) -> np.ndarray:
    """Weights along an axis, of `bits` fraction bits."""
    weights = getGaussianKernel(n, sigma).ravel()
    return weights if bits is None else _fixed_point(weights, bits)


_factor: Callable[[int, float, int | None], np.ndarray] = functools.lru_cache(maxsize=64)(_weights)


def _fixed_point(weights: np.ndarray, bits: int) -> np.ndarray:
    """Weights of `bits` fraction bits and sum 1: a rounding error goes to the next one, what is left to the middle."""
    one, half = 1 << bits, len(weights) // 2
    fixed, error = np.zeros(len(weights)), 0.0
    for i in range(half):
        wanted = weights[i] * one + error
        fixed[i] = fixed[-1 - i] = np.rint(wanted)
        error = wanted - fixed[i]
    fixed[half] = one - fixed.sum()
    return fixed / one
