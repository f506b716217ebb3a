"""Filters that average along lines, over disks, and polynomials."""

from typing import Any, Unpack

from gpuconv.filters import weights
from gpuconv.filters.common import Options, apply


def disk(image: Any, radius: float, **options: Unpack[Options]) -> Any:
    """Blur as a lens out of focus does: the mean over a disk.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    radius : float
        Radius in pixels, 0 to 2,000; see `weights.disk`.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape, dtype and array type of `image`.

    Raises
    ------
    ValueError
        If radius is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.disk(np.array([[0, 0, 100, 0, 0]], np.uint8), 1).tolist()
    [[0, 20, 60, 20, 0]]
    """
    return apply(image, weights.disk(radius), **options)


def motion_blur(image: Any, length: float, angle: float = 0.0, **options: Unpack[Options]) -> Any:
    """Blur as a moving camera does: the mean along a line; otherwise as `disk`.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    length : float
        Pixels on the line, 1 to 4,001.
    angle : float
        Direction in degrees, from along the columns counterclockwise; see `weights.motion_blur`.
    **options : Options
        boundary, fill, channel_axis, backend.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.motion_blur(np.array([[0, 0, 90, 0, 0]], np.uint8), 3).tolist()
    [[0, 30, 30, 30, 0]]
    """
    return apply(image, weights.motion_blur(length, angle), **options)


def moving_average(image: Any, n: int, axis: int = 1, **options: Unpack[Options]) -> Any:
    """Replace every pixel by the mean of n pixels along one axis; otherwise as `box`.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    n : int
        Pixels, 1 or more. An even number reaches one pixel further before than after.
    axis : int
        0 (down the rows) or 1 (along the columns).
    **options : Options
        boundary, fill, channel_axis, backend.

    Raises
    ------
    TypeError, ValueError
        If n is not an integer or less than 1, or axis neither 0 nor 1.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.moving_average(np.array([[0, 90, 0]], np.uint8), 3).tolist()
    [[30, 30, 30]]
    """
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1; got {axis!r}")
    mean, alone = weights.moving_average(n), weights.moving_average(1)
    return apply(image, (mean, alone) if axis == 0 else (alone, mean), **options)


def savgol(image: Any, n: int, degree: int, **options: Unpack[Options]) -> Any:
    """Smooth with polynomials fitted to n x n pixels: the Savitzky-Golay filter along both axes; otherwise as `box`.

    Peaks keep more of their height than under means. At the borders of the image the fit sees what `boundary` says.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    n : int
        Side of the window, odd.
    degree : int
        Degree of the polynomials along each axis, less than n; see `weights.savgol`.
    **options : Options
        boundary, fill, channel_axis, backend.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.savgol(np.array([[0, 0, 70, 0, 0]], np.uint8), 5, 2).tolist()
    [[0, 24, 34, 24, 0]]
    """
    factor = weights.savgol(n, degree)
    return apply(image, (factor, factor), **options)
