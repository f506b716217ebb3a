"""Where in an image a template is."""

import sys
from typing import Any, Unpack

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.core import convolve, sepconvolve
from gpuconv.filters import weights
from gpuconv.filters.common import Options

FLAT = 1e-10  # a variance this small beside the squares is rounding errors


def match_template(image: Any, template: Any, **options: Unpack[Options]) -> Any:
    r"""Return the normalised cross-correlation with a template around every pixel.

    .. math:: \sum T' I' / \sqrt{\sum T'^2 \sum I'^2}

    with T' and I' the template and the part of the image under it, each less its mean: 1 where they agree up to
    brightness and contrast, -1 where one is the negative of the other.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image, real.
    template : array_like, shape (h, w)
        What is looked for, on the host; its pixel (h // 2, w // 2) lies over the image's.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape and array type of `image`: a coefficient from -1 to 1 is no pixel, and so float64 for float64 and
        32- or 64-bit integers, float32 for all others. 0 where the part of the image has no contrast.

    Raises
    ------
    ValueError
        If the template is not 2D, or all its samples are the same.
    TypeError
        If the image is complex.

    References
    ----------
    Gonzalez & Woods, Digital Image Processing, 4th ed., section 12.2, "Matching by correlation".

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> image = np.array([[10, 10, 90, 10, 10, 10]], np.uint8)
    >>> filters.match_template(image, [[0, 4, 0]]).round(2).tolist()
    [[0.0, -0.5, 1.0, -0.5, 0.0, 0.0]]
    """
    taps, out_dtype = weights.match_template(template), _float_of(image)
    keywords: dict[str, Any] = {"boundary": "symmetric", **options, "precision": "strict"}
    ones = [np.ones(n) for n in taps.shape]
    alone: dict[str, Any] = {"channel_axis": options.get("channel_axis"), "backend": options.get("backend")}
    x = adopt("image", image)
    pixels = convolve(x.plain, np.ones((1, 1)), compute_dtype="float64", out_dtype="float64", **alone)
    sums = sepconvolve(pixels, ones, **keywords)
    squares = sepconvolve(pixels * pixels, ones, **keywords | {"fill": options.get("fill", 0) ** 2})
    matched = convolve(pixels, taps, **keywords)
    result = _quotient(matched, squares - sums * sums / taps.size, squares)
    return x.in_kind(convolve(result, np.ones((1, 1)), out_dtype=out_dtype, **alone))


def _quotient(matched: Any, variance: Any, squares: Any) -> Any:
    """Matched over the root of the variance, from -1 to 1; 0 where that is nothing but rounding errors."""
    library = sys.modules[type(matched).__module__.partition(".")[0]]  # numpy, cupy or torch
    flat = variance <= FLAT * squares
    contrast = library.sqrt(library.where(flat, variance * 0 + 1, variance))
    return library.clip(library.where(flat, matched * 0, matched) / contrast, -1, 1)


def _float_of(image: Any) -> str:
    """The float that holds a coefficient of an image."""
    dtype = adopt("image", image).view.dtype
    if dtype.kind == "c":
        raise TypeError(f"image must be real; got dtype {dtype}")
    return "float64" if dtype.itemsize >= 4 and dtype != np.float32 else "float32"
