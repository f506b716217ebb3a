"""Weights of windows: shapes that average, and polynomials that are fitted.

References
----------
R. C. Gonzalez and R. E. Woods, Digital Image Processing, 4th ed., Pearson, 2018.
A. Savitzky and M. J. E. Golay, Smoothing and Differentiation of Data by Simplified Least Squares Procedures,
Analytical Chemistry 36 (8), 1964.
"""

import math
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]

LARGEST = 2000  # samples from the centre of 2D weights


def disk(radius: float) -> Weights:
    """Return the mean over a disk, as a lens out of focus blurs: the same for all samples with ``x**2 + y**2 <= r**2``.

    Parameters
    ----------
    radius : float
        Radius r in samples, 0 to 2,000.

    Returns
    -------
    ndarray, 2D
        A square of ``2 * floor(r) + 1`` weights along each axis whose sum is 1.

    Raises
    ------
    ValueError
        If radius is out of range.

    References
    ----------
    Gonzalez & Woods, section 3.5, on lowpass filters of circular symmetry.

    Examples
    --------
    >>> disk(1).tolist()
    [[0.0, 0.2, 0.0], [0.2, 0.2, 0.2], [0.0, 0.2, 0.0]]
    """
    check_number("radius", radius, 0, LARGEST)
    y, x = grid(math.floor(radius))
    inside = (x * x + y * y <= radius * radius).astype("float64")
    return _mean(inside)


def motion_blur(length: float, angle: float = 0.0) -> Weights:
    """Return the mean along a line: what a moving camera makes of a point.

    A sample weighs ``max(0, 1 - d)`` at the distance d from the line.

    Parameters
    ----------
    length : float
        Samples on the line, 1 to 4,001.
    angle : float
        Direction in degrees, from along the columns (to the right) counterclockwise (up the rows).

    Returns
    -------
    ndarray, 2D
        A square of odd side whose sum is 1.

    Raises
    ------
    ValueError
        If length is out of range, or angle not finite.

    References
    ----------
    Gonzalez & Woods, section 5.6, on blur by uniform linear motion.

    Examples
    --------
    >>> motion_blur(2).tolist()
    [[0.0, 0.0, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 0.0]]
    """
    check_number("length", length, 1, 2 * LARGEST + 1)
    if not math.isfinite(angle):
        raise ValueError(f"angle must be finite; got {angle}")
    half = (length - 1) / 2
    y, x = grid(math.ceil(half))
    along, across = turned(x, y, math.radians(angle))
    distance = np.hypot(np.maximum(np.abs(along) - half, 0), across)
    return _mean(np.maximum(0, 1 - distance))


def savgol(n: int, degree: int, order: int = 0) -> Weights:
    """Return the 1D weights of the Savitzky-Golay filter: the value of the polynomial that fits n samples best.

    Parameters
    ----------
    n : int
        Samples of the window, odd, up to 4,001.
    degree : int
        Degree of the polynomial, 0 or more, less than n.
    order : int
        Order of the derivative that is taken instead of the value.

    Returns
    -------
    ndarray
        n weights, for convolution; their sum is 1 if order is 0.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If n is even, or a number out of range.

    References
    ----------
    Savitzky & Golay; the same weights as `scipy.signal.savgol_coeffs`.

    Examples
    --------
    >>> (35 * savgol(5, 2)).round(6).tolist()
    [-3.0, 12.0, 17.0, 12.0, -3.0]
    """
    check_integer("n", n, 1, 2 * LARGEST + 1)
    if n % 2 == 0:
        raise ValueError(f"n must be odd; got {n}")
    check_integer("degree", degree, 0, n - 1)
    check_integer("order", order, 0, LARGEST)
    if order > degree:
        return np.zeros(n)
    half = max(n // 2, 1)  # positions from -1 to 1 keep the powers alike
    powers = (np.arange(n) - n // 2)[:, None] / half
    coefficients = np.linalg.pinv(powers ** np.arange(degree + 1))
    weights: Weights = coefficients[order, ::-1] * math.factorial(order) / half**order
    return weights


def check_number(name: str, value: float, least: float, largest: float) -> None:
    """Refuse what is out of range, and nan."""
    if not (least <= value <= largest and math.isfinite(value)):
        raise ValueError(f"{name} must be a finite number from {least:g} to {largest:g}; got {value}")


def check_integer(name: str, value: int, least: int, largest: int) -> None:
    """Refuse what is no integer, or out of range."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    if not least <= value <= largest:
        raise ValueError(f"{name} must be from {least} to {largest}; got {value}")


def grid(radius: int) -> tuple[Weights, Weights]:
    """Coordinates y (down the rows) and x around a centre."""
    places = np.arange(-radius, radius + 1.0)
    return places[:, None], places[None, :]


def turned(x: Weights, y: Weights, angle: float) -> tuple[Weights, Weights]:
    """Coordinates along a direction, counterclockwise on the screen, and across it."""
    along: Weights = x * math.cos(angle) - y * math.sin(angle)
    across: Weights = x * math.sin(angle) + y * math.cos(angle)
    return along, across


def _mean(shape: Weights) -> Weights:
    """Weights in proportion, of sum 1."""
    weights: Weights = shape / shape.sum()
    return weights
