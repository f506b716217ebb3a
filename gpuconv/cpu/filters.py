"""Plain filters: from a plan and its arrays to jobs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.conversion import convert
from gpuconv.cpu import pool
from gpuconv.cpu.job import Job
from gpuconv.cpu.recipe import Recipe, component, list_taps, recipe
from gpuconv.cpu.rows import storable
from gpuconv.cpu.target import host
from gpuconv.planner import Plan
from gpuconv.problem import DType, Problem
from gpuconv.threads import get_num_threads

STRIP_VALUES = 1 << 18  # outputs that NumPy converts at a time
LEAST_SECONDS = 0.3e-3  # less work is not worth waking a thread for
RATE = 40e9  # products of 4 bytes a second on one thread, roughly
BANDWIDTH = 20e9  # bytes read or written a second


def compute(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    """Compute a plain filter into `out`, whatever overlaps it."""
    image, weights, _, factors = operands.on_host(plan.accumulator)
    problem = plan.problem
    if image.dtype.kind == "b":
        image = image.view(np.uint8)
    if plan.algorithm != "separable" and factors:
        weights, factors = operands.full_weights().astype(plan.accumulator), ()
    codes = component(plan.accumulator), component(out.dtype)
    fused = storable(*codes, problem.rounding, problem.overflow, host().half)
    in_place = not np.may_share_memory(image, out) and (fused or problem.overflow != "raise")
    target = out if in_place else np.empty(out.shape, out.dtype)
    real = target  # what is computed of it
    if out.dtype.kind == "c" and plan.accumulator.kind != "c":
        target.imag[...] = 0
        real = target.real
    for part, values in [(problem, real)] if fused else _strips(problem, real, plan.accumulator):
        if factors:
            _separable(part, image, factors, values)
        elif plan.accumulator.kind == "c":
            _complex(part, image, weights[0, 0], values)
        else:
            _real(part, image, weights[0, 0], values)
    if not in_place:
        out[...] = target


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


def _real(problem: Problem, image: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """One filter; its taps are listed where some are left out."""
    sparse, work = problem.skip_zero_taps and not weights.all(), problem.multiply_adds
    job, found, threads = _job(problem, image, weights.dtype, out, work, listed=sparse)
    if sparse:
        weights = weights.reshape(found.rows.filter, -1)
        r, s = np.nonzero(weights)
        weights = weights[r, s]
        list_taps(job, found.rows, r, found.columns[s])
    job.point(weights=np.ascontiguousarray(weights))
    pool.run(found.driver, job, threads)


def _separable(problem: Problem, image: np.ndarray, factors: tuple[np.ndarray, ...], out: np.ndarray) -> None:
    """Each row of the image is filtered along itself as it is loaded, then the tile goes down the columns."""
    work = problem.multiply_adds * sum(problem.filter) // problem.taps
    job, found, threads = _job(problem, image, factors[0].dtype, out, work, separable=True)
    job.point(weights=factors[0], line_weights=factors[1])
    pool.run(found.driver, job, threads)


def _complex(problem: Problem, image: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Two real filters over two planes: the real and the imaginary part of the output."""
    planes = 2 if image.dtype.kind == "c" else 1
    kept = np.flatnonzero(weights) if problem.skip_zero_taps else np.arange(weights.size)
    taps = weights.ravel()[kept]
    for values, pair in ((out.real, (taps.real, -taps.imag)), (out.imag, (taps.imag, taps.real))):
        job, found, threads = _job(problem, image, taps.dtype, values, 2 * problem.multiply_adds, listed=True)
        r, s = np.divmod(kept, len(found.columns))
        plane = np.repeat(np.arange(planes), len(kept)) * job["part_bytes"] * job["stride_w"]
        list_taps(job, found.rows, np.tile(r, planes), np.tile(found.columns[s], planes) + plane)
        job.point(weights=np.concatenate(pair[:planes]))
        pool.run(found.driver, job, threads)


def _job(
    problem: Problem,
    image: np.ndarray,
    dtype: DType,
    out: np.ndarray,
    work: int,
    *,
    separable: bool = False,
    listed: bool = False,
) -> tuple[Job, Recipe, int]:
    """Return a job with its image and output, its recipe, and the threads that its work is worth."""
    threads = _threads(work, dtype.itemsize, image, out)
    found = recipe(
        problem, dtype, separable=separable, listed=listed, strides=image.strides + out.strides, threads=threads
    )
    job = found.job.copy()
    job.point(image=image, out=out)
    return job, found, threads


def _threads(work: int, size: int, image: np.ndarray, out: np.ndarray) -> int:
    """Threads for so many products of `size` bytes."""
    seconds = work * size / 4 / RATE + (image.nbytes + out.nbytes) / BANDWIDTH
    return get_num_threads() if seconds > LEAST_SECONDS else 1
