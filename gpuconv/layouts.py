"""Where the channels of a layer's arrays stand in memory: before the spatial axes, or behind them."""

from gpuconv.arrays import View
from gpuconv.planning.facts import Layout


def layout_of(view: View, rank: int) -> Layout:
    """How an array with channels before its `rank` spatial axes lies in memory; what is not dense counts as first."""
    dense = is_dense(in_layout(view, rank, "channels_last")) and not is_dense(view)
    return "channels_last" if dense else "channels_first"


def in_layout(view: View, rank: int, layout: Layout) -> View:
    """The array with its axes in the order of a layout."""
    if layout == "channels_first":
        return view
    channels = view.ndim - rank - 1
    axes = tuple(range(view.ndim))
    return view.transpose((*axes[:channels], *axes[channels + 1 :], channels))


def is_dense(view: View) -> bool:
    """Whether the elements stand side by side in the order of the axes."""
    expected = view.dtype.itemsize
    for n, step in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if n != 1 and step != expected:
            return False
        expected *= n
    return True
