"""Layers: from a plan and its arrays to jobs."""

from functools import partial

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.cpu import pool
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_gradient_recipe import gradient_kernel_of, gradient_recipe
from gpuconv.cpu.layer_recipes import (
    dense_kernel_of,
    dense_recipe,
    is_depthwise,
    store_kernel_of,
    winograd_kernel_of,
    winograd_recipe,
)
from gpuconv.cpu.layer_weights import dense_order, depthwise_order, digest_kernel, packed
from gpuconv.cpu.winograd import transformed
from gpuconv.planner import Plan
from gpuconv.problem import DType, Problem
from gpuconv.threads import get_num_threads

LEAST_SECONDS = 0.3e-3  # less work is not worth waking a thread for
RATE = 80e9  # products of 4 bytes a second on one thread, roughly
BANDWIDTH = 20e9  # bytes read or written a second


def compute_layer(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    """Compute a layer, or a layer's gradient with respect to its weights, into `out`, whatever overlaps it."""
    problem, dtype = plan.problem, plan.accumulator
    image, weights = operands.image, operands.full_weights()
    overlapping = np.may_share_memory(image, out) or np.may_share_memory(weights, out)
    target = np.empty(out.shape, out.dtype) if overlapping else out
    if problem.op == "weight_gradient":
        _gradient(plan, image, weights, target)
    else:
        bias = np.zeros(problem.channels_out + 4 * 16, dtype)  # read by whole vectors
        if operands.bias is not None:
            bias[: problem.channels_out] = operands.bias
        weights = weights.astype(dtype, copy=False)
        if plan.algorithm != "winograd" or not _winograd(problem, image, weights, bias, target):
            _dense(problem, image, weights, bias, target)
    if target is not out:
        out[...] = target


def kernels(problem: Problem, dtype: DType, *, winograd: bool) -> tuple[Kernel, ...]:
    """Return the kernels of a layer with accumulators of a dtype."""
    if problem.op == "weight_gradient":
        return gradient_kernel_of(problem, dtype), store_kernel_of(problem, dtype)
    main = (winograd_kernel_of if winograd else dense_kernel_of)(problem, dtype)
    return main, store_kernel_of(problem, dtype), digest_kernel()


def _dense(problem: Problem, image: np.ndarray, weights: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Layers of any kind, directly."""
    threads = _threads(problem.multiply_adds, image, out)
    found = dense_recipe(problem, weights.dtype, image.strides + out.strides, threads)
    lanes, vectors = found.shape.lanes, found.shape.vectors
    if is_depthwise(problem):
        ready = packed(weights, ("depthwise", lanes), partial(depthwise_order, lanes=lanes))
    else:
        order = partial(dense_order, groups=problem.groups, lanes=lanes, vectors=vectors)
        ready = packed(weights, ("dense", problem.groups, lanes, vectors), order)
    job = found.job.run_on(image, out)
    job.point(weights=ready, bias=bias)
    pool.run(found.driver, job, threads)


def _winograd(problem: Problem, image: np.ndarray, weights: np.ndarray, bias: np.ndarray, out: np.ndarray) -> bool:
    """3 x 3 layers of stride 1 in fewer products; whether the outputs can be used."""
    threads = _threads(problem.multiply_adds // 4, image, out)
    found = winograd_recipe(problem, weights.dtype, image.strides + out.strides, threads)
    lanes = found.shape.lanes
    job, spoilt = found.job.run_on(image, out), np.zeros(1, np.int64)
    job.point(weights=packed(weights, ("winograd", lanes), partial(transformed, lanes=lanes)), bias=bias, spoilt=spoilt)
    pool.run(found.driver, job, threads)
    return not spoilt[0]


def _gradient(plan: Plan, image: np.ndarray, grad: np.ndarray, out: np.ndarray) -> None:
    """The gradient with respect to the weights."""
    threads = _threads(plan.problem.multiply_adds, image, grad)
    found = gradient_recipe(plan.problem, plan.accumulator, image.strides + grad.strides + out.strides, threads)
    job = found.driver, found.job.run_on(image, out)
    job[1].point(grad=grad)
    pool.run(*job, threads)


def _threads(work: int, image: np.ndarray, out: np.ndarray) -> int:
    """Threads that so many products are worth."""
    seconds = work * max(4, out.itemsize) / 4 / RATE + (image.nbytes + out.nbytes) / BANDWIDTH
    return get_num_threads() if seconds > LEAST_SECONDS else 1
