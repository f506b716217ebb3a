"""Where in an image a template is."""

# ruff: noqa: N802 - OpenCV's name

import sys
from typing import Any

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.core import correlate, sepconvolve
from gpuconv.opencv.constants import (
    TM_CCOEFF,
    TM_CCOEFF_NORMED,
    TM_CCORR_NORMED,
    TM_SQDIFF,
    TM_SQDIFF_NORMED,
)
from gpuconv.opencv.rules import Image, converted, delivered, image_of

STRIP = 1 << 14  # pixels
NORMED = (TM_SQDIFF_NORMED, TM_CCORR_NORMED, TM_CCOEFF_NORMED)
MEANS = (TM_CCOEFF, TM_CCOEFF_NORMED)
SQUARES = (TM_SQDIFF, TM_SQDIFF_NORMED)


def matchTemplate(image: Any, templ: Any, method: int, result: Any = None, mask: None = None) -> Any:
    r"""Compare a template with every part of an image of its size, as `cv2.matchTemplate` does.

    With T the template, I the part of the image at (i, j), and T', I' these less their means:

    ==================  ===========================================================
    TM_SQDIFF           :math:`\sum (T - I)^2`
    TM_SQDIFF_NORMED    :math:`\sum (T - I)^2 / \sqrt{\sum T^2 \sum I^2}`
    TM_CCORR            :math:`\sum T I`
    TM_CCORR_NORMED     :math:`\sum T I / \sqrt{\sum T^2 \sum I^2}`
    TM_CCOEFF           :math:`\sum T' I'`
    TM_CCOEFF_NORMED    :math:`\sum T' I' / \sqrt{\sum T'^2 \sum I'^2}`
    ==================  ===========================================================

    Parameters
    ----------
    image : array, shape (H, W)
        Image of one channel, uint8 or float32.
    templ : array, shape (h, w)
        Template of the same dtype, in the same place. One that is larger than the image along both axes changes roles
        with it.
    method : int
        A TM number.
    result : array, optional
        Where the result goes.
    mask : None
        For OpenCV's sake.

    Returns
    -------
    array, shape (H - h + 1, W - w + 1), float32
        Sums taken in float64 and rounded once: TM_SQDIFF and TM_CCORR of uint8 are exact before. A part (or template)
        without contrast gives 0 (TM_CCORR_NORMED, TM_CCOEFF_NORMED) or 1 (TM_SQDIFF_NORMED; TM_CCOEFF_NORMED of a flat
        template), as in OpenCV.

    Raises
    ------
    ValueError
        For unknown methods, shapes that do not fit into each other, several channels, and a mask.
    TypeError
        For other dtypes, and two that differ.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> image = np.array([[1, 2, 9, 4], [3, 1, 5, 7]], np.uint8)
    >>> opencv.matchTemplate(image, image[:, 2:], opencv.TM_SQDIFF).tolist()
    [[108.0, 94.0, 0.0]]
    """
    if method not in range(6):
        raise ValueError(f"method must be a TM number from 0 to 5; got {method!r}")
    if mask is not None:
        raise ValueError("mask must be None: masks are not supported; got one")
    scene, part = _ordered(_channel("image", image), _channel("templ", templ))
    doubles = np.asarray(_doubles(part)) if _on_host(part) else _doubles(part)
    values = _compare(_doubles(scene), doubles, method, whole=scene.dtype == np.uint8)
    matched = adopt("image", image).in_kind(converted(values, np.dtype("float32"), "half_even"), (None, None))
    return delivered(matched, result, "result")


def _compare(scene: Any, part: Any, method: int, *, whole: bool) -> Any:
    """The values of a method, in float64; `whole`: of whole numbers, whose sums are rounded to be exact."""
    library = sys.modules[type(scene).__module__.partition(".")[0]]
    sums: dict[str, Any] = {"size": "valid", "precision": "strict"}
    count = part.shape[0] * part.shape[1]
    ones = [np.ones(n) for n in part.shape]
    mean = float(part.sum()) / count if method in MEANS else 0.0
    centred = part - mean
    norm = float((centred * centred).sum())
    numerator = correlate(scene, centred, size="valid")  # by transforms, where they are faster
    if whole and method not in MEANS:
        numerator = numerator.round()
    if method == TM_CCOEFF_NORMED and norm < np.finfo("float64").eps * count:
        return numerator * 0 + 1
    if method not in (*NORMED, TM_SQDIFF):
        return numerator
    squares = sepconvolve(scene * scene, ones, **sums)
    if method in SQUARES:
        numerator = library.clip(squares - 2 * numerator + norm, 0, None)
    if method == TM_SQDIFF:
        return numerator
    spread = squares
    if method in MEANS:
        spread = library.clip(squares - sepconvolve(scene, ones, **sums) ** 2 / count, 0, None)
    without = 1.0 if method == TM_SQDIFF_NORMED else 0.0
    if library is not np:
        return _quotient(library, numerator, spread, squares, norm, without)
    rows = max(1, STRIP // numerator.shape[1])
    for start in range(0, len(numerator), rows):  # a strip of every intermediate array stays in the cache
        strip = slice(start, start + rows)
        numerator[strip] = _quotient(np, numerator[strip], spread[strip], squares[strip], norm, without)
    return numerator


def _quotient(library: Any, numerator: Any, spread: Any, squares: Any, norm: float, without: float) -> Any:
    """Numerator over the norms, cut to -1..1; `without` where a part has no contrast, or that would be far outside."""
    flat = spread <= library.clip(10 * float(np.finfo("float32").eps) * squares, None, 0.5)
    scale = library.sqrt(library.where(flat, spread * 0, spread)) * norm**0.5
    size = library.abs(numerator)
    ratio = numerator / library.where(scale > 0, scale, scale + 1)
    return library.where(size < 1.125 * scale, library.clip(ratio, -1, 1), ratio * 0 + without)


def _channel(name: str, array: Any) -> Image:
    image = image_of(array, name)
    if image.dtype.name not in ("uint8", "float32"):
        raise TypeError(f"{name} must have dtype uint8 or float32, as in OpenCV; got {image.dtype}")
    if len(image.shape) != 2:
        raise ValueError(f"{name} must have one channel; got shape {image.shape}")
    return image


def _ordered(image: Image, templ: Image) -> tuple[Image, Image]:
    """The larger one first."""
    if image.dtype != templ.dtype:
        raise TypeError(f"image and templ must have the same dtype; got {image.dtype} and {templ.dtype}")
    smaller = [t <= n for n, t in zip(image.shape, templ.shape, strict=True)]
    larger = [t >= n for n, t in zip(image.shape, templ.shape, strict=True)]
    if not all(smaller) and not all(larger):
        raise ValueError(f"templ must fit into image, or image into it; got shapes {templ.shape} and {image.shape}")
    return (image, templ) if all(smaller) else (templ, image)


def _doubles(image: Image) -> Any:
    """In float64, in the same library."""
    pixels = adopt("image", image.array).plain
    return correlate(pixels, np.ones((1, 1)), compute_dtype="float64", out_dtype="float64")


def _on_host(image: Image) -> bool:
    return not hasattr(image.array, "__cuda_array_interface__")
