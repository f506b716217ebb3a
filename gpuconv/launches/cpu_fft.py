"""Which filters the compiled CPU backend takes transforms for, and with which tiles; pure."""

import functools
import itertools
import math
from dataclasses import replace

from gpuconv.planning.bounds import transform_error
from gpuconv.planning.overlap import Tiles, reach
from gpuconv.problem import DType, Ints, Problem

# Points along one axis of a tile, of two and of a line.
SHORTEST, LONGEST = 32, 1 << 10
SHORTEST_LINE, LONGEST_LINE = 1 << 8, 1 << 20
# What a tile costs beside log2(points) for each point: loading and storing it, and, each time it doubles beyond the
# second-level cache, a part of it all. Measured on a processor with 1 MiB.
ENDS = 4.0
BEYOND = 0.2
CACHE = 1 << 18  # bytes of a tile; as much again are of its spectrum
SUMMED = 0.3  # for each slice of a volume's filter, whose spectrum is multiplied and added
MOST_BYTES = 1 << 25  # of the spectra of a volume's slices that a thread keeps


def takes_fft(problem: Problem) -> bool:
    """Whether transforms are compiled for a filter of this rank, dtype, stride and size."""
    if not problem.is_filter or problem.rank > 3 or problem.compute_dtype.kind not in "fc" or max(problem.stride) > 1:
        return False
    if problem.rank == 3 and 1 in problem.filter:
        return False
    reaches = [r for r in reach(problem)[-2:] if r > 0]
    return max(reaches, default=0) < (LONGEST if len(reaches) == 2 else LONGEST_LINE)


def shared_tiles(problem: Problem) -> int:
    """Tiles that share a transform: two real ones make complex points."""
    return 1 if problem.compute_dtype.kind == "c" else 2


def fft_tiles(problem: Problem, allowed: float) -> Tiles:
    """Return the tiles that cost least, of those whose transforms keep to the error allowed, if any do."""
    shared, reaches, dtype = shared_tiles(problem), reach(problem), problem.compute_dtype
    if problem.rank < 3:
        return _fft_tiles(problem.images, problem.out_extent, reaches, dtype, shared, 0, allowed)
    slices, *extent = problem.out_extent
    found = _fft_tiles(problem.images * slices, tuple(extent), reaches[1:], dtype, shared, problem.filter[0], allowed)
    return replace(found, points=(1, *found.points), outputs=(slices, *found.outputs))


@functools.lru_cache(maxsize=256)
def _fft_tiles(
    images: int, out_extent: Ints, reaches: Ints, dtype: DType, shared: int, summed: int, allowed: float
) -> Tiles:
    """Tiles of images; `summed` spectra make up one of them."""
    limits = (SHORTEST, LONGEST) if 0 not in reaches and len(reaches) == 2 else (SHORTEST_LINE, LONGEST_LINE)
    choices = itertools.product(*(_lengths(n, r, *limits) for n, r in zip(out_extent, reaches, strict=True)))

    def cost(points: Ints) -> tuple[bool, bool, float]:
        transforms = -(-images * _number(out_extent, points, reaches) // shared)
        size = math.prod(points)
        doubled = max(0.0, math.log2(size * shared * dtype.itemsize * (1 + 2 * summed) / CACHE))
        seconds = transforms * size * (math.log2(size) + ENDS + SUMMED * summed) * (1 + BEYOND * doubled)
        kept = size * shared * dtype.itemsize * summed
        return transform_error(points, dtype) > allowed, kept > MOST_BYTES, seconds

    points = min(choices, key=cost)
    outputs = tuple(min(n, p - r) for n, p, r in zip(out_extent, points, reaches, strict=True))
    return Tiles(points, outputs, _number(out_extent, points, reaches), max(1, images))


def _number(out_extent: Ints, points: Ints, reaches: Ints) -> int:
    """Tiles of an image."""
    return math.prod(-(-n // (p - r)) for n, p, r in zip(out_extent, points, reaches, strict=True))


def _lengths(out: int, reach_: int, shortest: int, longest: int) -> list[int]:
    """Lengths of a transform along one axis, the longest of them enough for all outputs."""
    if reach_ == 0:
        return [1]
    most = min(max(shortest, 1 << (out + reach_ - 1).bit_length()), longest)
    return [1 << b for b in range(shortest.bit_length() - 1, most.bit_length()) if 1 << b > reach_]
