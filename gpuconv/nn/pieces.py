"""What each of the forward layers that make up a transposed one takes of its arrays."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv.arrays import View, every
from gpuconv.nn.phases import Phase, phases
from gpuconv.nn.stated import Arrays
from gpuconv.problem import Ints


@dataclass(frozen=True)
class Transposed:
    """Geometry of a transposed layer, by axis."""

    outputs: Ints
    stride: Ints
    before: Ints
    dilation: Ints
    groups: int


@dataclass(frozen=True)
class Piece:
    """A phase of every axis: a forward layer of some taps that gives some outputs."""

    parts: tuple[Phase, ...]
    taps: tuple[slice, ...] | None  # None: a single zero stands for them
    outputs: tuple[slice, ...]

    def taps_of(self, weights: View) -> View:
        """The taps of weights (channels_out, channels_in / groups, *filter)."""
        if self.taps is not None:
            return _cut(weights, self.taps)
        return np.zeros((*weights.shape[:2], *(max(1, len(part.taps)) for part in self.parts)), weights.dtype)


@dataclass(frozen=True)
class Pieces:
    """What each forward layer takes of a transposed one's arrays, pieces within groups."""

    rank: int
    groups: int
    pieces: tuple[Piece, ...]

    def __call__(self, image: View, weights: View, bias: View | None, out: View) -> list[Arrays]:
        """Return the arrays of each forward layer."""
        return [
            (image_, piece.taps_of(weights_), bias_, _cut(out_, piece.outputs))
            for image_, weights_, bias_, out_ in _by_group(image, weights, bias, out, self.groups, self.rank)
            for piece in self.pieces
        ]


def pieces_of(layer: Transposed, extent: Ints, filter_: Ints) -> tuple[Piece, ...]:
    """Return the phases of all axes, each with each."""
    axes = zip(extent, layer.outputs, filter_, layer.stride, layer.before, layer.dilation, strict=True)
    pieces = []
    for parts in itertools.product(*(phases(*axis) for axis in axes)):
        taps = tuple(_taps(part) for part in parts) if all(part.taps for part in parts) else None
        outputs = tuple(slice(part.start, None, stride) for part, stride in zip(parts, layer.stride, strict=True))
        pieces.append(Piece(parts, taps, outputs))
    return tuple(pieces)


def _taps(part: Phase) -> slice:
    """The taps of a phase, from the last to the first."""
    first, step = part.taps[0], part.taps[1] - part.taps[0] if len(part.taps) > 1 else -1
    stop = first + step * len(part.taps)
    return slice(first, stop if stop >= 0 else None, step)


def _cut(view: View, cuts: tuple[slice, ...]) -> View:
    """Some elements of each of the last axes, on either side."""
    if isinstance(view, np.ndarray):
        index: Any = (..., *cuts)
        return view[index]
    for axis, cut in enumerate(cuts, view.ndim - len(cuts)):
        chosen = range(view.shape[axis])[cut]
        view = every(view, axis, chosen.start, chosen.step, len(chosen))
    return view


def _by_group(image: View, weights: View, bias: View | None, out: View, groups: int, rank: int) -> list[Arrays]:
    """(image, weights with exchanged channels, bias, out): all groups at once where that is a view, or on the host."""
    channels, outputs = weights.shape[0] // groups, weights.shape[1]
    if isinstance(weights, np.ndarray):
        grouped = weights.reshape(groups, channels, *weights.shape[1:]).swapaxes(1, 2)
        return [(image, grouped.reshape(groups * outputs, channels, *weights.shape[2:]), bias, out)]
    if groups == 1:
        return [(image, weights.transpose((1, 0, *range(2, weights.ndim))), bias, out)]
    if channels == outputs == 1:
        return [(image, weights, bias, out)]
    axis = image.ndim - rank - 1
    return [
        (
            every(image, axis, g * channels, 1, channels),
            every(weights, 0, g * channels, 1, channels).transpose((1, 0, *range(2, weights.ndim))),
            None if bias is None else every(bias, 0, g * outputs, 1, outputs),
            every(out, axis, g * outputs, 1, outputs),
        )
        for g in range(groups)
    ]
