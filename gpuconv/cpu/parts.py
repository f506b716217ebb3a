"""The jobs of a plain filter: one, or two for complex weights; each with its weights, and without its arrays."""

from dataclasses import dataclass

import numpy as np

from gpuconv.cpu import pool
from gpuconv.cpu.job import Job
from gpuconv.cpu.recipe import Recipe, list_taps, recipe
from gpuconv.launches.cpu import filtered_axes
from gpuconv.problem import DType, Ints, Problem


@dataclass(frozen=True)
class Part:
    """A job without its arrays, and how many bytes into the output its own begins."""

    driver: pool.Driver
    job: Job
    offset: int = 0


def real_parts(problem: Problem, weights: np.ndarray, strides: Ints, threads: int) -> tuple[Part, ...]:
    """One filter; its taps are listed where some are left out."""
    sparse = problem.skip_zero_taps and not weights.all()
    found, job = _start(problem, weights.dtype, strides, threads, listed=sparse)
    if sparse:
        weights = weights.reshape(len(found.tap_rows), -1)
        r, s = np.nonzero(weights)
        weights = weights[r, s]
        list_taps(job, found.tap_rows[r], found.columns[s])
    job.point(weights=np.ascontiguousarray(weights))
    return (Part(found.driver, job),)


def of_axes(problem: Problem, factors: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """The factors of the axes that are filtered, each a column; those of one tap scale another."""
    filtered = filtered_axes(problem)
    first, *others = (factors[axis] for axis in (*filtered, problem.rank - 1))
    for axis in set(range(problem.rank - 1)).difference(filtered):
        first = first * factors[axis]
    return tuple(factor[:, None] for factor in (first, *others))


def parts_in_passes(
    problem: Problem, passes: tuple[np.ndarray, ...], strides: Ints, checked: bool, threads: int
) -> tuple[Part, ...]:
    """Each row of the image is filtered along itself as it is loaded, then the tile goes down the columns.

    The passes are those across the slices of a volume, down its columns, and along its rows; each has a term along its
    second axis.
    """
    *slices, columns, rows = map(np.ascontiguousarray, passes)
    found, job = _start(problem, columns.dtype, strides, threads, terms=columns.shape[1], checked=checked)
    job.point(weights=columns, line_weights=rows)
    if slices:
        job.point(slice_weights=slices[0])
    return (Part(found.driver, job),)


def complex_parts(problem: Problem, weights: np.ndarray, strides: Ints, threads: int) -> tuple[Part, ...]:
    """Two real filters over two planes: the real and the imaginary part of the output."""
    planes = 2 if problem.image_dtype.kind == "c" else 1
    kept = np.flatnonzero(weights) if problem.skip_zero_taps else np.arange(weights.size)
    taps = weights.ravel()[kept]
    parts = []
    for offset, pair in ((0, (taps.real, -taps.imag)), (problem.out_dtype.itemsize // 2, (taps.imag, taps.real))):
        found, job = _start(problem, taps.dtype, strides, threads, listed=True)
        r, s = np.divmod(kept, len(found.columns))
        plane = np.repeat(np.arange(planes), len(kept)) * job["part_bytes"] * job["stride_w"]
        list_taps(job, np.tile(found.tap_rows[r], planes), np.tile(found.columns[s], planes) + plane)
        job.point(weights=np.concatenate(pair[:planes]))
        parts.append(Part(found.driver, job, offset))
    return tuple(parts)


def _start(
    problem: Problem,
    dtype: DType,
    strides: Ints,
    threads: int,
    *,
    terms: int = 0,
    checked: bool = False,
    listed: bool = False,
) -> tuple[Recipe, Job]:
    """Return the recipe of a filter, and a job of its own."""
    passes = {"terms": terms, "checked": checked}
    found = recipe(problem, dtype, **passes, listed=listed, strides=strides, threads=threads)
    return found, found.job.copy()
