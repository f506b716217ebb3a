"""Derivatives of images."""

# ruff: noqa: N802, N803 - OpenCV's names

from typing import Any

import numpy as np

from gpuconv.opencv.constants import BORDER_DEFAULT
from gpuconv.opencv.rules import boundary_of, depth_of, image_of, run

LARGEST = 31


def Sobel(
    src: Any,
    ddepth: int,
    dx: int,
    dy: int,
    dst: Any = None,
    ksize: int = 3,
    scale: float = 1,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Any:
    """Differentiate an image dx times along its rows and dy times along its columns, as `cv2.Sobel` does.

    The weights along an axis are ``[1, 1]`` convolved with itself, with ``[-1, 1]`` in the place of as many as the
    order of the derivative.

    Parameters
    ----------
    src, ddepth, dst, delta, borderType : optional
        As in `filter2D`.
    dx, dy : int
        Orders of the derivatives, not both 0.
    ksize : int
        Weights along each axis, odd, up to 31, more than the orders; 1: no smoothing, three weights for derivatives;
        0 or less: `Scharr`.
    scale : float
        Factor of the result.

    Returns
    -------
    array
        As `sepFilter2D` returns it.

    Raises
    ------
    ValueError, TypeError
        As `filter2D` raises them, and for orders and sizes that are none.

    References
    ----------
    Gonzalez & Woods, Digital Image Processing, 4th ed., section 3.6.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.Sobel(np.array([[0, 0, 50, 50]], np.uint8), opencv.CV_16S, 1, 0).tolist()
    [[0, 200, 200, 0]]
    """
    if ksize <= 0:
        return Scharr(src, ddepth, dx, dy, dst, scale, delta, borderType)
    _check_size(ksize)
    if min(dx, dy) < 0 or dx + dy == 0:
        raise ValueError(f"dx and dy must be 0 or more, and not both 0; got {dx} and {dy}")
    factors = tuple(weights_of(order, 3 if ksize == 1 and order else ksize) for order in (dy, dx))
    return _derivative(src, ddepth, factors, dst, scale, delta, borderType)


def Scharr(
    src: Any,
    ddepth: int,
    dx: int,
    dy: int,
    dst: Any = None,
    scale: float = 1,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Any:
    """Differentiate an image along one axis, smoothed with ``[3, 10, 3]`` along the other one, as `cv2.Scharr` does.

    Parameters
    ----------
    src, ddepth, dst, scale, delta, borderType : optional
        As in `Sobel`.
    dx, dy : int
        One is 1 and the other 0.

    Returns
    -------
    array
        As `sepFilter2D` returns it.

    Raises
    ------
    ValueError, TypeError
        As `Sobel` raises them.

    References
    ----------
    H. Scharr, Optimale Operatoren in der Digitalen Bildverarbeitung, Heidelberg, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.Scharr(np.array([[0, 0, 5, 5]], np.uint8), -1, 1, 0).tolist()
    [[0, 80, 80, 0]]
    """
    if sorted((dx, dy)) != [0, 1]:
        raise ValueError(f"one of dx and dy must be 1 and the other 0; got {dx} and {dy}")
    factors = tuple(np.array([-1.0, 0, 1] if order else [3.0, 10, 3]) for order in (dy, dx))
    return _derivative(src, ddepth, factors, dst, scale, delta, borderType)


def Laplacian(
    src: Any,
    ddepth: int,
    dst: Any = None,
    ksize: int = 1,
    scale: float = 1,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Any:
    """Return the sum of the second derivatives along both axes, as `cv2.Laplacian` does.

    Parameters
    ----------
    src, ddepth, dst, scale, delta, borderType : optional
        As in `Sobel`.
    ksize : int
        1: the weights ``[[0, 1, 0], [1, -4, 1], [0, 1, 0]]``; else odd, up to 31: those of `Sobel` for the second
        derivatives along both axes, added up.

    Returns
    -------
    array
        As `filter2D` returns it.

    Raises
    ------
    ValueError, TypeError
        As `Sobel` raises them.

    References
    ----------
    Gonzalez & Woods, Digital Image Processing, 4th ed., section 3.6.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.Laplacian(np.array([[0, 0, 50, 50]], np.uint8), opencv.CV_16S).tolist()
    [[0, 50, -50, 0]]
    """
    _check_size(ksize)
    if ksize == 1:
        kernel = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    else:
        across = np.outer(weights_of(0, ksize), weights_of(2, ksize))
        kernel = across + across.T
    image, boundary = image_of(src), boundary_of(borderType)
    return run(image, kernel * float(scale), depth_of(ddepth, image), boundary, delta=delta, dst=dst)


def weights_of(order: int, n: int) -> np.ndarray:
    """Return n weights of a derivative: differences `order` times, smoothing n - 1 - order times."""
    if order >= n:
        raise ValueError(f"ksize must be greater than the order of a derivative ({order}); got {n}")
    weights = np.ones(1)
    for i in range(n - 1):
        weights = np.convolve(weights, [-1.0, 1.0] if i < order else [1.0, 1.0])
    return weights


def _derivative(
    src: Any, ddepth: int, factors: tuple[np.ndarray, ...], dst: Any, scale: float, delta: float, border: int
) -> Any:
    image, boundary = image_of(src), boundary_of(border)
    column, row = factors
    return run(image, (column * float(scale), row), depth_of(ddepth, image), boundary, delta=delta, dst=dst)


def _check_size(ksize: int) -> None:
    if ksize < 1 or ksize % 2 == 0 or ksize > LARGEST:
        raise ValueError(f"ksize must be odd, from 1 to {LARGEST}; got {ksize}")
