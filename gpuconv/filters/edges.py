"""Filters whose weights sum to 0: they show edges, and a flat image as nothing."""

import sys
from typing import Any, Unpack

from gpuconv.filters import weights
from gpuconv.filters.common import Options, as_image, mid_grey, response


def sobel(image: Any, **options: Unpack[Options]) -> Any:
    """Return the magnitude of the Sobel gradient, ``hypot(down the rows, along the columns)``, channel by channel.

    It is 8 times the slope per pixel, as in SciPy and the textbooks: strong edges of an integer image saturate; pass a
    float image to keep them. Parameters as in `unsharp_mask`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.sobel(np.array([[0, 0, 50, 50]], np.uint8)).tolist()
    [[0, 200, 200, 0]]
    """
    down, along = (response(image, weights.sobel_pair(axis), options) for axis in (0, 1))
    library = sys.modules[type(down).__module__.partition(".")[0]]  # numpy, cupy or torch
    return as_image(image, library.hypot(down, along), options)


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
