"""How a plain filter is computed: its kernels, and the part of their job that repeated calls share."""

import functools
from dataclasses import dataclass

import numpy as np

from gpuconv.cpu.driver import filter_kernel
from gpuconv.cpu.jit import Kernel, address
from gpuconv.cpu.job import Job, Shape, divide, geometry
from gpuconv.cpu.layout import Layout, layout
from gpuconv.cpu.pool import Driver, driver
from gpuconv.cpu.rows import load_kernel, store_kernel
from gpuconv.cpu.target import host
from gpuconv.cpu.tiles import tile
from gpuconv.problem import DType, Ints, Problem

RING_BYTES = 384 * 1024  # of the second-level cache


@dataclass(frozen=True)
class Recipe:
    """Kernels, layout and job; the job is copied and completed by each call."""

    driver: Driver
    job: Job
    layout: Layout
    kind: str  # of the tile: "sliding", "taps" or "line"
    columns: np.ndarray  # for each tap of a row of weights, the bytes from the start of a slot to its first sample
    neighbours: bool  # whether these samples follow one another


@functools.lru_cache(maxsize=256)
def recipe(problem: Problem, code: str, *, separable: bool, listed: bool, strides: Ints, threads: int) -> Recipe:
    """Return how to compute a filter with accumulators `code`.

    `listed` asks for a list of taps; `strides` are the image's and then the output's.
    """
    lay = layout(problem, strides[: len(strides) // 2], strides[len(strides) // 2 :])
    kind = tile_kind(lay.rows.filter, lay.rows.stride, lay.rows.dilation, separable=separable, listed=listed)
    size, phased = int(code[1]), lay.columns.stride > 1
    width = 1 if separable else lay.columns.filter
    kernel = filter_kernel(code, kind, lay.rows.filter, width, line=separable, phased=phased)
    shape = Shape(tile(host(), code, kind).rows, host().lanes(size), size)
    image, out = component(problem.image_dtype), component(problem.out_dtype)
    job = geometry(problem, lay, shape, 2 if problem.image_dtype.kind == "c" else 1)
    divide(job, lay, shape, threads, RING_BYTES)
    job.set(load=address(load_kernel(image, code)), image_plane=int(image[1]))
    job.set(borrow=int(image == code and job["planes"] == job["stride_w"] == 1 and job["image_element"] == size))
    if _staged(lay, code, out, job, shape):
        job.set(store=address(store_kernel(code, out, problem.rounding, problem.overflow)))
    taps = np.arange(lay.columns.filter) * lay.columns.dilation
    phase, position = taps % lay.columns.stride, taps // lay.columns.stride
    neighbours = lay.columns.dilation == lay.columns.stride == lay.inner.extent == 1
    return Recipe(
        driver=driver(address(kernel)),
        job=job,
        layout=lay,
        kind=kind,
        columns=phase * job["part_bytes"] + position * lay.inner.extent * size,
        neighbours=neighbours,
    )


def tile_kind(filter_h: int, stride_h: int, dilation_h: int, *, separable: bool, listed: bool) -> str:
    """Return the tile that computes a filter."""
    if not separable and filter_h == 1 and not listed:
        return "line"
    return "taps" if listed or stride_h > 1 or dilation_h > 1 else "sliding"


def component(dtype: DType) -> str:
    """Code of the numbers that a dtype is made of: f4 for complex64, u1 for bool."""
    if dtype.kind == "c":
        return f"f{dtype.itemsize // 2}"
    return "u1" if dtype.kind == "b" else dtype.str[1:]


def _staged(lay: Layout, code: str, out: str, job: Job, shape: Shape) -> bool:
    """Whether tiles cannot write the output themselves: another dtype, strides, or less than a vector."""
    narrowest = lay.columns.out_extent // job["blocks_w"] * lay.inner.extent
    return code != out or job["out_element"] != shape.size or narrowest < shape.lanes
