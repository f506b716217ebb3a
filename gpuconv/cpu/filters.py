"""Plain filters: from a plan and its arrays to jobs."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.conversion import convert
from gpuconv.cpu import fft, pool
from gpuconv.cpu.parts import Part, complex_parts, of_axes, parts_in_passes, real_parts
from gpuconv.cpu.recipe import component
from gpuconv.cpu.rows import storable
from gpuconv.cpu.target import host
from gpuconv.planning.costs import products_of
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Problem
from gpuconv.threads import get_num_threads

STRIP_VALUES = 1 << 18  # outputs that NumPy converts at a time
LEAST_SECONDS = 0.3e-3  # less work is not worth waking a thread for
RATE = 5e9  # products a second of each lane of a vector, roughly
BANDWIDTH = 40e9  # bytes read or written a second, in the cache of so little work


@dataclass(frozen=True)
class Ready:
    """A filter with everything but its arrays, for images and outputs of certain shapes and strides."""

    parts: Callable[[int], tuple[Part, ...]]  # of a number of threads
    worth_threads: bool
    instead: "Ready | fft.Ready | None" = None  # for data with nan or infinities

    def run(self, image: np.ndarray, out: np.ndarray) -> None:
        """Compute; the two must not overlap."""
        threads = get_num_threads() if self.worth_threads else 1
        for part in self.parts(threads):
            job = part.job.run_on(image, out, part.offset)
            pool.run(part.driver, job, threads)
            if self.instead and job["not_finite"]:
                self.instead.run(image, out)

    @property
    def workspace_bytes(self) -> int:
        """Scratch memory, which every thread keeps for its next call."""
        threads = get_num_threads() if self.worth_threads else 1
        own = threads * max(part.job.scratch_bytes for part in self.parts(threads))
        return max(own, self.instead.workspace_bytes if self.instead else 0)


def compute(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    """Compute a plain filter into `out`, whatever overlaps it."""
    direct = is_direct(plan)
    in_place = not np.may_share_memory(operands.image, out) and (direct or plan.problem.overflow != "raise")
    target = out if in_place else np.empty(out.shape, out.dtype)
    if direct:
        prepare(plan, operands, target).run(operands.image, target)
    else:
        _compute_strips(plan, operands, target)
    if not in_place:
        out[...] = target


def is_direct(plan: Plan) -> bool:
    """Whether kernels write the output themselves, so that NumPy has nothing to convert."""
    problem, out = plan.problem, plan.problem.out_dtype
    if (out.kind == "c") != (plan.accumulator.kind == "c"):
        return False
    return storable(component(plan.accumulator), component(out), problem.rounding, problem.overflow, host().half)


def prepare(plan: Plan, operands: Operands, out: np.ndarray) -> Ready | fft.Ready:
    """Make a plan ready whose output kernels can write; of image and output, shapes and strides count alone."""
    return _ready(plan.problem, plan, operands, out)


def _compute_strips(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    """Compute accumulators, some rows at a time, and let NumPy convert them."""
    real = out
    if out.dtype.kind == "c" and plan.accumulator.kind != "c":
        out.imag[...] = 0
        real = out.real
    for part, values in _strips(plan.problem, real, plan.accumulator):
        _ready(part, plan, operands, values).run(operands.image, values)


def _strips(problem: Problem, out: np.ndarray, dtype: DType) -> Iterator[tuple[Problem, np.ndarray]]:
    """Cut the output along its first spatial axis; each strip is a problem, and what it yields is then converted."""
    axis = len(problem.batch) + 1
    rows = max(1, STRIP_VALUES * out.shape[axis] // out.size)
    for top in range(0, out.shape[axis], rows):
        index: Any = (slice(None),) * axis + (slice(top, top + rows),)
        strip = out[index]
        values = np.empty(strip.shape, dtype)
        yield _rows(problem, top, strip.shape[axis], dtype), values
        strip[...] = convert(values, out.dtype, problem.rounding, problem.overflow)


def _rows(problem: Problem, top: int, count: int, dtype: DType) -> Problem:
    """Some rows of the output of a problem, not converted yet."""
    before = problem.pad_before[0] - top * problem.stride[0]
    reach = problem.dilation[0] * (problem.filter[0] - 1)
    after = (count - 1) * problem.stride[0] + reach + 1 - problem.extent[0] - before
    pad_before, pad_after = (before, *problem.pad_before[1:]), (after, *problem.pad_after[1:])
    return replace(problem, out_dtype=dtype, pad_before=pad_before, pad_after=pad_after)


def _ready(problem: Problem, plan: Plan, operands: Operands, out: np.ndarray) -> Ready | fft.Ready:
    if plan.algorithm == "fft":
        return _transformed(problem, plan, operands, out)
    image, weights, _, factors = operands.on_host(plan.accumulator)
    if plan.algorithm != "separable" and factors:
        weights, factors = operands.full_weights().astype(plan.accumulator), ()
    strides, work = image.strides + out.strides, problem.multiply_adds
    parts: Callable[[int], tuple[Part, ...]]
    instead: Ready | fft.Ready | None = None
    if plan.terms:
        low_rank = plan.algorithm == "low_rank"
        passes = tuple(pass_.T for pass_ in operands.terms) if low_rank else of_axes(problem, factors)
        work = products_of(problem, plan.terms)
        parts = partial(parts_in_passes, problem, passes, strides, low_rank)
        instead = _ready(problem, plan.instead, operands, out) if plan.instead else None
    elif plan.accumulator.kind == "c":
        work *= 4 if image.dtype.kind == "c" else 2
        parts = partial(complex_parts, problem, weights[0, 0], strides)
    else:
        parts = partial(real_parts, problem, weights[0, 0], strides)
    seconds = work / (RATE * host().lanes(plan.accumulator.itemsize)) + (image.nbytes + out.nbytes) / BANDWIDTH
    return Ready(functools.lru_cache(maxsize=4)(parts), seconds > LEAST_SECONDS, instead)


def _transformed(problem: Problem, plan: Plan, operands: Operands, out: np.ndarray) -> fft.Ready:
    """A filter by transforms; by sums where the data turns out not to be finite."""
    assert plan.tiles is not None
    assert plan.instead is not None
    weights = operands.full_weights().astype(plan.accumulator)[0, 0]
    instead = _ready(problem, plan.instead, operands, out)
    return fft.prepare(problem, plan.tiles.points, weights, operands.image.strides + out.strides, instead)
