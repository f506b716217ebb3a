"""How a layer's gradient with respect to its weights is computed; see `layer_recipes`."""

import functools

import numpy as np

from gpuconv.cpu.jit import Kernel, address
from gpuconv.cpu.layer_geometry import (
    BLOCKS,
    PATCH_BYTES,
    Shape,
    lay_out,
    patch_bytes,
    set_batch,
    set_channels,
    set_image,
    set_patch,
    spatial_axes,
    tap_offsets,
)
from gpuconv.cpu.layer_gradient import VECTORS, at_once, gradient_kernel
from gpuconv.cpu.layer_gradient_store import set_runs
from gpuconv.cpu.layer_job import LayerJob
from gpuconv.cpu.layer_recipes import (
    Recipe,
    are_beside,
    channel_offsets,
    is_depthwise,
    kind_of,
    pairs,
    store_kernel_of,
)
from gpuconv.cpu.layout import Axis
from gpuconv.cpu.pool import driver
from gpuconv.cpu.target import host
from gpuconv.cpu.values import Lanes
from gpuconv.problem import DType, Ints, Problem


def gradient_kernel_of(problem: Problem, dtype: DType) -> Kernel:
    """Return the kernel that computes a gradient."""
    return gradient_kernel(dtype.str[1:], problem.image_dtype.str[1:], kind_of(problem))


@functools.lru_cache(maxsize=256)
def gradient_recipe(problem: Problem, dtype: DType, strides: Ints, threads: int) -> Recipe:
    """Return how to compute a gradient; `strides` are those of the image, the outputs' gradient and the result."""
    each = len(problem.weights_shape)
    image, grad, out = strides[:each], strides[each : 2 * each], strides[2 * each :]
    shape = _shape(problem, dtype)
    rows, columns = spatial_axes(problem, image, grad)
    job = LayerJob()
    set_channels(job, shape, channel_offsets(problem, shape, image), beside=are_beside(problem, image))
    set_image(job, problem, rows, columns, (rows.window, columns.window))
    set_batch(job, problem.batch, image=image, grad=grad)
    chunks = _chunks(shape, threads)
    height, width = _blocks(rows, columns, shape)
    down, across = -(-rows.out_extent // height), -(-columns.out_extent // width)
    set_patch(job, rows, columns, shape, height, width)
    job.set(images=problem.images, blocks_h=down, blocks_w=across, blocks_k=chunks)
    job.set(items=shape.groups * shape.wides * chunks, wides=shape.wides)
    job.set(outputs=shape.outputs, all_outputs=problem.channels_out)
    _set_grad(job, problem, rows, columns, grad, width)
    tap_outs = _list_taps(job, problem, shape, tap_offsets(rows, columns, shape, height, width), out)
    job.set(store=address(store_kernel_of(problem, dtype)))
    job.point(fill=np.full(1, problem.fill.real, dtype))
    chunk = 1 if kind_of(problem) != "dense" else -(-shape.depth_blocks // chunks) * shape.lanes
    if dtype == problem.out_dtype:
        outs = np.add.outer(tap_outs, np.arange(chunk) * out[1])
        set_runs(job, Lanes(dtype.str[1:], shape.lanes), shape.vectors, outs)
    sums = job["taps"] * chunk * shape.vectors * shape.vector
    job.set(depth_chunk=chunk, sums_bytes=sums)
    row = width * shape.vector
    job.set(grad_row_bytes=row, grad_block_bytes=row * height)
    patch = -(-patch_bytes(rows, columns, shape, height, width) // shape.depth_blocks) * -(
        -shape.depth_blocks // chunks
    )
    lay_out(job, patch=patch, grad_patch=row * height * shape.vectors, sums=sums)
    return Recipe(driver(address(gradient_kernel_of(problem, dtype))), job, shape)


def _shape(problem: Problem, dtype: DType) -> Shape:
    lanes = host().lanes(dtype.itemsize)
    if is_depthwise(problem):
        return Shape(lanes, dtype.itemsize, 1, -(-problem.channels_out // lanes), lanes, lanes)
    depth, outputs = problem.channels_in // problem.groups, problem.channels_out // problem.groups
    return Shape(lanes, dtype.itemsize, VECTORS, problem.groups, depth, outputs, whole=True)


def _chunks(shape: Shape, threads: int) -> int:
    """Into how many parts the input channels are cut: few, for each part loads the gradient again."""
    fewest = -(-shape.depth_blocks // 4)
    if threads == 1:
        return fewest
    return min(shape.depth_blocks, max(fewest, -(-BLOCKS * threads // (shape.groups * shape.wides))))


def _blocks(rows: Axis, columns: Axis, shape: Shape) -> tuple[int, int]:
    """(height, width) of a block of positions whose patch fits the cache."""
    one = Shape(shape.lanes, shape.size, shape.vectors, 1, min(shape.depth, 4 * shape.lanes), shape.outputs, whole=True)
    width, height = columns.out_extent, rows.out_extent
    while width > 16 and patch_bytes(rows, columns, one, 1, width) > PATCH_BYTES:
        width = -(-width // 2)
    while height > 1 and patch_bytes(rows, columns, one, height, width) > PATCH_BYTES:
        height = -(-height // 2)
    return height, width


def _set_grad(job: LayerJob, problem: Problem, rows: Axis, columns: Axis, strides: Ints, width: int) -> None:
    """Say where the gradient lies."""
    channel, lanes = strides[len(problem.batch)], host().lanes(8) * 8
    index = np.minimum(np.arange(problem.channels_out + lanes * VECTORS), problem.channels_out - 1)
    beside = channel == problem.weights_dtype.itemsize
    job.set(grad_pixel=columns.out_step, grad_beside=int(beside))
    job.point(grad_channels=index * channel)
    job.point(grad_rows=np.arange(rows.out_extent) * rows.out_step)
    job.point(grad_columns=np.arange(columns.out_extent) * columns.out_step)
    job.point(grad_places=np.arange(width) * (host().bits // 8))


def _list_taps(job: LayerJob, problem: Problem, shape: Shape, offsets: np.ndarray, out: Ints) -> np.ndarray:
    """Say where taps read and return where weights go; lists of what is summed at once repeat the last at the end."""
    places = np.zeros(1, np.int64)
    for extent, step in zip(problem.filter, out[2:], strict=True):
        places = np.add.outer(places, np.arange(extent) * step).ravel()
    kind = kind_of(problem)
    if kind == "listed":
        offsets = pairs(offsets, shape, job["block_bytes"])
        places = np.add.outer(places, np.arange(shape.depth) * out[1]).ravel()
    job.set(kept_taps=len(places), out_channel=out[0], out_depth=out[1])
    if kind != "dense":
        offsets = np.append(offsets, np.repeat(offsets[-1:], -len(offsets) % at_once(host(), shape.lanes, kind)))
    job.point(tap_offsets=offsets, tap_outs=places)
    job.set(taps=len(offsets))
    return places
