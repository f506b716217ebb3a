"""Overlap-save: a filter as products of spectra, tile by tile; the geometry only.

A tile is a window of the image, as long along each axis as its transform. The circular correlation of a window of
`points` samples with a filter that reaches over `reach` more samples than one is that of the endless image in its first
`points - reach` places; those are kept, and the next window begins where they end. The boundary is applied when a
window is loaded, and so are cropping and padding. An axis along which the filter has one tap is not transformed.

Reference: A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, section 8.7.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from gpuconv.planning.bounds import transform_error
from gpuconv.problem import DType, Ints, Problem

SIZES = tuple(sorted(2**a * odd for a in range(4, 25) for odd in (1, 3, 5, 9, 15)))  # that transforms are fast at
COLUMNS = 16  # beside each other along an axis that is not transformed, at least

Box = tuple[tuple[int, int], ...]  # [start, stop) along each spatial axis


@dataclass(frozen=True)
class Sizes:
    """What suits a backend."""

    most: int  # points of a tile; more cost more each
    line: int  # of them along one axis
    batch: int  # points of a job
    job: float  # cost of a job, in points times the logarithm of a tile's
    powers: bool = False  # of two are the only lengths that it transforms


@dataclass(frozen=True)
class Tiles:
    """How an output is cut. A job takes some tiles beside each other, of some images."""

    points: Ints  # length of the transform along each axis; 1 where there is none
    outputs: Ints  # of a tile
    across: int  # tiles of a job, along the last transformed axis
    images: int  # of a job

    @functools.cached_property
    def axis(self) -> int:
        """The last transformed axis."""
        return max(axis for axis, n in enumerate(self.points) if n > 1)

    @functools.cached_property
    def transformed(self) -> Ints:
        """All transformed axes."""
        return tuple(axis for axis, n in enumerate(self.points) if n > 1)

    def count(self, out_extent: Ints) -> int:
        """Tiles of an image."""
        return math.prod(-(-n // o) for n, o in zip(out_extent, self.outputs, strict=True))


def tiles(problem: Problem, sizes: Sizes, dtype: DType, allowed: float) -> Tiles:
    """The tiles that cost least, of those whose transforms in `dtype` keep to the error allowed, if any do."""
    return _tiles(problem.images, problem.out_extent, reach(problem), problem.stride, sizes, dtype, allowed)


def reach(problem: Problem) -> Ints:
    """How many samples beyond the first the taps meet, along each axis."""
    return tuple(d * (k - 1) for d, k in zip(problem.dilation, problem.filter, strict=True))


@functools.lru_cache(maxsize=256)
def _tiles(
    images: int, out_extent: Ints, reaches: Ints, stride: Ints, sizes: Sizes, dtype: DType, allowed: float
) -> Tiles:
    several = sum(r > 0 for r in reaches)
    longest = 4 * (sizes.line if several == 1 else round(sizes.most ** (1 / max(1, several))))
    lengths = tuple(n for n in SIZES if not sizes.powers or n & (n - 1) == 0)
    axes = [_lengths(n, r, s, lengths, longest) for n, r, s in zip(out_extent, reaches, stride, strict=True)]
    choices = sorted(itertools.product(*axes), key=lambda choice: _cost(choice, out_extent, sizes))
    points, outputs = zip(*next((c for c in choices if _error(c, dtype) <= allowed), choices[0]), strict=True)
    room = max(1, sizes.batch // math.prod(points))
    shape = list(outputs)
    for axis in reversed(range(len(points))):
        if points[axis] == 1:
            shape[axis] = min(out_extent[axis], max(COLUMNS, room))
            room = max(1, room // shape[axis])
    last = max((axis for axis, n in enumerate(points) if n > 1), default=0)
    across = min(room, -(-out_extent[last] // shape[last]))
    found = Tiles(points, tuple(shape), across, 1)
    return Tiles(points, tuple(shape), across, max(1, min(images, room // found.count(out_extent))))


def _error(choice: tuple[tuple[int, int], ...], dtype: DType) -> float:
    return transform_error(tuple(n for n, _ in choice), dtype)


def _lengths(out: int, reach_: int, stride: int, lengths: Ints, longest: int) -> list[tuple[int, int]]:
    """(points, outputs) of tiles along one axis, from the shortest that does to `longest`, or to a single tile."""
    if reach_ == 0:
        return [(1, 1)]
    whole = (out - 1) * stride + 1 + reach_  # one tile
    found = []
    for n in lengths:
        if n > reach_:
            found.append((n, min(out, (n - reach_ - 1) // stride + 1)))
        if n >= whole or (found and n >= longest):
            break
    if not found:
        raise ValueError(f"a filter must reach over less than {SIZES[-1]} samples; got {reach_ + 1}")
    return found


def _cost(choice: tuple[tuple[int, int], ...], out_extent: Ints, sizes: Sizes) -> float:
    """Points times the logarithm of a tile's, more where they strain the caches, of all tiles, and the cost of jobs."""
    size, longest = math.prod(n for n, _ in choice), max(n for n, _ in choice)
    counts = [-(-out // outputs) for out, (_, outputs) in zip(out_extent, choice, strict=True)]
    number = math.prod(counts)
    jobs = max(number * size / sizes.batch, number / counts[-1])
    strain = max(1, size / sizes.most, longest / sizes.line)
    return number * size * math.log2(max(2, size)) * strain + jobs * sizes.job


def boxes(problem: Problem, cut: Tiles) -> Iterator[tuple[tuple[slice | int, ...], Box]]:
    """The jobs: an index of the batch axes, and the outputs along each spatial axis."""
    *outer, last = problem.batch or (1,)
    steps = [o * (cut.across if axis == cut.axis else 1) for axis, o in enumerate(cut.outputs)]
    ranges = [
        [(start, min(start + step, n)) for start in range(0, n, step)]
        for n, step in zip(problem.out_extent, steps, strict=True)
    ]
    for index in itertools.product(*map(range, outer)):
        for first in range(0, last, cut.images):
            some: tuple[slice | int, ...] = (*index, slice(first, min(first + cut.images, last)))
            batch = some if problem.batch else ()
            for box in itertools.product(*ranges):
                yield batch, box


def window(problem: Problem, box: Box, cut: Tiles | None = None) -> Box:
    """The samples that a box of outputs needs, or that its tiles transform; outside the image, too."""
    windows = []
    for axis, (start, stop) in enumerate(box):
        stride, first = problem.stride[axis], box[axis][0] * problem.stride[axis] - problem.pad_before[axis]
        length = (stop - start - 1) * stride + problem.dilation[axis] * (problem.filter[axis] - 1) + 1
        if cut is not None and cut.points[axis] > 1:
            more = -(-(stop - start) // cut.outputs[axis]) - 1  # tiles after the first
            length = more * cut.outputs[axis] * stride + cut.points[axis]
        windows.append((first, first + length))
    return tuple(windows)
