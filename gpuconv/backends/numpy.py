"""The NumPy backend: always there, every rank, dtype and boundary.

The output is computed in blocks that fit the cache, by some threads. For each block the image under it is gathered
once, boundary applied and cast to the accumulator. Memory does not grow with image x taps.
"""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gpuconv.arrays import Operands, View
from gpuconv.backends import numpy_sums, numpy_workers
from gpuconv.backends.boundary import load
from gpuconv.backends.numpy_fft import Convolver
from gpuconv.backends.numpy_gradient import weight_gradient
from gpuconv.conversion import convert
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Box, boxes, window
from gpuconv.planning.planner import Plan
from gpuconv.planning.transforms import SIZES
from gpuconv.problem import Problem

BLOCK_VALUES = 1 << 16  # accumulators a block, so that a block stays in the cache
LONGEST = 1 << 13  # of them in a row, where there are rows

Index = tuple[slice | int, ...]


def unavailable() -> str | None:
    """NumPy is always there."""
    return None


def describe() -> str:
    """Version, for reports."""
    return f"NumPy {np.__version__}"


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Arrays on a device stay there."""
    return "the numpy backend computes host arrays only" if facts.image_place == "device" else None


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    assert isinstance(out, np.ndarray)
    if plan.problem.op == "weight_gradient":
        weight_gradient(plan, operands, out)
    elif plan.problem.overflow != "raise" and not np.may_share_memory(operands.image, out):
        Ready(plan, operands, out).compute(operands.image, out)
    else:
        result = np.empty(out.shape, out.dtype)
        Ready(plan, operands, result).compute(operands.image, result)
        out[...] = result


def prepare(plan: Plan, operands: Operands, out: View) -> "Ready | None":
    """Make a plan ready for many images; None where the result must be looked at before it is written."""
    if plan.problem.op == "weight_gradient" or plan.problem.overflow == "raise":
        return None
    return Ready(plan, operands, out)


class Ready:
    """A plan that lacks nothing but image and output, as strided as those that it is made with."""

    def __init__(self, plan: Plan, operands: Operands, out: np.ndarray) -> None:
        self.problem, self.sums = plan.problem, plan.accumulator
        self.views = [(view.shape, view.strides) for view in (operands.image, out)]
        _, self.weights, self.bias, self.factors = operands.on_host(plan.accumulator)
        if plan.algorithm != "separable" and self.factors:
            self.weights, self.factors = operands.full_weights().astype(plan.accumulator), ()
        terms = operands.terms if plan.algorithm == "low_rank" else ()
        self.terms = [(column, row) for column, row in zip(*terms, strict=True)] if terms else []
        self.convolver = Convolver(plan, self.weights) if plan.tiles else None
        self.jobs = list(boxes(plan.problem, plan.tiles) if plan.tiles else _blocks(plan.problem))

    @property
    def workspace_bytes(self) -> int:
        """Memory of one block: image, products and sums, or tiles and their spectra."""
        values = BLOCK_VALUES if self.convolver is None else 4 * SIZES["numpy"].most
        return 3 * values * self.sums.itemsize

    def run(self, image: np.ndarray, out: np.ndarray) -> None:
        """Compute from and into arrays whose first elements stand where those of the views did."""
        (shape, strides), (out_shape, out_strides) = self.views
        views = np.lib.stride_tricks.as_strided
        self.compute(views(image, shape, strides), views(out, out_shape, out_strides))

    def compute(self, image: np.ndarray, out: np.ndarray) -> None:
        """Compute from and into views in the engine's order."""
        numpy_workers.each(partial(self._block, image, out), self.jobs)

    def _block(self, image: np.ndarray, out: np.ndarray, job: tuple[Index, Box]) -> None:
        """Compute one block of the output."""
        problem, (batch, box) = self.problem, job
        part: Any = out[(*batch, slice(None), *(slice(*range_) for range_ in box))]
        sums = self.convolver(image[batch], box) if self.convolver else None
        if sums is None:  # no transforms, or one of nan or infinity
            empty = partial(numpy_workers.scratch, "block")
            block = load(image[batch], window(problem, box), problem.boundary, problem.fill, self.sums, empty)
            sums = self._sums(block, part)
        if self.bias is not None:
            sums += self.bias.reshape(-1, *(1,) * problem.rank)
        if problem.op == "magnitude":
            sums = np.sqrt(np.square(sums, out=sums).sum(axis=-problem.rank - 1, keepdims=True))
        if sums is not part:
            part[...] = convert(sums, problem.out_dtype, problem.rounding, problem.overflow)

    def _sums(self, block: np.ndarray, part: np.ndarray) -> np.ndarray:
        """The sums over a block, in `part` itself where that holds them."""
        rank = self.problem.rank
        shape = (*part.shape[: -rank - 1], self.problem.channels_out, *part.shape[-rank:])
        direct = part.dtype == self.sums and part.shape == shape and part.strides[-1] == part.itemsize
        sums = part if direct else numpy_workers.scratch("sums", shape, self.sums)
        if self.terms:
            found = numpy_sums.low_rank(self.problem, block, self.terms, sums)
            if np.isfinite(np.sum(found)):
                return found
        if self.factors:
            return numpy_sums.separable(self.problem, block, self.factors, sums)
        return numpy_sums.direct(self.problem, block, self.weights, sums)


def _blocks(problem: Problem) -> Iterator[tuple[Index, Box]]:
    """Cut the last batch axis and the output into blocks of about BLOCK_VALUES accumulators, rows as long as can be."""
    *outer, last = problem.batch or (1,)
    room = max(1, BLOCK_VALUES // max(1, problem.channels_out))
    steps: list[int] = []
    for n in reversed(problem.out_extent):
        steps.insert(0, max(1, min(n, room, LONGEST if not steps and problem.rank > 1 else n)))
        room = max(1, room // steps[0])
    ranges = [
        [(first, min(first + step, n)) for first in range(0, n, step)]
        for n, step in zip(problem.out_extent, steps, strict=True)
    ]
    images = room if all(len(parts) <= 1 for parts in ranges) else 1
    for index in np.ndindex(*outer):
        for first in range(0, last, images):
            batch = (*index, slice(first, first + images)) if problem.batch else ()
            for box in itertools.product(*ranges):
                yield batch, box
