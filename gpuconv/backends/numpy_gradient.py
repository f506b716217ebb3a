"""The gradient of a layer with respect to its weights, in NumPy: one matrix product per tap and block of images."""

import math
from typing import Any

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.backends.boundary import gather
from gpuconv.conversion import convert
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Ints, Problem

BLOCK_VALUES = 1 << 18  # samples of images that are gathered at once, if an image is no larger


def weight_gradient(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    problem, dtype = plan.problem, plan.accumulator
    images = operands.image.reshape(problem.images, *problem.image_shape[len(problem.batch) :])
    grads = operands.full_weights().reshape(problem.images, *problem.weights_shape[len(problem.batch) :])
    sums = np.zeros(problem.out_shape, dtype)
    block = max(1, BLOCK_VALUES // max(1, math.prod(images.shape[1:])))
    with np.errstate(all="ignore"):
        for first in range(0, problem.images, block):
            some = slice(first, first + block)
            _add(problem, _padded(problem, images[some], dtype), grads[some].astype(dtype, copy=False), sums)
        out[...] = convert(sums, problem.out_dtype, problem.rounding, problem.overflow)


def _padded(problem: Problem, images: np.ndarray, dtype: DType) -> np.ndarray:
    """The samples that any tap meets, with what the boundary puts around the images."""
    for axis in range(problem.rank):
        last = (problem.out_extent[axis] - 1) * problem.stride[axis]
        reach = problem.dilation[axis] * (problem.filter[axis] - 1)
        window = (-problem.pad_before[axis], last + reach + 1 - problem.pad_before[axis])
        images = gather(images, axis - problem.rank, window, problem.boundary, problem.fill, dtype)
    return images.astype(dtype, copy=False)


def _add(problem: Problem, images: np.ndarray, grads: np.ndarray, sums: np.ndarray) -> None:
    """Add what some images contribute."""
    grads = _by_group(problem, grads)
    for tap in np.ndindex(*problem.filter):
        at: Any = (..., *_positions(problem, tap))
        samples = _by_group(problem, images[at])
        sums[(..., *tap)] += np.matmul(grads, samples.swapaxes(-1, -2)).sum(axis=0).reshape(sums.shape[:2])


def _positions(problem: Problem, tap: Ints) -> tuple[slice, ...]:
    """The samples that one tap meets, one for each output of the layer."""
    axes = zip(tap, problem.dilation, problem.stride, problem.out_extent, strict=True)
    return tuple(slice(r * d, r * d + (n - 1) * s + 1, s) for r, d, s, n in axes)


def _by_group(problem: Problem, array: np.ndarray) -> np.ndarray:
    """(images, groups, channels of a group, positions)."""
    images, channels = array.shape[:2]
    return array.reshape(images, problem.groups, channels // problem.groups, math.prod(array.shape[2:]))
