"""Launches around cuFFT's transforms: tiles are loaded, their spectra multiplied, their outputs stored."""

import math
from dataclasses import dataclass

from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import as_planes, fill, launch, longs, specialize
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Tiles
from gpuconv.problem import Ints, Problem

BLOCK = 128
BATCH_POINTS = 1 << 22  # samples that are transformed at once


@dataclass(frozen=True)
class Batch:
    """Tiles that are transformed at once, as images of two axes."""

    problem: Problem
    count: int  # tiles in all
    size: int  # of the batch
    tiles: Ints  # of an image, down and across
    points: Ints  # of a transform; 1: none along that axis
    span: Ints  # samples of a tile
    outputs: Ints  # of a tile

    @property
    def axes(self) -> Ints:
        """The transformed axes of (tiles, down, across)."""
        return tuple(axis + 1 for axis, n in enumerate(self.points) if n > 1)

    @property
    def spectrum_shape(self) -> Ints:
        """Of a batch: the last transformed axis is halved."""
        last = self.axes[-1] - 1
        return (self.size, *(n // 2 + 1 if axis == last else n for axis, n in enumerate(self.span)))


def batch_of(problem: Problem, cut: Tiles) -> Batch:
    """The batches of a plan: all of one size, so that cuFFT plans once."""
    points, outputs = ((1,) * (2 - problem.rank) + values for values in (cut.points, cut.outputs))
    problem = as_planes(problem)
    tiles = tuple(ceil_div(n, o) for n, o in zip(problem.out_extent, outputs, strict=True))
    span = tuple(o if n == 1 else n for n, o in zip(points, outputs, strict=True))
    count = problem.images * math.prod(tiles)
    size = min(count, max(1, BATCH_POINTS // math.prod(span)))
    return Batch(problem, count, size, tiles, points, span, outputs)


def fft_load(batch: Batch, facts: Facts) -> LaunchPlan | str:
    """Cut tiles from the image."""
    problem = batch.problem
    specialization = specialize("fft_load", problem, facts, BLOCK=BLOCK)
    steps = [o * s for o, s in zip(batch.outputs, problem.stride, strict=True)]
    every = [s if n == 1 else 1 for n, s in zip(batch.points, problem.stride, strict=True)]
    types = dict(specialization.types)
    return launch(
        *(specialization, batch.size * batch.span[0], (BLOCK, 1, 1), 0),
        Argument("image", "image", types["image_t"]),
        Argument("tiles", "transform", types["acc_t"]),
        *_counted(batch),
        *longs(step_h=steps[0], step_w=steps[1], every_h=every[0], every_w=every[1]),
        *longs(height=problem.extent[0], width=problem.extent[1]),
        *longs(pad_h=problem.pad_before[0], pad_w=problem.pad_before[1]),
        fill(problem, specialization),
    )


def fft_multiply(batch: Batch, facts: Facts) -> LaunchPlan | str:
    """Multiply the spectra by that of the filter."""
    specialization = specialize("fft_multiply", batch.problem, facts, BLOCK=BLOCK)
    specialization = Specialization("fft_multiply", specialization.types, specialization.constants)
    shape, values = batch.spectrum_shape, math.prod(batch.spectrum_shape)
    columns = batch.span[1] if batch.points[1] == 1 else 1
    size = math.prod(n for n, points in zip(shape[1:], batch.points, strict=True) if points > 1)
    type_ = dict(specialization.types)["acc_t"]
    return launch(
        *(specialization, ceil_div(values, BLOCK), (BLOCK, 1, 1), 0),
        Argument("spectra", "transform", type_),
        Argument("filter", "transform", type_),
        *longs(values=values, size=size, columns=columns),
    )


def fft_store(batch: Batch, facts: Facts) -> LaunchPlan | str:
    """Put the outputs of the tiles into the result."""
    problem = batch.problem
    specialization = specialize("fft_store", problem, facts, BLOCK=BLOCK)
    every = [1 if n == 1 else s for n, s in zip(batch.points, problem.stride, strict=True)]
    types = dict(specialization.types)
    return launch(
        *(specialization, batch.size * batch.outputs[0], (BLOCK, 1, 1), 0),
        Argument("tiles", "transform", types["acc_t"]),
        Argument("out", "out", types["out_t"]),
        Argument("spoiled", "transform", "int"),
        *_counted(batch),
        *longs(outputs_h=batch.outputs[0], outputs_w=batch.outputs[1], every_h=every[0], every_w=every[1]),
        *longs(out_h=problem.out_extent[0], out_w=problem.out_extent[1]),
    )


STEPS = (fft_load, fft_multiply, fft_store)


def transforms(problem: Problem, facts: Facts, cut: Tiles) -> tuple[LaunchPlan, ...] | str:
    """All launches of a batch, in order; or the sentence why there are none."""
    batch = batch_of(problem, cut)
    launches = tuple(step(batch, facts) for step in STEPS)
    refusal = next((found for found in launches if isinstance(found, str)), None)
    return refusal or tuple(found for found in launches if isinstance(found, LaunchPlan))


def _counted(batch: Batch) -> tuple[Argument, ...]:
    """The first tile of a batch (0; the backend counts on), and how many there are."""
    tiles, span = batch.tiles, batch.span
    return longs(first=0, count=batch.count, tiles_h=tiles[0], tiles_w=tiles[1], span_h=span[0], span_w=span[1])
