"""Which gradients of depthwise layers are computed from image and gradient where they lie, and their jobs."""

import functools
from collections.abc import Iterator

import numpy as np

from gpuconv.cpu.depthwise import Filter, columns_of
from gpuconv.cpu.depthwise_gradient import MOST_TAPS, gradient_kernel
from gpuconv.cpu.depthwise_recipe import LEAST_BITS, ahead, in_place
from gpuconv.cpu.jit import Kernel, address
from gpuconv.cpu.layer_geometry import lay_out, set_batch, set_image, spatial_axes
from gpuconv.cpu.layer_job import LayerJob
from gpuconv.cpu.layer_recipes import Recipe, shape_of
from gpuconv.cpu.pool import driver
from gpuconv.cpu.target import host
from gpuconv.problem import DType, Ints, Problem

ITEMS = 2  # of pixels, a thread: the more, the fewer channels of a pixel are read together


def gradient_in_place(problem: Problem, dtype: DType, strides: Ints) -> str | None:
    """Return "planes" or "pixels", the kernel for arrays of these strides (image, outputs' gradient), or None."""
    if problem.weights_dtype != dtype or int(np.prod(problem.filter)) > MOST_TAPS:
        return None
    kind = in_place(problem, dtype, strides)
    return None if kind == "pixels" and problem.channels_in % host().lanes(dtype.itemsize) else kind


def gradient_in_place_kernel_of(problem: Problem, dtype: DType, kind: str) -> Kernel:
    """Return the kernel of a kind."""
    return gradient_kernel(dtype.str[1:].replace("u", "i"), kind, _filter(problem))


def default_gradient_in_place_kernels(code: str) -> Iterator[Kernel]:
    """Yield the kernels of usual filters."""
    for kind in ("planes", "pixels") if host().bits >= LEAST_BITS else ():
        yield gradient_kernel(code, kind, Filter(3, 1, 1, 3))


def _filter(problem: Problem) -> Filter:
    rows, stride, dilation = ((1, *each)[-2] for each in (problem.filter, problem.stride, problem.dilation))
    return Filter(rows, stride, dilation, problem.filter[-1])


@functools.lru_cache(maxsize=256)
def gradient_in_place_recipe(problem: Problem, dtype: DType, strides: Ints, kind: str, threads: int) -> Recipe:
    """Return how to compute such a gradient; `strides` are those of the image, the outputs' gradient and the result."""
    each, channel, shape = len(problem.weights_shape), len(problem.batch), shape_of(problem, dtype)
    image, grad, out = strides[:each], strides[each : 2 * each], strides[2 * each :]
    rows, columns = spatial_axes(problem, image, grad)
    job, channels = LayerJob(), np.arange(problem.channels_out)
    set_image(job, problem, rows, columns, (rows.window, columns.window))
    set_batch(job, problem.batch, image=image, grad=grad)
    job.set(images=problem.images, groups=shape.groups, taps=rows.filter * columns.filter, out_channel=out[0])
    few = min(shape.groups, ITEMS * threads if threads > 1 else 1)
    job.set(items=problem.channels_out if kind == "planes" else few)
    job.set(grad_pixel=columns.out_step, **ahead(kind, rows))
    job.point(channels=channels // (problem.channels_out // problem.channels_in) * image[channel])
    job.point(grad_channels=channels * grad[channel], grad_rows=np.arange(rows.out_extent) * rows.out_step)
    job.point(tap_offsets=np.arange(columns.filter) * (columns.dilation * columns.image_step))
    places = np.zeros(1, np.int64)
    for extent, step in zip(problem.filter, out[2:], strict=True):
        places = np.add.outer(places, np.arange(extent) * step).ravel()
    zeros = columns.reach + 1 + max(columns_of(host())) * shape.lanes
    if kind == "pixels":
        zeros = -(-(columns.extent - 1) * columns.image_step // dtype.itemsize) + shape.lanes
    job.point(tap_outs=places, fill=np.zeros(zeros, dtype))
    lay_out(job, sums=(len(places) + shape.lanes) * shape.vector * (1 if kind == "planes" else shape.groups))
    return Recipe(driver(address(gradient_in_place_kernel_of(problem, dtype, kind))), job, shape)
