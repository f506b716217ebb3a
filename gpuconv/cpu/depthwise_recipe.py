"""Which depthwise layers are computed from the image where it lies, and their jobs."""

import functools
from collections.abc import Iterator

import numpy as np

from gpuconv.cpu.depthwise import ROWS, columns_of
from gpuconv.cpu.depthwise_pixels import pixels_kernel
from gpuconv.cpu.depthwise_planes import planes_kernel
from gpuconv.cpu.jit import Kernel, address
from gpuconv.cpu.layer_geometry import BLOCKS, axes_of, set_batch, set_image
from gpuconv.cpu.layer_job import LayerJob
from gpuconv.cpu.layer_recipes import Recipe, is_depthwise, shape_of
from gpuconv.cpu.layout import Axis
from gpuconv.cpu.pool import driver
from gpuconv.cpu.target import host
from gpuconv.cpu.tiles import WIDEST
from gpuconv.planning.facts import Layout
from gpuconv.problem import DType, Ints, Problem

TALLEST = 7  # rows of a filter: the weights of a column fit the registers
LONGEST = 1 << 30  # columns of a plane, whose numbers a kernel holds in 32 bits
LEAST_BITS = 256  # of a vector: shorter ones have no instruction that loads some lanes
NEAR = 3  # columns of a filter, up to which neighbouring samples come by shuffles
AHEAD = 4096  # bytes, at least, that are asked for before they are read


def in_place(problem: Problem, dtype: DType, strides: Ints) -> str | None:
    """Return "planes" or "pixels", the kernel that reads an image of these strides where it lies, or None."""
    if not (is_depthwise(problem) and dtype == problem.image_dtype == problem.out_dtype):
        return None
    image, out = strides[: len(strides) // 2], strides[len(strides) // 2 :]
    rows, columns = axes_of(problem, image, out)
    channel, size = len(problem.batch), dtype.itemsize
    if rows.filter > TALLEST or host().bits < LEAST_BITS or not _zeros(problem, columns):
        return None
    lanes = host().lanes(size)
    if image[channel] == out[channel] == size <= columns.image_step:
        return "pixels" if lanes <= problem.channels_in == problem.channels_out else None
    wide = 3 * lanes <= 4 * columns.out_extent and max(columns.extent, columns.window) < LONGEST
    return "planes" if wide and columns.image_step == columns.out_step == size and columns.stride == 1 else None


def dense_strides(problem: Problem, layouts: tuple[Layout, Layout]) -> Ints:
    """Bytes from element to element of a dense image and a dense output of these layouts."""
    found: Ints = ()
    images = problem.image_shape, problem.image_dtype
    for (shape, dtype), layout in zip((images, (problem.out_shape, problem.out_dtype)), layouts, strict=True):
        last, channel = layout == "channels_last", len(problem.batch)
        order = [*(a for a in range(len(shape)) if a != channel), channel] if last else range(len(shape))
        strides, step = dict.fromkeys(order, 0), dtype.itemsize
        for axis in reversed(list(order)):
            strides[axis], step = step, step * shape[axis]
        found += tuple(strides[axis] for axis in range(len(shape)))
    return found


def _zeros(problem: Problem, columns: Axis) -> bool:
    """Whether all that lies beyond the ends of a row is zeros."""
    outside = columns.before > 0 or columns.window - columns.before > columns.extent
    return not outside or (problem.boundary == "constant" and problem.fill == 0)


def in_place_kernel_of(problem: Problem, dtype: DType, kind: str) -> Kernel:
    """Return the kernel of a kind."""
    filter_h, stride_h, dilation_h = ((1, *each)[-2] for each in (problem.filter, problem.stride, problem.dilation))
    rows = dtype.str[1:].replace("u", "i"), filter_h, stride_h, dilation_h
    if kind == "pixels":
        return pixels_kernel(*rows)
    return planes_kernel(*rows, near_columns(problem.filter[-1]) if problem.dilation[-1] == 1 else 0)


def near_columns(filter_w: int) -> int:
    """Columns of a filter as they are compiled in, for shuffles; 0: any.

    Where a vector is as long as a cache line nearly every load touches two, and shuffles are cheaper.
    """
    return filter_w if host().bits == WIDEST and 1 < filter_w <= NEAR else 0


def default_in_place_kernels(code: str) -> Iterator[Kernel]:
    """Yield the kernels of usual filters."""
    for size in (3, 5, 7) if host().bits >= LEAST_BITS else ():
        yield pixels_kernel(code, size, 1, 1)
        yield pixels_kernel(code, size, 2, 1)
        yield planes_kernel(code, size, 1, 1, near_columns(size))


@functools.lru_cache(maxsize=256)
def in_place_recipe(problem: Problem, dtype: DType, strides: Ints, kind: str, threads: int) -> Recipe:
    """Return how to compute such a layer; `strides` are the image's and then the output's."""
    image, out = strides[: len(strides) // 2], strides[len(strides) // 2 :]
    rows, columns = axes_of(problem, image, out)
    job, channel = LayerJob(), len(problem.batch)
    set_image(job, problem, rows, columns, (rows.window, columns.window))
    set_batch(job, problem.batch, image=image, out=out)
    job.set(out_row=rows.out_step, out_pixel=columns.out_step, out_channel=out[channel])
    job.set(all_outputs=problem.channels_out, taps=rows.filter * columns.filter)
    inputs = np.arange(problem.channels_out) // (problem.channels_out // problem.channels_in)
    nothing = columns.reach + 1 + max(columns_of(host())) * host().lanes(dtype.itemsize)
    if kind == "pixels":
        last = (columns.extent - 1) * columns.image_step  # bytes to the last pixel, which may overlap the one before
        nothing = -(-last // dtype.itemsize) + host().lanes(dtype.itemsize)
    job.point(tap_offsets=np.arange(columns.filter) * (columns.dilation * columns.image_step))
    job.point(channels=inputs * image[channel], fill=np.full(nothing, problem.fill.real, dtype))
    job.set(**ahead(kind, rows))
    parts = problem.images * (1 if kind == "pixels" else problem.channels_out)
    missing = -(-BLOCKS * threads // parts) if threads > 1 else 1
    down = max(1, min(missing, rows.out_extent // ROWS))
    job.set(items=parts * down, blocks_h=down)
    return Recipe(driver(address(in_place_kernel_of(problem, dtype, kind))), job, shape_of(problem, dtype))


def ahead(kind: str, rows: Axis) -> dict[str, int]:
    """Bytes from what is read and written to what is worth asking for."""
    steps = {"ahead": rows.image_step * rows.stride, "out_ahead": rows.out_step}
    least = 2 * ROWS if kind == "planes" else ROWS  # rows; those of pixels are long
    return {name: step * max(least, -(-AHEAD // max(1, abs(step)))) for name, step in steps.items()}


def planes_order(weights: np.ndarray) -> np.ndarray:
    """Order (channels, 1, *filter) by channel, column, row."""
    return np.ascontiguousarray(np.moveaxis(weights.reshape(len(weights), -1, weights.shape[-1]), 1, 2))


def pixels_order(weights: np.ndarray, lanes: int) -> np.ndarray:
    """Order (channels, 1, *filter) by vector of channels, column, row, channel; the last overlaps the one before."""
    first = np.minimum(np.arange(0, len(weights), lanes), len(weights) - lanes)
    taps = planes_order(weights).reshape(len(weights), -1)
    return np.ascontiguousarray(taps[np.add.outer(first, np.arange(lanes))].transpose(0, 2, 1))
