"""Ready-made filters on images.

An image is (H, W), or a stack (..., H, W), or has its channels on the axis that ``channel_axis`` names: (H, W, 3) with
``channel_axis=-1``. Every filter computes in floating point and converts once, at the end: an integer image gives an image of
the same dtype, rounded half to even and saturated; a float image gives a float image; booleans give float32.

Where the result is signed (`laplace`, `emboss`), an unsigned image shows zero as mid-grey (128 in uint8, 32768 in uint16), so
that both signs remain visible; in signed and float images zero is zero.

To add a filter: its weights into weights.py, its function here and into ``__all__``, and one line into gpuconv/cli_filter.py
for the command line.
"""

import math
import sys
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from gpuconv.conversion import convert
from gpuconv.core import convolve, sepconvolve
from gpuconv.filters import weights

__all__ = ["Options", "box", "emboss", "gaussian", "laplace", "mid_grey", "sharpen", "sobel", "unsharp_mask", "weights"]


class Options(TypedDict, total=False):
    """Keyword arguments that every filter takes, as in `gpuconv.convolve`; boundary is "symmetric" unless given."""

    boundary: str
    fill: float
    channel_axis: int | None
    backend: str | None


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
    >>> image = np.zeros((5, 5), np.uint8)
    >>> image[2, 2] = 200
    >>> gaussian(image, 0.5)[2].tolist()
    [0, 17, 124, 17, 0]
    """
    factor = weights.gaussian(sigma, truncate)
    return _filter(image, [factor, factor], options, out_dtype=_integer_dtype(image))


def box(image: Any, n: int, **options: Unpack[Options]) -> Any:
    """Replace every pixel by the mean of the n x n pixels around it.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    n : int
        Side of the square, 1 or more. An even one reaches one pixel further up and to the left than down and to the right.
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
    >>> box(np.array([[0, 90, 0]], np.uint8), 3).tolist()
    [[30, 30, 30]]
    """
    factor = weights.box(n)
    return _filter(image, [factor, factor], options, out_dtype=_integer_dtype(image))


def sharpen(image: Any, **options: Unpack[Options]) -> Any:
    """Subtract the Laplacian from the image, which steepens its edges; parameters and result as in `unsharp_mask`.

    Examples
    --------
    >>> sharpen(np.array([[10, 10, 20, 20]], np.uint8)).tolist()
    [[10, 0, 30, 20]]
    """
    return _filter(image, weights.sharpen(), options, out_dtype=_integer_dtype(image))


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
    >>> unsharp_mask(np.array([[10, 10, 20, 20]], np.uint8), amount=2).tolist()
    [[9, 4, 26, 21]]
    """
    if not math.isfinite(amount):
        raise ValueError(f"amount must be finite; got {amount}")
    factor = weights.gaussian(sigma)
    blurred = _filter(image, [factor, factor], options)
    return _finish(image, image + float(amount) * (image - blurred), options)


def sobel(image: Any, **options: Unpack[Options]) -> Any:
    """Return the magnitude of the Sobel gradient, ``hypot(down the rows, along the columns)``, channel by channel.

    It is 8 times the slope per pixel, as in SciPy and the textbooks: strong edges of an integer image saturate; pass a
    float image to keep them. Parameters as in `unsharp_mask`.

    Examples
    --------
    >>> sobel(np.array([[0, 0, 50, 50]], np.uint8)).tolist()
    [[0, 200, 200, 0]]
    """
    down, along = (_filter(image, list(weights.sobel_pair(axis)), options) for axis in (0, 1))
    hypot = sys.modules[type(down).__module__.partition(".")[0]].hypot  # of numpy, cupy or torch
    return _finish(image, hypot(down, along), options)


def laplace(image: Any, **options: Unpack[Options]) -> Any:
    """Return the Laplacian, about mid-grey in an unsigned image; parameters as in `unsharp_mask`.

    Examples
    --------
    >>> laplace(np.array([[0, 0, 50, 50]], np.uint8)).tolist()
    [[128, 178, 78, 128]]
    """
    return _finish(image, _filter(image, weights.laplace(), options) + mid_grey(image), options)


def emboss(image: Any, **options: Unpack[Options]) -> Any:
    """Return a relief lit from the upper left, about mid-grey in an unsigned image; parameters as in `unsharp_mask`.

    Examples
    --------
    >>> emboss(np.array([[0, 0, 20, 20]], np.uint8)).tolist()
    [[128, 168, 168, 128]]
    """
    return _finish(image, _filter(image, weights.emboss(), options) + mid_grey(image), options)


def mid_grey(image: Any) -> int:
    """Return the value that stands for zero in a signed result: half the range of an unsigned integer, otherwise 0."""
    dtype = _integer_dtype(image)
    return 1 << (8 * dtype.itemsize - 1) if dtype is not None and dtype.kind == "u" else 0


def _filter(image: Any, taps: Any, options: Options, out_dtype: np.dtype[Any] | None = None) -> Any:
    """Convolve with 2D weights, or with a list of two 1D factors."""
    run = sepconvolve if isinstance(taps, list) else convolve
    keywords: dict[str, Any] = {"boundary": "symmetric", **options}
    return run(image, taps, out_dtype=out_dtype, **keywords)


def _integer_dtype(image: Any) -> np.dtype[Any] | None:
    """Return the dtype of an integer image, or None for booleans and everything else."""
    name = str((image if hasattr(image, "dtype") else np.asarray(image)).dtype).removeprefix("torch.")
    dtype = None if name == "bfloat16" else np.dtype(name)
    return dtype if dtype is not None and dtype.kind in "iu" else None


def _finish(image: Any, values: Any, options: Options) -> Any:
    """Round half to even and saturate to the dtype of an integer image."""
    dtype = _integer_dtype(image)
    if dtype is None:
        return values
    if isinstance(values, np.ndarray):
        return convert(values, dtype, "half_even", "saturate")
    identity: NDArray[np.float64] = np.ones((1, 1))
    return _filter(values, identity, options, out_dtype=dtype)
