"""The rules that OpenCV's filters share: images, depths, anchors, borders, and the conversion of the result."""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.conversion import convert
from gpuconv.core import correlate, sepconvolve
from gpuconv.opencv import constants
from gpuconv.problem import DType, Ints, Rounding

DEPTHS = {
    constants.CV_8U: "uint8",
    constants.CV_16U: "uint16",
    constants.CV_16S: "int16",
    constants.CV_32S: "int32",
    constants.CV_32F: "float32",
    constants.CV_64F: "float64",
}
DTYPES = frozenset(map(np.dtype, DEPTHS.values()))
WIDE = np.dtype("float64"), np.dtype("int32")  # float32 holds neither
BOUNDARIES = {
    constants.BORDER_CONSTANT: "constant",
    constants.BORDER_REPLICATE: "edge",
    constants.BORDER_REFLECT: "symmetric",
    constants.BORDER_REFLECT_101: "mirror",
    constants.BORDER_WRAP: "wrap",
}


@dataclass(frozen=True)
class Image:
    """An image without a channel axis of length 1."""

    array: Any
    dtype: DType
    shape: Ints

    @property
    def channel_axis(self) -> int | None:
        """The axis of channels, if there is one."""
        return 2 if len(self.shape) == 3 else None


def image_of(src: Any, name: str = "src") -> Image:
    """Check an image."""
    view = adopt(name, src).view
    if view.dtype not in DTYPES:
        raise TypeError(f"{name} must have dtype {', '.join(DEPTHS.values())}; got {view.dtype}")
    if view.ndim not in (2, 3) or 0 in view.shape:
        raise ValueError(f"{name} must be (H, W) or (H, W, C) with at least one pixel; got shape {tuple(view.shape)}")
    array = src if hasattr(src, "shape") else view
    if view.ndim == 3 and view.shape[2] == 1:
        return Image(array[:, :, 0], view.dtype, tuple(view.shape[:2]))
    return Image(array, view.dtype, tuple(view.shape))


def depth_of(ddepth: Any, image: Image) -> DType:
    """The dtype that `ddepth` names; -1 is the image's."""
    if ddepth == -1:
        return image.dtype
    if ddepth not in DEPTHS:
        names = ", ".join(f"{number} ({name})" for number, name in DEPTHS.items())
        raise ValueError(f"ddepth must be -1 (as src) or one of {names}; got {ddepth!r}")
    return np.dtype(DEPTHS[ddepth])


def boundary_of(border: Any, *, wrap: bool = False) -> str:
    """The boundary that `borderType` names; `wrap` where OpenCV has BORDER_WRAP."""
    number = operator.index(border) & ~constants.BORDER_ISOLATED
    if number not in BOUNDARIES:
        raise ValueError(
            "borderType must be BORDER_CONSTANT (0), BORDER_REPLICATE (1), BORDER_REFLECT (2), BORDER_WRAP (3) or "
            f"BORDER_REFLECT_101 (4), perhaps with BORDER_ISOLATED (16); got {border}"
        )
    if number == constants.BORDER_WRAP and not wrap:
        raise ValueError("borderType=BORDER_WRAP is for GaussianBlur alone, as in OpenCV; got 3")
    return BOUNDARIES[number]


def size_of(name: str, size: Any) -> Ints:
    """(width, height) as (rows, columns)."""
    return tuple(reversed(_two(name, size)))


def anchor_of(anchor: Any, taps: Ints) -> Ints:
    """The tap (row, column) over the pixel that is computed; -1 is the middle one."""
    rows_columns = tuple(reversed(_two("anchor", anchor)))
    places = tuple(n // 2 if a == -1 else a for a, n in zip(rows_columns, taps, strict=True))
    if any(not 0 <= a < n for a, n in zip(places, taps, strict=True)):
        raise ValueError(f"anchor must lie inside the {taps[1]} x {taps[0]} taps, or be -1; got {tuple(anchor)}")
    return places


def run(
    image: Image,
    taps: Any,
    dtype: DType,
    boundary: str,
    *,
    anchor: Any = (-1, -1),
    delta: float = 0,
    rounding: Rounding = "half_even",
    dst: Any = None,
) -> Any:
    """Correlate with a 2D kernel or a tuple of two factors (columns', rows'), add delta, convert once."""
    separable = isinstance(taps, tuple)
    shape = tuple(map(len, taps)) if separable else tuple(taps.shape)
    shift = tuple(a - n // 2 for a, n in zip(anchor_of(anchor, shape), shape, strict=True))
    wide = image.dtype in WIDE or dtype in WIDE
    compute = np.dtype("float64" if wide else "float32")
    keywords: dict[str, Any] = {
        "boundary": boundary,
        "channel_axis": image.channel_axis,
        "compute_dtype": compute,
        "out_dtype": compute if delta else dtype,
        "rounding": rounding,
        "precision": "strict" if dtype.kind in "iu" else "standard",
    }
    if separable:  # the core's separable filter is a convolution
        backwards, away = [factor[::-1] for factor in taps], tuple(-s for s in shift)
        result = sepconvolve(image.array, backwards, origin=away, **keywords)
    else:
        result = correlate(image.array, taps, origin=shift, **keywords)
    return delivered(converted(result + float(delta), dtype, rounding) if delta else result, dst)


def converted(values: Any, dtype: DType, rounding: Rounding) -> Any:
    """Floats as the result's dtype, saturated."""
    if isinstance(values, np.ndarray):
        return convert(values, dtype, rounding, "saturate")
    return correlate(values, np.ones((1,) * values.ndim), out_dtype=dtype, rounding=rounding)


def delivered(result: Any, dst: Any, name: str = "dst") -> Any:
    """The result, or `dst` with the result in it."""
    if dst is None:
        return result
    if tuple(dst.shape) != tuple(result.shape) or dst.dtype != result.dtype:
        raise ValueError(
            f"{name} must have the result's shape {tuple(result.shape)} and dtype {result.dtype}; "
            f"got {tuple(dst.shape)} and {dst.dtype}"
        )
    dst[...] = result
    return dst


def _two(name: str, pair: Any) -> Ints:
    """Two integers: along the columns first, as OpenCV has them."""
    try:
        numbers = tuple(map(operator.index, pair))
    except TypeError:
        raise TypeError(f"{name} must be two integers (x, y); got {pair!r}") from None
    if len(numbers) != 2:
        raise ValueError(f"{name} must be two integers (x, y); got {pair!r}")
    return numbers
