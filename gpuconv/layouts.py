"""Where channels stand in memory: before the spatial axes, or behind them.

Those of a layer have an axis of their own; where each is filtered alone they are the last batch axis, and "interleaved"
if they stand behind the spatial axes, as red, green and blue of a pixel do.
"""

from dataclasses import replace

from gpuconv.arrays import Adopted, DeviceView, View, adopt
from gpuconv.planning.facts import Layout
from gpuconv.problem import DType, Ints

TRANSPOSED = ("numpy", "torch", "cupy")  # libraries whose new arrays can have their axes in another order


def layout_of(view: View, rank: int) -> Layout:
    """How an array with channels before its `rank` spatial axes lies in memory; what is not dense counts as first."""
    dense = is_dense(in_layout(view, rank, "channels_last")) and not is_dense(view)
    return "channels_last" if dense else "channels_first"


def in_layout(view: View, rank: int, layout: Layout) -> View:
    """The array with its axes in the order of a layout."""
    return view if layout == "channels_first" else view.transpose(axes_in(view.ndim, rank, layout))


def axes_in(ndim: int, rank: int, layout: Layout) -> Ints:
    """The axes of an array in the order of a layout."""
    axes = tuple(range(ndim))
    if layout == "channels_first":
        return axes
    channels = ndim - rank - (2 if layout == "interleaved" else 1)
    return (*axes[:channels], *axes[channels + 1 :], channels)


def result_layout(*arrays: View) -> Layout:
    """How a new result of a layer lies in memory: channels last where input or weights do, as torch has it."""
    return "channels_last" if any(map(_seems_channels_last, arrays)) else "channels_first"


def _seems_channels_last(view: View) -> bool:
    """Whether strides grow from the channels over the spatial axes to the batch; torch decides so for 2D and 3D."""
    if view.ndim not in (4, 5) or 0 in view.shape or view.strides[1] == 0:
        return False
    least = 0
    for axis in (1, *range(view.ndim - 1, 1, -1), 0):
        if view.strides[axis] < least or (axis == 0 and least == view.strides[1]):
            return False
        least = view.strides[axis] * view.shape[axis]
    return True


def empty_in(layout: Layout, x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return a new array of x's library, (N, C, *spatial), in a layout; in C order where it has no such views."""
    if layout == "channels_first" or x.library not in TRANSPOSED:
        return x.empty(shape, dtype)
    order = axes_in(len(shape), len(shape) - 2, layout)
    made = x.empty(tuple(shape[axis] for axis in order), dtype).original
    inverse = tuple(sorted(range(len(shape)), key=order.__getitem__))
    return adopt("out", made.permute(inverse) if x.library == "torch" else made.transpose(inverse))


def is_interleaved(view: View, rank: int) -> bool:
    """Whether the last batch axis of single-channel images holds the elements of pixels, which lie side by side."""
    if view.ndim < rank + 2:
        return False
    pixels = in_layout(view, rank, "interleaved")
    channels, step = pixels.shape[-1], pixels.strides[-1]
    dense = pixels.shape[-2] == 1 or pixels.strides[-2] == channels * step
    return bool(channels > 1 and step == view.dtype.itemsize and dense)


def rows_of_pixels(pixels: DeviceView) -> DeviceView | None:
    """An array (..., width, channels) as (..., width * channels), or None if its pixels do not lie side by side."""
    (width, channels), (step, itemsize) = pixels.shape[-2:], pixels.strides[-2:]
    if itemsize != pixels.dtype.itemsize or (width > 1 and step != channels * itemsize):
        return None
    return replace(pixels, shape=(*pixels.shape[:-2], width * channels), strides=(*pixels.strides[:-2], itemsize))


def is_dense(view: View) -> bool:
    """Whether the elements stand side by side in the order of the axes."""
    expected = view.dtype.itemsize
    for n, step in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if n != 1 and step != expected:
            return False
        expected *= n
    return True
