"""How a plain filter is computed: its kernels, and the part of their job that repeated calls share."""

import functools
from dataclasses import dataclass

import numpy as np

from gpuconv.cpu.jit import address
from gpuconv.cpu.job import Job, Shape, divide, geometry
from gpuconv.cpu.kernels import choose
from gpuconv.cpu.layout import Axis, Layout, layout
from gpuconv.cpu.line import Line, ShortLine
from gpuconv.cpu.pool import Driver, driver
from gpuconv.cpu.rows import load_kernel, store_kernel
from gpuconv.cpu.target import host
from gpuconv.cpu.tiles import Small
from gpuconv.cpu.volume_job import divide_volume, set_slices
from gpuconv.problem import DType, Ints, Problem

RING_BYTES = 384 * 1024  # of the second-level cache
LINE_BYTES = 16 * 1024  # of the first-level cache, for a filter along one row


@dataclass(frozen=True)
class Recipe:
    """Driver and job; each call copies the job and adds its arrays."""

    driver: Driver
    job: Job
    tap_rows: np.ndarray  # for each row of weights, of each of their slices, its place in the table of rows
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
    axes = [axis for axis in (lay.slices, lay.rows, lay.columns) if axis]
    steps = (tuple(getattr(axis, name) for axis in axes) for name in ("filter", "stride", "dilation"))
    rounded = rounds_products(problem)
    found = choose(code, *steps, terms=terms, checked=checked, listed=listed, near=is_near(lay), rounded=rounded)
    shape = Shape(found.tile.rows, host().lanes(int(code[1])), int(code[1]))
    job = geometry(problem, lay, shape, 2 if problem.image_dtype.kind == "c" else 1)
    if lay.slices:
        set_slices(job, problem, lay.slices, found.slices)
        divide_volume(job, lay, shape, threads, found.slices, passes=terms > 0)
    else:
        divide(job, lay, shape, threads, LINE_BYTES if found.kind == "line" else RING_BYTES, max(terms, 1))
    job.point(fill=np.full(1, problem.fill, dtype))
    in_place = not terms and not lay.slices and isinstance(found.tile, Small | Line | ShortLine)
    _set_rows(job, problem, lay, code, shape, borrow=in_place)
    return Recipe(driver(address(found.kernel)), job, *_set_taps(job, lay, shape, found.kind, terms))


def _set_taps(job: Job, lay: Layout, shape: Shape, kind: str, terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the taps read; of each row of weights its place in the table of rows, and the columns of its taps."""
    columns = _columns(job, lay.columns, lay.inner.extent * shape.size)
    rows = np.arange(lay.rows.filter) * lay.rows.dilation
    if lay.slices and not terms:
        rows = np.add.outer(np.arange(lay.slices.filter) * job["span"], rows).ravel()
    rows *= 8
    prefix = "line_" if terms else ""
    job.point(**{f"{prefix}tap_columns": columns})
    job.set(**{f"{prefix}taps": lay.columns.filter, f"{prefix}paired": int(is_near(lay))})
    if terms:  # the tile sees a column of each term, already filtered
        job.set(weights_row=terms * shape.size, filter_w=terms)
    if kind == "taps" or terms:
        across = np.arange(terms) * job["part_bytes"] if terms else columns
        list_taps(job, np.repeat(rows, len(across)), np.tile(across, len(rows)))
    return rows, columns


def is_near(lay: Layout) -> bool:
    """Whether the taps of a row of weights read neighbouring samples."""
    return lay.columns.dilation == lay.columns.stride == lay.inner.extent == 1


def list_taps(job: Job, rows: np.ndarray, columns: np.ndarray) -> None:
    """Give a job its list of taps: the places in the table of rows and in a slot of each."""
    job.point(tap_rows=rows, tap_columns=columns)
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


def rounds_products(problem: Problem) -> bool:
    """Whether each product is rounded before it is added: the sums of scipy.ndimage, to the bit."""
    return problem.skip_zero_taps and problem.compute_dtype.kind in "fc"


def component(dtype: DType) -> str:
    """Code of the numbers that a dtype is made of: f4 for complex64, u1 for bool."""
    if dtype.kind == "c":
        return f"f{dtype.itemsize // 2}"
    return "u1" if dtype.kind == "b" else dtype.str[1:]
