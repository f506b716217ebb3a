"""What all filters share: their options, the call of the core, and the conversion of the result."""

from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.conversion import convert
from gpuconv.core import convolve, sepconvolve


class Options(TypedDict, total=False):
    """Keyword arguments that every filter takes, as in `gpuconv.convolve`; boundary is "symmetric" unless given."""

    boundary: Literal["zero", "constant", "edge", "symmetric", "mirror", "wrap"]
    fill: float
    channel_axis: int | None
    backend: str | None


def apply(image: Any, taps: Any, **options: Unpack[Options]) -> Any:
    """Convolve with weights of your own, under the rules of `gpuconv.filters`.

    Parameters
    ----------
    image : array, shape (..., H, W) or with channels
        The image.
    taps : array, shape (R, S), or tuple of two 1D arrays
        The weights, or their two factors, first axis first.
    **options : Options
        boundary, fill, channel_axis, backend.

    Returns
    -------
    array
        The shape, dtype and array type of `image`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import filters
    >>> filters.apply(np.array([[0, 90, 180]], np.uint8), [[1, 0, -1]]).tolist()
    [[90, 180, 90]]
    """
    return response(image, taps, options, out_dtype=integer_dtype(image))


def mid_grey(image: Any) -> int:
    """Return the value that stands for zero in a signed result: half the range of an unsigned integer, otherwise 0."""
    dtype = integer_dtype(image)
    return 1 << (8 * dtype.itemsize - 1) if dtype is not None and dtype.kind == "u" else 0


def response(image: Any, taps: Any, options: Options, out_dtype: np.dtype[Any] | None = None) -> Any:
    """Convolve with 2D weights, or with a tuple of two 1D factors; integers give floats unless `out_dtype` is given."""
    run = sepconvolve if isinstance(taps, tuple) else convolve
    keywords: dict[str, Any] = {"boundary": "symmetric", **options}
    return run(image, taps, out_dtype=out_dtype, **keywords)


def as_image(image: Any, values: Any, options: Options) -> Any:
    """Round half to even and saturate to the dtype of an integer image; other images take the values as they are."""
    dtype = integer_dtype(image)
    if dtype is None:
        return values
    if isinstance(values, np.ndarray):
        return convert(values, dtype, "half_even", "saturate")
    return response(values, np.ones((1, 1)), options, out_dtype=dtype)


def integer_dtype(image: Any) -> np.dtype[Any] | None:
    """Return the dtype of an integer image, or None for booleans and everything else."""
    dtype = adopt("image", image).view.dtype
    return dtype if dtype.kind in "iu" else None
