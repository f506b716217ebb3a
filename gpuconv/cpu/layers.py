"""Layers: from a plan and its arrays to jobs."""

import ctypes
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.cpu import pool
from gpuconv.cpu.depthwise_gradient_recipe import (
    gradient_in_place,
    gradient_in_place_kernel_of,
    gradient_in_place_recipe,
)
from gpuconv.cpu.depthwise_recipe import (
    dense_strides,
    in_place,
    in_place_kernel_of,
    in_place_recipe,
    pixels_order,
    planes_order,
)
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_gradient_recipe import gradient_kernel_of, gradient_recipe
from gpuconv.cpu.layer_recipes import (
    Recipe,
    dense_kernel_of,
    dense_recipe,
    is_depthwise,
    shape_of,
    store_kernel_of,
    winograd_kernel_of,
    winograd_recipe,
)
from gpuconv.cpu.layer_weights import dense_order, depthwise_order, digest_kernel, packed
from gpuconv.cpu.target import host
from gpuconv.cpu.winograd import transformed
from gpuconv.planning.facts import Layout
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Ints, Problem
from gpuconv.threads import get_num_threads

LEAST_SECONDS = 0.1e-3  # less work is not worth waking a thread for
RATE = 80e9  # products of 4 bytes a second on one thread, roughly
BANDWIDTH = 20e9  # bytes read or written a second


@dataclass(frozen=True)
class Way:
    """A layer with everything but its arrays, of certain shapes and strides, by one algorithm."""

    recipe: Callable[[int], Recipe]  # of a number of threads
    shape: Ints  # of weights, which may come with more axes
    order: Callable[[np.ndarray], np.ndarray]  # of weights, as the kernel reads them
    name: Hashable  # of that order
    worth_threads: bool

    def run(self, image: np.ndarray, weights: np.ndarray, bias: np.ndarray, out: np.ndarray) -> bool:
        """Compute; whether the outputs can be used."""
        threads = get_num_threads() if self.worth_threads else 1
        found, spoilt = self.recipe(threads), ctypes.c_int64()
        job = found.job.run_on(image, out)
        ordered = packed(weights, self.name, lambda given: self.order(given.reshape(self.shape)))
        job.point(weights=ordered, bias=bias)
        job.set(spoilt=ctypes.addressof(spoilt))
        job.alive.append(spoilt)
        pool.run(found.driver, job, threads)
        return not spoilt.value


@dataclass(frozen=True)
class Ready:
    """A layer with everything but its arrays; `ways` are tried in turn."""

    dtype: DType  # of accumulators
    no_bias: np.ndarray
    ways: tuple[Way, ...]

    def run(self, image: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, out: np.ndarray) -> None:
        """Compute; `out` must not overlap the others."""
        weights, added = self.accumulators(weights, bias)
        for way in self.ways:
            if way.run(image, weights, added, out):
                break

    def accumulators(self, weights: np.ndarray, bias: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Weights and bias as the kernels read them; zeros for no bias."""
        added = self.no_bias
        if bias is not None:
            added = np.zeros(self.no_bias.shape, self.dtype)
            added[: len(bias)] = bias
        return weights.astype(self.dtype, copy=False), added


@dataclass(frozen=True)
class ReadyGradient:
    """A layer's gradient with respect to its weights, with everything but its arrays."""

    recipe: Callable[[int], Recipe]  # of a number of threads
    worth_threads: bool

    def run(self, image: np.ndarray, grad: np.ndarray, bias: None, out: np.ndarray) -> None:
        """Compute; `out` must not overlap the others."""
        threads = get_num_threads() if self.worth_threads else 1
        found = self.recipe(threads)
        job = found.job.run_on(image, out)
        job.point(grad=grad)
        pool.run(found.driver, job, threads)


def compute_layer(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    """Compute a layer, or a layer's gradient with respect to its weights, into `out`, whatever overlaps it."""
    image, weights = operands.image, operands.full_weights()
    overlapping = np.may_share_memory(image, out) or np.may_share_memory(weights, out)
    target = np.empty(out.shape, out.dtype) if overlapping else out
    prepare(plan, operands, target).run(image, weights, operands.bias, target)
    if target is not out:
        out[...] = target


def prepare(plan: Plan, operands: Operands, out: np.ndarray) -> Ready | ReadyGradient:
    """Make a layer ready; of image, weights and output, shapes and strides count alone."""
    problem, dtype, image = plan.problem, plan.accumulator, operands.image
    if problem.op == "weight_gradient":
        grad = operands.full_weights()
        strides = image.strides + grad.strides + out.strides
        recipe = partial(gradient_recipe, problem, dtype, strides)
        kind = gradient_in_place(problem, dtype, image.strides + grad.strides)
        if kind is not None:
            recipe = partial(gradient_in_place_recipe, problem, dtype, strides, kind)
        return ReadyGradient(lru_cache(maxsize=4)(recipe), _worth_threads(problem.multiply_adds, image, grad))
    ways: tuple[Way, ...] = (_direct(problem, dtype, image, out),)
    if plan.algorithm == "winograd":
        ways = (_winograd(problem, dtype, image, out), *ways)
    no_bias = np.zeros(problem.channels_out + 4 * 16, dtype)  # read by whole vectors
    return Ready(dtype, no_bias, ways)


def kernels(
    problem: Problem, dtype: DType, *, winograd: bool, layouts: tuple[Layout, Layout] = ("channels_first",) * 2
) -> tuple[Kernel, ...]:
    """Return the kernels of a layer with accumulators of a dtype, for dense arrays of these layouts (image, output)."""
    if problem.op == "weight_gradient":
        kind = gradient_in_place(problem, dtype, dense_strides(problem, layouts))
        if kind is not None:
            return (gradient_in_place_kernel_of(problem, dtype, kind),)
        return gradient_kernel_of(problem, dtype), store_kernel_of(problem, dtype)
    kind = in_place(problem, dtype, dense_strides(problem, layouts))
    if kind is not None:
        return in_place_kernel_of(problem, dtype, kind), digest_kernel()
    main = (winograd_kernel_of if winograd else dense_kernel_of)(problem, dtype)
    return main, store_kernel_of(problem, dtype), digest_kernel()


def _direct(problem: Problem, dtype: DType, image: np.ndarray, out: np.ndarray) -> Way:
    """Layers of any kind."""
    order: Callable[[np.ndarray], np.ndarray]
    name: Hashable
    worth_threads = _worth_threads(problem.multiply_adds, image, out)
    kind = in_place(problem, dtype, image.strides + out.strides)
    if kind is not None:
        found = partial(in_place_recipe, problem, dtype, image.strides + out.strides, kind)
        lanes = shape_of(problem, dtype).lanes
        order = partial(pixels_order, lanes=lanes) if kind == "pixels" else planes_order
        return Way(lru_cache(maxsize=4)(found), problem.weights_shape, order, (kind, lanes), worth_threads)
    recipe = partial(dense_recipe, problem, dtype, image.strides + out.strides)
    shape = shape_of(problem, dtype)
    if is_depthwise(problem):
        order, name = partial(depthwise_order, lanes=shape.lanes), ("depthwise", shape.lanes)
    else:
        order = partial(dense_order, groups=problem.groups, lanes=shape.lanes, vectors=shape.vectors)
        name = "dense", problem.groups, shape.lanes, shape.vectors
    return Way(lru_cache(maxsize=4)(recipe), problem.weights_shape, order, name, worth_threads)


def _winograd(problem: Problem, dtype: DType, image: np.ndarray, out: np.ndarray) -> Way:
    """3 x 3 layers of stride 1 in fewer products."""
    recipe, lanes = partial(winograd_recipe, problem, dtype, image.strides + out.strides), host().lanes(dtype.itemsize)
    worth_threads = _worth_threads(problem.multiply_adds // 4, image, out)
    order = partial(transformed, lanes=lanes)
    return Way(lru_cache(maxsize=4)(recipe), problem.weights_shape, order, ("winograd", lanes), worth_threads)


def _worth_threads(work: int, image: np.ndarray, out: np.ndarray) -> bool:
    """Whether so many products are worth waking threads."""
    seconds = work * max(4, out.itemsize) / 4 / RATE + (image.nbytes + out.nbytes) / BANDWIDTH
    return seconds > LEAST_SECONDS
