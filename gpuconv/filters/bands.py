"""Filters that let one band of spatial frequencies pass, and a flat image as nothing."""

from typing import Any, Unpack

from gpuconv.filters import weights
from gpuconv.filters.common import Options, as_image, mid_grey, response
from gpuconv.filters.gradient import gradient_magnitude


def roberts(image: Any, **options: Unpack[Options]) -> Any:
    """Return the magnitude of the Roberts cross, sqrt(2) times the slope per pixel; otherwise as `sobel`.

    It reaches one pixel up and one to the left.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.roberts(np.array([[0, 0, 50, 50]], np.uint8)).tolist()
    [[0, 0, 71, 0]]
    """
    return gradient_magnitude(image, weights.roberts, options)


def log(image: Any, sigma: float, **options: Unpack[Options]) -> Any:
    """Return the Laplacian of the image blurred with a Gaussian, about mid-grey in an unsigned image.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    sigma : float
        Standard deviation of the Gaussian in pixels, greater than 0; see `weights.log`.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape, dtype and array type of `image`.

    Raises
    ------
    ValueError
        If sigma is not a finite number greater than 0.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.log(np.array([[0, 0, 50, 50]], np.uint8), 1).tolist()
    [[140, 138, 118, 116]]
    """
    smooth, second = weights.log_pair(sigma)
    rows, columns = (response(image, taps, options) for taps in ((second, smooth), (smooth, second)))
    return as_image(image, rows + columns + mid_grey(image), options)


def dog(image: Any, sigma: float, wider: float | None = None, **options: Unpack[Options]) -> Any:
    """Return the difference of the image blurred by two Gaussians, about mid-grey in an unsigned image; as `log`.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    sigma, wider : float
        Standard deviations in pixels, greater than 0; `wider` is 1.6 times sigma unless given. See `weights.dog`.
    **options : Options
        boundary, fill, channel_axis, backend.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.dog(np.array([[0, 0, 50, 50]], np.uint8), 1).tolist()
    [[120, 124, 132, 136]]
    """
    factors = (weights.gaussian(s) for s in (sigma, 1.6 * sigma if wider is None else wider))
    narrow, wide = (response(image, (factor, factor), options) for factor in factors)
    return as_image(image, narrow - wide + mid_grey(image), options)


def gabor(
    image: Any,
    sigma: float,
    wavelength: float,
    angle: float = 0.0,
    phase: float = 0.0,
    aspect: float = 1.0,
    **options: Unpack[Options],
) -> Any:
    """Return how much of a wave there is around every pixel, about mid-grey in an unsigned image.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    sigma, wavelength, angle, phase, aspect : float
        Width, length (both in pixels), direction, phase (both in degrees) and shape of the wavelet: see
        `weights.gabor`.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape, dtype and array type of `image`.

    Raises
    ------
    ValueError
        As `weights.gabor` raises it.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.gabor(np.array([[0, 100, 0, 100]], np.uint8), 1, 2).tolist()
    [[108, 172, 84, 148]]
    """
    taps = weights.gabor(sigma, wavelength, angle, phase, aspect)
    return as_image(image, response(image, taps, options) + mid_grey(image), options)
