"""Filters whose weights sum to 1: they blur or sharpen, and leave a flat image as it is."""

import math
from typing import Any, Unpack

from gpuconv.arrays import adopt
from gpuconv.filters import weights
from gpuconv.filters.common import Options, apply, as_image, response


def gaussian(image: Any, sigma: float, *, truncate: float = 4.0, **options: Unpack[Options]) -> Any:
    """Blur with the Gaussian of standard deviation `sigma`.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    sigma : float
        Standard deviation in pixels, greater than 0.
    truncate : float
        The weights end ``truncate * sigma`` pixels from the centre.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape, dtype and array type of `image`.

    Raises
    ------
    ValueError
        If sigma or truncate is not a finite number greater than 0.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> image = np.zeros((5, 5), np.uint8)
    >>> image[2, 2] = 200
    >>> filters.gaussian(image, 0.5)[2].tolist()
    [0, 17, 124, 17, 0]
    """
    factor = weights.gaussian(sigma, truncate)
    return apply(image, (factor, factor), **options)


def box(image: Any, n: int, **options: Unpack[Options]) -> Any:
    """Replace every pixel by the mean of the n x n pixels around it.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    n : int
        Side of the square, 1 or more. An even one reaches one pixel further up and left than down and right.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape, dtype and array type of `image`.

    Raises
    ------
    TypeError, ValueError
        If n is not an integer, or less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.box(np.array([[0, 90, 0]], np.uint8), 3).tolist()
    [[30, 30, 30]]
    """
    factor = weights.box(n)
    return apply(image, (factor, factor), **options)


def sharpen(image: Any, **options: Unpack[Options]) -> Any:
    """Subtract the Laplacian from the image, which steepens its edges; parameters and result as in `unsharp_mask`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.sharpen(np.array([[10, 10, 20, 20]], np.uint8)).tolist()
    [[10, 0, 30, 20]]
    """
    return apply(image, weights.sharpen(), **options)


def unsharp_mask(image: Any, sigma: float = 1.0, amount: float = 1.0, **options: Unpack[Options]) -> Any:
    """Add `amount` times what the Gaussian blur takes away: ``image + amount * (image - gaussian(image, sigma))``.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    sigma : float
        Standard deviation of the blur in pixels, greater than 0: the width of the edges that are steepened.
    amount : float
        Strength; 0 leaves the image as it is.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape, dtype and array type of `image`.

    Raises
    ------
    ValueError
        If sigma is not a finite number greater than 0, or amount is not finite.

    References
    ----------
    Gonzalez & Woods, Digital Image Processing, 4th ed., section 3.6, "Unsharp masking and highboost filtering".

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.unsharp_mask(np.array([[10, 10, 20, 20]], np.uint8), amount=2).tolist()
    [[9, 4, 26, 21]]
    """
    if not math.isfinite(amount):
        raise ValueError(f"amount must be finite; got {amount}")
    factor, x = weights.gaussian(sigma), adopt("image", image)
    pixels = x.plain
    blurred = response(pixels, (factor, factor), options)
    return x.in_kind(as_image(pixels, pixels + float(amount) * (pixels - blurred), options))
