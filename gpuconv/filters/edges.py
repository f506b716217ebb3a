"""Filters whose weights sum to 0: they show edges, and a flat image as nothing."""

from typing import Any, Unpack

from gpuconv.filters import weights
from gpuconv.filters.common import Options, as_image, mid_grey, response
from gpuconv.filters.gradient import gradient_magnitude


def sobel(image: Any, **options: Unpack[Options]) -> Any:
    """Return the magnitude of the Sobel gradient, ``sqrt(down the rows ** 2 + along the columns ** 2)``.

    Channel by channel, and 8 times the slope per pixel, as in SciPy and the textbooks: strong edges of an integer image
    saturate; pass a float image to keep them. One read and one write of the image. Parameters as in `unsharp_mask`.

    Raises
    ------
    TypeError
        If the image is complex.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.sobel(np.array([[0, 0, 50, 50]], np.uint8)).tolist()
    [[0, 200, 200, 0]]
    """
    return gradient_magnitude(image, weights.sobel, options)


def prewitt(image: Any, **options: Unpack[Options]) -> Any:
    """Return the magnitude of the Prewitt gradient, 6 times the slope per pixel; otherwise as `sobel`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.prewitt(np.array([[0, 0, 50, 50]], np.uint8)).tolist()
    [[0, 150, 150, 0]]
    """
    return gradient_magnitude(image, weights.prewitt, options)


def scharr(image: Any, **options: Unpack[Options]) -> Any:
    """Return the magnitude of the Scharr gradient, 32 times the slope per pixel; otherwise as `sobel`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.scharr(np.array([[0, 0, 5, 5]], np.uint8)).tolist()
    [[0, 80, 80, 0]]
    """
    return gradient_magnitude(image, weights.scharr, options)


def laplace(image: Any, **options: Unpack[Options]) -> Any:
    """Return the Laplacian, about mid-grey in an unsigned image; parameters as in `unsharp_mask`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.laplace(np.array([[0, 0, 50, 50]], np.uint8)).tolist()
    [[128, 178, 78, 128]]
    """
    return as_image(image, response(image, weights.laplace(), options) + mid_grey(image), options)


def emboss(image: Any, **options: Unpack[Options]) -> Any:
    """Return a relief lit from the upper left, about mid-grey in an unsigned image; parameters as in `unsharp_mask`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.emboss(np.array([[0, 0, 20, 20]], np.uint8)).tolist()
    [[128, 168, 168, 128]]
    """
    return as_image(image, response(image, weights.emboss(), options) + mid_grey(image), options)
