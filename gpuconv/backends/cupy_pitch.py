"""Views whose rows are contiguous but lie apart (slices, padded allocations): kernels with pitches take them as such.

A pitch is the number of elements from one row to the next, or from one image to the next. Kernels over tiles count the
latter in rows. A launch states those of C-contiguous arrays; here they are replaced by those of the view.
"""

import itertools
import math
from dataclasses import replace

from gpuconv.arrays import DeviceView, View
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_common import INT_LIMIT
from gpuconv.layouts import is_dense, rows_of_pixels
from gpuconv.planning.facts import Layout
from gpuconv.problem import Ints

# Of the image and of the output: names of the arguments, the axis that moves the slowest first.
PITCHES = {"image": ("image_pitch", "pitch"), "out": ("out_image_pitch", "out_pitch")}
ROWS = {"image": ("image_rows", "pitch"), "out": ("out_image_rows", "out_pitch")}  # the same, of kernels over tiles
# Of kernels for layers with many channels: elements, or planes, from image to image; elements from channel to channel.
STEPS = {"image": (("image_n", "image_planes"), "image_k"), "out": (("out_n",), "out_c")}
BEYOND = 2048  # rows that a tile may lie beyond its image


def as_it_lies(
    launches: tuple[LaunchPlan, ...], kind: str, view: View, rank: int = 2
) -> tuple[tuple[LaunchPlan, ...], bool]:
    """The launches for a view as it lies in memory, and whether there are any; else those that were given."""
    if len(launches) == 1:
        stepped = with_steps(launches[0], kind, view, rank)
        pitched = with_pitches(launches[0], kind, view) if stepped is None else stepped
        if pitched is not None:
            return (pitched,), True
    return launches, False


def with_pitches(launch: LaunchPlan, kind: str, view: View) -> LaunchPlan | None:
    """The launch for a view as it lies in device memory, or None if its kernel cannot take it so."""
    known = {argument.name for argument in launch.arguments}
    in_rows = known.issuperset(ROWS[kind])
    names = [name for name in (ROWS if in_rows else PITCHES)[kind] if name in known]
    if not names or not isinstance(view, DeviceView):
        return None
    rows = rows_of_pixels(view) if _layout(launch, kind) == "interleaved" else view
    pitches = None if rows is None else pitches_of(rows, len(names))
    if in_rows and rows is not None and pitches is not None:
        pitches = rows_of(rows, *pitches)
    if pitches is None:
        return None
    return _changed(launch, dict(zip(names, pitches, strict=True)))


def with_steps(launch: LaunchPlan, kind: str, view: View, rank: int) -> LaunchPlan | None:
    """The launch for planes that are dense, whose images may overlap and whose results may stand between others."""
    known = {argument.name: argument.value.real for argument in launch.arguments if argument.kind == "scalar"}
    names, channel = STEPS[kind]
    name = next((name for name in names if name in known), None)
    if name is None or not isinstance(view, DeviceView) or _layout(launch, kind) != "channels_first":
        return None
    first, itemsize = view.ndim - rank - 1, view.dtype.itemsize
    plane = replace(view, shape=view.shape[first + 1 :], strides=view.strides[first + 1 :])
    step = _merged(list(zip(view.shape[:first], view.strides[:first], strict=True)))
    if step is None or not is_dense(plane):
        return None
    if kind == "out":
        return _changed(launch, {name: step // itemsize, channel: view.strides[first] // itemsize})
    size = math.prod(plane.shape) * itemsize  # the kernels count the places in images in int, and may read vectors
    if (view.shape[first] > 1 and view.strides[first] != size) or step % size:
        return None
    value = step // size if name == "image_planes" else step // itemsize
    return _changed(launch, {name: value}) if 0 <= value <= known[name] else None


def _changed(launch: LaunchPlan, values: dict[str, int]) -> LaunchPlan:
    """The launch with other values of some scalars."""
    arguments = tuple(
        replace(argument, value=values[argument.name]) if argument.name in values else argument
        for argument in launch.arguments
    )
    return replace(launch, arguments=arguments)


def _layout(launch: LaunchPlan, kind: str) -> Layout:
    """How a launch takes image or output."""
    return next(argument.layout for argument in launch.arguments if argument.kind == kind)


def pitches_of(view: DeviceView, count: int) -> Ints | None:
    """Elements between neighbours along `count` axes that all but the last are merged into; None if they do not merge.

    The last axis must be contiguous. With two axes the second is the view's last but one.
    """
    itemsize, axes = view.dtype.itemsize, list(zip(view.shape, view.strides, strict=True))
    if axes[-1][0] > 1 and axes[-1][1] != itemsize:
        return None
    if any(stride % itemsize for _, stride in axes):
        return None
    groups = (axes[:-1],) if count == 1 else (axes[:-2], axes[-2:-1])
    strides = [_merged(group) for group in groups]
    if None in strides:
        return None
    return tuple((stride or 0) // itemsize for stride in strides)


def rows_of(view: DeviceView, image_pitch: int, pitch: int) -> Ints | None:
    """(rows from one image to the next, pitch); None if images do not begin at a row of each other, or lie too far."""
    images, height, width = math.prod(view.shape[:-2]), *view.shape[-2:]
    if height == 1:
        pitch = image_pitch if images > 1 else width
    if pitch == 0 or image_pitch % pitch:
        return None
    rows = image_pitch // pitch
    if max(abs(pitch), images * abs(rows) + height + BEYOND) >= INT_LIMIT:
        return None
    return rows, pitch


def _merged(axes: list[tuple[int, int]]) -> int | None:
    """Stride of axes seen as one; 0 where there is one place only, None if they cannot be."""
    long = [(n, stride) for n, stride in axes if n > 1]
    if any(outer != n * inner for (_, outer), (n, inner) in itertools.pairwise(long)):
        return None
    return long[-1][1] if long else 0
