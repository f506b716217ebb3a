"""Weights of patterns that are looked for: diagonal edges, waves and pictures; their sum is 0.

References
----------
R. C. Gonzalez and R. E. Woods, Digital Image Processing, 4th ed., Pearson, 2018.
J. G. Daugman, Uncertainty relation for resolution in space, spatial frequency, and orientation optimized by
two-dimensional visual cortical filters, Journal of the Optical Society of America A 2 (7), 1985.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from gpuconv.filters.windows import LARGEST, Weights, check_number, grid, turned


def roberts(axis: int) -> Weights:
    """Return the 2x2 Roberts cross, the difference along one diagonal.

    Parameters
    ----------
    axis : int
        0 for the diagonal down to the right, 1 for that down to the left.

    Raises
    ------
    ValueError
        If axis is neither 0 nor 1.

    References
    ----------
    Gonzalez & Woods, section 10.2; the square root of 2 times the slope per sample.

    Examples
    --------
    >>> roberts(0).astype(int).tolist(), roberts(1).astype(int).tolist()
    ([[1, 0], [0, -1]], [[0, 1], [-1, 0]])
    """
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1; got {axis!r}")
    return np.array([[1.0, 0], [0, -1]] if axis == 0 else [[0.0, 1], [-1, 0]])


def gabor(sigma: float, wavelength: float, angle: float = 0.0, phase: float = 0.0, aspect: float = 1.0) -> Weights:
    r"""Return a Gabor wavelet, a wave under a Gaussian, less the part that would show flat images.

    .. math:: e^{-(x'^2 + a^2 y'^2) / 2 \sigma^2} \, (\cos(2 \pi x' / \lambda + \varphi) - c)

    divided by the sum of the Gaussian; x' runs along the wave and c makes the sum 0. For convolution, turned by half a
    turn.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian along the wave, in samples, greater than 0.
    wavelength : float
        Length of the wave in samples, 2 or more.
    angle : float
        Direction of the wave in degrees, from along the columns counterclockwise.
    phase : float
        Phase in degrees: 0 for a symmetric wavelet, 90 for an antisymmetric one.
    aspect : float
        Ratio a of the Gaussian's width along the wave to that across, greater than 0.

    Returns
    -------
    ndarray, 2D
        A square of odd side, cut off 3 standard deviations from the centre, whose sum is 0.

    Raises
    ------
    ValueError
        If a number is out of range, or not finite.

    References
    ----------
    Daugman; OpenCV's ``getGaborKernel`` has neither the c nor the division.

    Examples
    --------
    >>> gabor(0.5, 2).round(3)[2].tolist()
    [0.0, -0.132, 0.263, -0.132, 0.0]
    """
    least = float(np.finfo("float64").tiny)
    check_number("wavelength", wavelength, 2, math.inf)
    for name, value in (("sigma", sigma), ("aspect", aspect)):
        check_number(name, value, least, LARGEST)
    if not math.isfinite(angle + phase):
        raise ValueError(f"angle and phase must be finite; got {angle} and {phase}")
    check_number("3 * sigma * max(1, 1 / aspect)", 3 * sigma * max(1, 1 / aspect), least, LARGEST)
    y, x = grid(math.ceil(3 * sigma * max(1, 1 / aspect)))
    along, across = turned(x, y, math.radians(angle))
    bell = np.exp(-0.5 * (along**2 + (aspect * across) ** 2) / sigma**2)
    wave = np.cos(2 * math.pi * along / wavelength - math.radians(phase))  # at -x', by the turn
    bell /= bell.sum()
    weights: Weights = bell * (wave - (bell * wave).sum())
    return weights


def match_template(template: ArrayLike) -> Weights:
    """Return a picture as weights: less its mean, divided by its norm, turned by half a turn for convolution.

    Where a part of an image is the template times a positive factor plus a constant, the convolution is the norm of the
    part's contrast, the most it can be.

    Parameters
    ----------
    template : array_like, shape (h, w)
        Picture of what is looked for, with some contrast.

    Raises
    ------
    ValueError
        If the template is not 2D, or all its samples are the same.

    References
    ----------
    Gonzalez & Woods, section 12.2, "Matching by correlation".

    Examples
    --------
    >>> match_template([[0, 0], [0, 4]]).round(3).tolist()
    [[0.866, -0.289], [-0.289, -0.289]]
    """
    picture = np.asarray(template, np.float64)
    if picture.ndim != 2 or picture.size == 0:
        raise ValueError(f"template must be 2D with at least one sample; got shape {picture.shape}")
    centred = picture - picture.mean()
    norm = math.sqrt(float((centred**2).sum()))
    if not norm > 8 * np.finfo("float64").eps * float(np.abs(picture).sum()):
        raise ValueError("template must have finite samples that are not all the same; got one without contrast")
    weights: Weights = centred[::-1, ::-1] / norm
    return weights
