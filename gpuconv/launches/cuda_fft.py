"""Launches around cuFFT's transforms: tiles are loaded, their spectra multiplied, their outputs stored."""

import math
from dataclasses import dataclass

from gpuconv.dtypes import accumulator
from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import C_TYPES, array, as_planes, fill, launch, longs, specialize
from gpuconv.launches.cuda_layers import geometry
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Tiles
from gpuconv.problem import Ints, Problem

BLOCK = 128
BATCH_POINTS = 1 << 22  # samples that are transformed at once


@dataclass(frozen=True)
class Batch:
    """Tiles that are transformed at once, as images of two axes.

    They lie one behind the other. Where columns are transformed and rows are not, they lie side by side: a row of all
    tiles, then the next, so that neighbouring values belong to neighbouring transforms.
    """

    problem: Problem
    count: int  # tiles in all
    size: int  # of the batch
    tiles: Ints  # of an image, down and across
    points: Ints  # of a transform; 1: none along that axis
    span: Ints  # samples of a tile
    outputs: Ints  # of a tile

    @property
    def lengths(self) -> Ints:
        """Of a transform, along the transformed axes only."""
        return tuple(n for n in self.points if n > 1)

    @property
    def apart(self) -> int:
        """Values from one sample of a transform to the next."""
        return self.size * self.span[1] if self.points[1] == 1 else 1

    @property
    def transforms(self) -> int:
        """How many there are in a batch."""
        return self.samples // math.prod(self.points)

    @property
    def samples(self) -> int:
        """Of all tiles of a batch."""
        return self.size * math.prod(self.span)

    @property
    def pitches(self) -> tuple[Argument, ...]:
        """Values from one tile, and from one row of a tile, to the next."""
        side_by_side = self.points[1] == 1
        return longs(
            tile_pitch=self.span[1] if side_by_side else math.prod(self.span),
            row_pitch=self.size * self.span[1] if side_by_side else self.span[1],
        )


def half(lengths: Ints, *, real: bool) -> Ints:
    """Shape of a spectrum: of real numbers the last axis is halved."""
    return (*lengths[:-1], lengths[-1] // 2 + 1) if real else lengths


def batch_of(problem: Problem, cut: Tiles) -> Batch:
    """The batches of a plan: all of one size, so that cuFFT plans once."""
    points, outputs = ((1,) * (2 - problem.rank) + values for values in (cut.points, cut.outputs))
    problem = as_planes(problem)
    tiles = tuple(ceil_div(n, o) for n, o in zip(problem.out_extent, outputs, strict=True))
    span = tuple(o if n == 1 else n for n, o in zip(points, outputs, strict=True))
    count = problem.images * math.prod(tiles)
    size = min(count, max(1, BATCH_POINTS // math.prod(span)))
    return Batch(problem, count, size, tiles, points, span, outputs)


def fft_filter(batch: Batch, facts: Facts) -> LaunchPlan | str:
    """Make a tile of the filter; scaled, for a transform and back do not scale."""
    sums, sizes = accumulator(batch.problem, facts), geometry(batch.problem)
    wide = "Complex<double>" if sums.kind == "c" else "double"
    specialization = _unconverted("fft_filter", C_TYPES[sums.name], wide)
    names = ("filter_h", "filter_w", "dilation_h", "dilation_w")
    return launch(
        *(specialization, ceil_div(math.prod(batch.points), BLOCK), (BLOCK, 1, 1), 0),
        array("weights", "weights", specialization),
        Argument("tile", "transform", wide),
        *longs(**{name: sizes[name] for name in names}),
        *longs(points_h=batch.points[0], points_w=batch.points[1]),
        Argument("scale", "scalar", "double", 1 / math.prod(batch.points)),
    )


def fft_load(batch: Batch, facts: Facts) -> LaunchPlan | str:
    """Cut tiles from the image."""
    problem = batch.problem
    specialization = specialize("fft_load", problem, facts, BLOCK=BLOCK)
    steps = [o * s for o, s in zip(batch.outputs, problem.stride, strict=True)]
    every = [s if n == 1 else 1 for n, s in zip(batch.points, problem.stride, strict=True)]
    return launch(
        *(specialization, batch.size * batch.span[0], (BLOCK, 1, 1), 0),
        array("image", "image", specialization),
        Argument("tiles", "transform", dict(specialization.types)["acc_t"]),
        *_counted(batch),
        *longs(span_h=batch.span[0], span_w=batch.span[1]),
        *longs(step_h=steps[0], step_w=steps[1], every_h=every[0], every_w=every[1]),
        *longs(height=problem.extent[0], width=problem.extent[1]),
        *longs(pad_h=problem.pad_before[0], pad_w=problem.pad_before[1]),
        fill(problem, specialization),
    )


def fft_multiply(batch: Batch, facts: Facts) -> LaunchPlan | str:
    """Multiply the spectra by that of the filter."""
    sums = accumulator(batch.problem, facts)
    number = "Complex<double>" if sums.itemsize == (16 if sums.kind == "c" else 8) else "Complex<float>"
    specialization = _unconverted("fft_multiply", number, number)
    size = math.prod(half(batch.lengths, real=sums.kind != "c"))
    values = size * batch.transforms
    return launch(
        *(specialization, ceil_div(values, BLOCK), (BLOCK, 1, 1), 0),
        Argument("spectra", "transform", number),
        Argument("filter", "transform", number),
        *longs(values=values, size=size, columns=batch.apart),
    )


def fft_store(batch: Batch, facts: Facts) -> LaunchPlan | str:
    """Put the outputs of the tiles into the result."""
    problem = batch.problem
    specialization = specialize("fft_store", problem, facts, BLOCK=BLOCK)
    every = [1 if n == 1 else s for n, s in zip(batch.points, problem.stride, strict=True)]
    return launch(
        *(specialization, batch.size * batch.outputs[0], (BLOCK, 1, 1), 0),
        Argument("tiles", "transform", dict(specialization.types)["acc_t"]),
        array("image", "image", specialization),
        array("weights", "weights", specialization),
        array("out", "out", specialization),
        *_counted(batch),
        *longs(outputs_h=batch.outputs[0], outputs_w=batch.outputs[1], every_h=every[0], every_w=every[1]),
        *longs(**geometry(problem)),
        fill(problem, specialization),
    )


STEPS = (fft_load, fft_multiply, fft_store, fft_filter)


def transforms(problem: Problem, facts: Facts, cut: Tiles) -> tuple[LaunchPlan, ...] | str:
    """The launches of the first batch, in order, and the one for the filter; or the sentence why there are none."""
    batch = batch_of(problem, cut)
    launches = tuple(step(batch, facts) for step in STEPS)
    refusal = next((found for found in launches if isinstance(found, str)), None)
    return refusal or tuple(found for found in launches if isinstance(found, LaunchPlan))


def _unconverted(kernel: str, sums: str, out: str) -> Specialization:
    """A kernel that reads no image and converts nothing."""
    types = (("image_t", sums), ("out_t", out), ("acc_t", sums))
    constants = ("BOUNDARY", "ROUNDING", "SATURATE", "SKIP_ZERO_TAPS")
    return Specialization(kernel, types, (("BLOCK", BLOCK), *((name, 0) for name in constants)))


def _counted(batch: Batch) -> tuple[Argument, ...]:
    """The first tile of a batch (0; the backend counts on), how many there are, and how they lie."""
    tiles = batch.tiles
    return *longs(first=0, count=batch.count, tiles_h=tiles[0], tiles_w=tiles[1]), *batch.pitches
