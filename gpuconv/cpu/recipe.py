"""How a plain filter is computed: its kernels, and the part of their job that repeated calls share."""

import functools
from dataclasses import dataclass

import numpy as np

from gpuconv.cpu.driver import filter_kernel
from gpuconv.cpu.jit import address
from gpuconv.cpu.job import Job, Shape, divide, geometry
from gpuconv.cpu.layout import Axis, Layout, layout
from gpuconv.cpu.line import Line, ShortLine
from gpuconv.cpu.pool import Driver, driver
from gpuconv.cpu.rows import load_kernel, store_kernel
from gpuconv.cpu.target import host
from gpuconv.cpu.tiles import Small
from gpuconv.problem import DType, Ints, Problem

RING_BYTES = 384 * 1024  # of the second-level cache
LINE_BYTES = 16 * 1024  # of the first-level cache, for a filter along one row


@dataclass(frozen=True)
class Recipe:
    """Driver and job; each call copies the job and adds its arrays."""

    driver: Driver
    job: Job
    rows: Axis
    columns: np.ndarray  # for each tap of a row of weights, the bytes from the start of a slot to its first sample


@functools.lru_cache(maxsize=256)
def recipe(
    problem: Problem, dtype: DType, *, terms: int, checked: bool, listed: bool, strides: Ints, threads: int
) -> Recipe:
    """Return how to compute a filter with accumulators (or parts of complex ones) of a dtype.

    `terms` outer products are computed in passes (0: none, all taps at once), and outputs looked at if `checked`;
    `listed` asks for a list of taps; `strides` are the image's and then the output's.
    """
    code, lay = component(dtype), layout(problem, strides[: len(strides) // 2], strides[len(strides) // 2 :])
    kind = tile_kind(lay.rows.filter, lay.rows.stride, lay.rows.dilation, separable=terms > 0, listed=listed)
    width, line = (terms, lay.columns.filter) if terms else (lay.columns.filter, 0)
    near, phased = is_near(lay), lay.columns.stride > 1
    kernel, tile = filter_kernel(
        *(code, kind, lay.rows.filter, width), line=line, terms=max(terms, 1), checked=checked, phased=phased, near=near
    )
    shape = Shape(tile.rows, host().lanes(int(code[1])), int(code[1]))
    job = geometry(problem, lay, shape, 2 if problem.image_dtype.kind == "c" else 1)
    divide(job, lay, shape, threads, LINE_BYTES if kind == "line" else RING_BYTES, max(terms, 1))
    job.point(fill=np.full(1, problem.fill, dtype))
    _set_rows(job, problem, lay, code, shape, borrow=not terms and isinstance(tile, Small | Line | ShortLine))
    return Recipe(driver(address(kernel)), job, lay.rows, _set_taps(job, lay, shape, kind, terms))


def _set_taps(job: Job, lay: Layout, shape: Shape, kind: str, terms: int) -> np.ndarray:
    """Where the taps read; the columns of one row of weights are returned."""
    columns = _columns(job, lay.columns, lay.inner.extent * shape.size)
    prefix = "line_" if terms else ""
    job.point(**{f"{prefix}tap_columns": columns})
    job.set(**{f"{prefix}taps": lay.columns.filter, f"{prefix}paired": int(is_near(lay))})
    if terms:  # the tile sees a column of each term, already filtered
        job.set(weights_row=terms * shape.size, filter_w=terms)
    if kind == "taps" or terms:
        across = np.arange(terms) * job["part_bytes"] if terms else columns
        r = np.repeat(np.arange(lay.rows.filter), len(across))
        list_taps(job, lay.rows, r, np.tile(across, lay.rows.filter))
    return columns


def is_near(lay: Layout) -> bool:
    """Whether the taps of a row of weights read neighbouring samples."""
    return lay.columns.dilation == lay.columns.stride == lay.inner.extent == 1


def list_taps(job: Job, rows: Axis, r: np.ndarray, columns: np.ndarray) -> None:
    """Give a job its list of taps: the row of the weights and the place in a slot of each."""
    job.point(tap_rows=r * (8 * rows.dilation), tap_columns=columns)
    job.set(taps=len(columns))


def _columns(job: Job, columns: Axis, pixel: int) -> np.ndarray:
    """Where in a slot each tap of a row begins: the phase of its distance, and the pixels before it."""
    distance = np.arange(columns.filter) * columns.dilation
    return distance % columns.stride * job["part_bytes"] + distance // columns.stride * pixel


def _set_rows(job: Job, problem: Problem, lay: Layout, code: str, shape: Shape, *, borrow: bool) -> None:
    """How rows are loaded and stored: converted by kernels, or read and written by the tiles themselves."""
    image, out = component(problem.image_dtype), component(problem.out_dtype)
    packed = job["planes"] == job["stride_w"] == 1 and job["image_element"] == shape.size and image == code
    job.set(load=address(load_kernel(image, code)), image_plane=int(image[1]), borrow=int(borrow and packed))
    narrowest = lay.columns.out_extent // job["blocks_w"] * lay.inner.extent
    if code != out or job["out_element"] != shape.size or narrowest < shape.lanes:
        job.set(store=address(store_kernel(code, out, problem.rounding, problem.overflow)))


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
