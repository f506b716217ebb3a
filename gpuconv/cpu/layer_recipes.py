"""How a layer is computed: its kernel, and the part of its job that repeated calls share."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gpuconv.cpu import layer_geometry, winograd
from gpuconv.cpu.dense import SHALLOW, dense_kernel
from gpuconv.cpu.jit import Kernel, address
from gpuconv.cpu.layer_geometry import (
    Shape,
    axes_of,
    cut,
    evenly,
    lay_out,
    patch_bytes,
    set_batch,
    set_channels,
    set_image,
    set_out,
    set_patch,
    stage_bytes,
    tap_offsets,
)
from gpuconv.cpu.layer_gradient import gradient_kernel
from gpuconv.cpu.layer_job import LayerJob
from gpuconv.cpu.layer_weights import digest_kernel
from gpuconv.cpu.layout import Axis
from gpuconv.cpu.pool import Driver, driver
from gpuconv.cpu.rows import store_kernel
from gpuconv.cpu.target import host
from gpuconv.problem import DType, Ints, Problem

NEIGHBOURS = 8  # vectors of channels of a pixel that are loaded together
ROOMY = 3  # patches of those take so much more room, for they overlap
TILES = 28  # of Winograd's, of a block: their coefficients fit the second-level cache


@dataclass(frozen=True)
class Recipe:
    """Driver and job; each call copies the job and adds its arrays."""

    driver: Driver
    job: LayerJob
    shape: Shape


@functools.lru_cache(maxsize=256)
def dense_recipe(problem: Problem, dtype: DType, strides: Ints, threads: int) -> Recipe:
    """Return how to compute a layer directly; `strides` are the image's and then the output's."""
    shape = shape_of(problem, dtype)
    job, rows, columns = begin(problem, shape, dtype, strides)
    near = min(NEIGHBOURS, shape.groups) if is_depthwise(problem) and job["beside"] else 1
    together = replace(shape, groups=-(-shape.groups // near), depth=shape.depth * near)
    room = layer_geometry.PATCH_BYTES * (1 if near == 1 else ROOMY)
    blocks = cut(rows, columns, together, problem.images, threads, room)
    set_image(job, problem, rows, columns, (rows.window, columns.window))
    set_patch(job, rows, columns, shape, blocks.height, blocks.width)
    items = problem.images * together.groups * blocks.outputs * blocks.down * blocks.across
    job.set(blocks_g=together.groups, wides=shape.wides)
    job.set(items=items, blocks_o=blocks.outputs, blocks_h=blocks.down, blocks_w=blocks.across)
    depth = 1 if is_depthwise(problem) else shape.depth
    block = depth * job["taps"] * shape.vectors * shape.vector
    if kind_of(problem) == "listed":
        taps = tap_offsets(rows, columns, shape, blocks.height, blocks.width)
        job.point(tap_offsets=pairs(taps, shape, job["block_bytes"]))
        job.set(taps=len(taps) * shape.depth)
    job.set(weights_block=block, weights_group=block * shape.wides)
    patch = patch_bytes(rows, columns, together, blocks.height, blocks.width)
    lay_out(job, patch=patch, **stage_bytes(job, shape, blocks.width))
    return Recipe(driver(address(dense_kernel_of(problem, dtype))), job, shape)


@functools.lru_cache(maxsize=256)
def winograd_recipe(problem: Problem, dtype: DType, strides: Ints, threads: int) -> Recipe:
    """Return how to compute a layer by Winograd's algorithm; `strides` are the image's and then the output's."""
    step, coefficients, lanes = winograd.STEP, winograd.SIZE**2, host().lanes(dtype.itemsize)
    shape = Shape(lanes, dtype.itemsize, winograd.VECTORS, 1, problem.channels_in, problem.channels_out)
    job, rows, columns = begin(problem, shape, dtype, strides)
    down, across = (-(-axis.out_extent // step) for axis in (rows, columns))
    blocks_w = -(-across // TILES)
    width = -(-across // blocks_w)
    blocks_h = evenly(-(-down // max(1, TILES // width)), problem.images * blocks_w, down, threads)
    height = -(-down // blocks_h)
    missing = -(-3 * threads // (problem.images * blocks_h * blocks_w)) if threads > 1 else 1
    blocks_o = min(missing, shape.wides)
    set_image(job, problem, rows, columns, (down * step + 2, across * step + 2))
    set_patch(job, rows, columns, shape, height * step, width * step)
    job.point(tap_offsets=np.zeros(1, np.int64))
    job.set(taps=1, tiles_h=down, tiles_w=across, tiles=height * width, wides=shape.wides)
    job.set(items=problem.images * blocks_o * blocks_h * blocks_w)
    job.set(blocks_o=blocks_o, blocks_h=blocks_h, blocks_w=blocks_w)
    wide = shape.vectors * shape.vector
    job.set(weights_group=shape.depth * wide, weights_block=coefficients * shape.depth * wide)
    spectrum, products = (shape.depth_blocks * height * width + 1) * shape.vector, (height * width + 1) * wide
    job.set(spectrum_bytes=spectrum, products_bytes=products)
    stage = stage_bytes(job, shape, width * step)
    patch = patch_bytes(rows, columns, shape, height * step, width * step)
    lay_out(
        *(job,),
        patch=patch,
        stage=stage["stage"] * step,
        turned=stage["turned"],
        spectrum=spectrum * coefficients,
        products=products * coefficients,
    )
    return Recipe(driver(address(winograd_kernel_of(problem, dtype))), job, shape)


def begin(problem: Problem, shape: Shape, dtype: DType, strides: Ints) -> tuple[LayerJob, Axis, Axis]:
    """Return a job with its images, channels and outputs; rows and columns."""
    image, out = strides[: len(strides) // 2], strides[len(strides) // 2 :]
    rows, columns = axes_of(problem, image, out)
    job = LayerJob()
    set_channels(job, shape, channel_offsets(problem, shape, image), beside=are_beside(problem, image))
    set_out(job, problem, rows, columns, out, shape)
    set_batch(job, problem.batch, image=image, out=out)
    job.set(all_outputs=problem.channels_out, store=address(store_kernel_of(problem, dtype)))
    job.point(fill=np.full(1, problem.fill.real, dtype))
    return job, rows, columns


def store_kernel_of(problem: Problem, dtype: DType) -> Kernel:
    """Return the kernel that stores what did not go straight to its place."""
    return store_kernel(dtype.str[1:], problem.out_dtype.str[1:], problem.rounding, problem.overflow)


def dense_kernel_of(problem: Problem, dtype: DType) -> Kernel:
    """Return the kernel that computes a layer directly."""
    shape = shape_of(problem, dtype)
    code, image = dtype.str[1:].replace("u", "i"), problem.image_dtype.str[1:]
    return dense_kernel(code, image, shape.vectors, kind_of(problem))


def winograd_kernel_of(problem: Problem, dtype: DType) -> Kernel:
    """Return the kernel that computes a layer by Winograd's algorithm."""
    return winograd.winograd_kernel(dtype.str[1:], problem.image_dtype.str[1:])


def default_layer_kernels() -> Iterator[Kernel]:
    """Yield the kernels of usual layers, and of their gradients."""
    yield digest_kernel()
    images = [("f4", "f4"), ("f8", "f8")] + [("f4", "f2")] * host().half
    for code, image in images:
        for vectors, kind in itertools.product((1, 2), ("dense", "listed")):
            yield dense_kernel(code, image, vectors, kind)
        yield dense_kernel(code, image, 1, "depthwise")
        yield winograd.winograd_kernel(code, image)
        for kind in ("dense", "listed", "depthwise"):
            yield gradient_kernel(code, image, kind)


def kind_of(problem: Problem) -> str:
    """Return the kind of kernel: "dense", "listed" or "depthwise"."""
    if is_depthwise(problem):
        return "depthwise"
    return "listed" if problem.channels_in // problem.groups <= SHALLOW else "dense"


def pairs(offsets: np.ndarray, shape: Shape, block_bytes: int) -> np.ndarray:
    """Bytes to each channel at each tap, from those to the taps."""
    channels = np.arange(shape.depth)
    inside = channels // shape.lanes * block_bytes + channels % shape.lanes * shape.size
    listed: np.ndarray = np.add.outer(offsets, inside).ravel()
    return listed


def is_depthwise(problem: Problem) -> bool:
    """Whether every output channel sees one input channel."""
    return 1 < problem.channels_in == problem.groups


def shape_of(problem: Problem, dtype: DType) -> Shape:
    """Return how the direct kernel sees a layer."""
    lanes = host().lanes(dtype.itemsize)
    if is_depthwise(problem):
        return Shape(lanes, dtype.itemsize, 1, -(-problem.channels_out // lanes), lanes, lanes)
    outputs = problem.channels_out // problem.groups
    vectors = 1 if outputs <= lanes else 2
    return Shape(lanes, dtype.itemsize, vectors, problem.groups, problem.channels_in // problem.groups, outputs)


def are_beside(problem: Problem, strides: Ints) -> bool:
    """Whether the channels that are computed one after the other are neighbours in memory."""
    neighbours = strides[len(problem.batch)] == problem.image_dtype.itemsize
    return neighbours and (not is_depthwise(problem) or problem.channels_in == problem.channels_out)


def channel_offsets(problem: Problem, shape: Shape, strides: Ints) -> np.ndarray:
    """Bytes to each channel of each group, group by group."""
    if is_depthwise(problem):
        inputs = np.arange(shape.groups * shape.lanes) // (problem.channels_out // problem.channels_in)
        index = np.minimum(inputs, problem.channels_in - 1)
    else:
        index = np.arange(problem.channels_in)
    offsets: np.ndarray = index.reshape(shape.groups, -1) * strides[len(problem.batch)]
    return offsets
