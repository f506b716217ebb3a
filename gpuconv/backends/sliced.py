"""Layers over volumes, part by part, by the kernels that a backend has for layers over images."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.arrays import Operands, View, cut, every, insert_axis, pick
from gpuconv.arrays.views import laid
from gpuconv.backends.boundary import source_index
from gpuconv.backends.sliced_memory import HostMemory, Memory
from gpuconv.planning.planner import Plan
from gpuconv.planning.sliced import Part, Sliced
from gpuconv.problem import Boundary, Ints

Layer = Callable[[Plan, Operands, View], None]  # computes a layer over images


@dataclass(frozen=True)
class Buffers:
    """What a call needs besides its arrays; None where it does not."""

    slices: View | None
    weights: View | None
    layer: View | None  # what is added
    total: View | None  # to what, if that is not the result


def buffers_of(sliced: Sliced, memory: Memory, image: View) -> Buffers:
    """Allocate them for the largest part."""
    problem, each, on_device = sliced.problem, sliced.parts, not isinstance(image, np.ndarray)
    images = max(part.images[1] - part.images[0] for part in each)
    copied = None
    if not (memory.in_place and _can_be_seen(sliced, depth_first(image))):
        met = max(len(part.met) for part in each)
        channels = problem.channels_in // sliced.groups
        copied = memory.empty((images, met, channels, *problem.extent[1:]), problem.image_dtype)
    outputs, channels, *taps = problem.out_shape if problem.op == "weight_gradient" else problem.weights_shape
    weights = (outputs, taps[0], channels, *taps[1:])
    joined = memory.empty(weights, problem.weights_dtype) if sliced.windows and on_device else None
    if problem.op == "weight_gradient":
        one, all_ = (outputs, channels, *taps[1:]), problem.out_shape
    else:
        made = max(len(part.slices) for part in each)
        one = all_ = (images, made, problem.channels_out, *problem.out_extent[1:])
    dtype = sliced.sums or problem.out_dtype
    layer = memory.empty(one, dtype) if sliced.added else None
    return Buffers(copied, joined, layer, memory.empty(all_, sliced.sums) if sliced.sums else None)


def _can_be_seen(sliced: Sliced, slices: View) -> bool:
    """Whether all slices that are met lie in the volume, and those of a window one after the other."""
    channels = slices.shape[2] // sliced.groups
    step = slices.strides[1] * sliced.parts[0].met.step
    joined = not sliced.windows or channels == 1 or step == channels * slices.strides[2]
    return joined and all(part.met[0] >= 0 and part.met[-1] < slices.shape[1] for part in sliced.parts)


class Work:
    """One call: `layer` computes what its parts consist of."""

    def __init__(
        self, sliced: Sliced, memory: Memory, layer: Layer, operands: Operands, out: View, buffers: Buffers
    ) -> None:
        self.sliced, self.memory, self.layer, self.buffers = sliced, memory, layer, buffers
        self.operands, self.image, self.out = operands, depth_first(operands.image), out

    def run(self) -> None:
        """Compute all parts."""
        if self.sliced.problem.op == "weight_gradient":
            self._gradient()
            return
        out, joined = depth_first(self.out), self._joined() if self.sliced.windows else None
        for part in self.sliced.parts:
            if joined is None:
                self._sum(part, self._slices(part), _of(out, part))
                continue
            for group in range(self.sliced.groups):
                self._window(part, group, joined, _of(out, part))

    def _window(self, part: Part, group: int, weights: View, out: View) -> None:
        """Compute a group of a part by one layer."""
        outputs, bias = weights.shape[0] // self.sliced.groups, self.operands.bias
        ours = group * outputs, (group + 1) * outputs
        image = _windows(self.sliced, self._slices(part, group), out.shape[1])
        operands = Operands(image, cut(weights, 0, *ours), bias=None if bias is None else cut(bias, 0, *ours))
        self.layer(part.plans[0], operands, cut(out, 2, *ours))

    def _sum(self, part: Part, slices: View, out: View) -> None:
        """Add up the layers of a part, one for each slice of the filter."""
        weights, count = self.operands.weights, out.shape[1]
        total = out if self.buffers.total is None else _first(self.buffers.total, out.shape)
        for tap in range(self.sliced.layers):
            operands = replace(self.operands, image=self._met(slices, tap, count), weights=pick(weights, {2: tap}))
            if tap == 0:
                self.layer(part.plans[0], operands, total)
            else:
                added = _first(self.buffers.layer, out.shape)
                self.layer(part.plans[1], replace(operands, bias=None), added)
                self.memory.add(added, total)
        if total is not out:
            self.memory.copy(total, out)

    def _gradient(self) -> None:
        """Add up the gradients of all parts, for each slice of the filter."""
        grad = depth_first(self.operands.weights)
        total = self.out if self.buffers.total is None else self.buffers.total
        for number, part in enumerate(self.sliced.parts):
            slices, grads = self._slices(part), _of(grad, part)
            for tap in range(self.sliced.layers):
                operands = Operands(self._met(slices, tap, grads.shape[1]), grads)
                place = pick(total, {2: tap})
                if number == 0:
                    self.layer(part.plans[0], operands, place)
                else:
                    self.layer(part.plans[1], operands, self.buffers.layer)
                    self.memory.add(self.buffers.layer, place)
        if total is not self.out:
            self.memory.copy(total, self.out)

    def _met(self, slices: View, tap: int, count: int) -> View:
        """The slices that one slice of the filter meets."""
        return every(slices, 1, tap * self.sliced.dilation, self.sliced.stride, count)

    def _slices(self, part: Part, group: int = 0) -> View:
        """The slices of the volume that a part, or a group of it, meets: as they lie, or copied."""
        image, met, problem = cut(self.image, 0, *part.images), part.met, self.sliced.problem
        channels = image.shape[2] // self.sliced.groups
        image = cut(image, 2, group * channels, (group + 1) * channels)
        if self.buffers.slices is None:
            return every(image, 1, met.start, met.step, len(met))
        target = _first(self.buffers.slices, (image.shape[0], len(met)))
        for to, first, count in _runs(met, problem.extent[0], problem.boundary):
            place = cut(target, 1, to, to + count)
            if first is None:
                self.memory.fill(place, problem.fill)
            else:
                self.memory.copy(every(image, 1, first, met.step, count), place)
        return target

    def _joined(self) -> View:
        """Weights (O, C, Q, R, S) of windows as (O, Q * C, R, S); the cpu backend itself joins these, as it packs."""
        weights, target = self.operands.weights, self.buffers.weights
        if isinstance(weights, np.ndarray):
            outputs, _, _, height, width = weights.shape
            joined = weights.swapaxes(1, 2)
            packs = self.memory.in_place and isinstance(self.image, np.ndarray)
            return joined if packs else np.ascontiguousarray(joined).reshape(outputs, -1, height, width)
        assert weights is not None
        assert target is not None
        self.memory.copy(weights.transpose((0, 2, 1, 3, 4)), target)
        outputs, taps, channels, *extent = target.shape
        return laid(target, (outputs, taps * channels, *extent), (target.strides[0], *target.strides[2:]))


def depth_first(view: View) -> View:
    """An array (N, C, D, H, W) or (C, D, H, W) as (N, D, C, H, W)."""
    batched = view if view.ndim == 5 else insert_axis(view, 0)
    return batched.transpose((0, 2, 1, 3, 4))


def _windows(sliced: Sliced, slices: View, count: int) -> View:
    """What each of `count` outputs meets, as one image (N, count, Q * C, H, W); neighbours overlap."""
    images, _, channels, *extent = slices.shape
    n, d, c, *rest = slices.strides
    shape = (images, count, sliced.problem.filter[0] * channels, *extent)
    return laid(slices, shape, (n, d * sliced.stride, c if channels > 1 else d, *rest))


def _of(slices: View, part: Part) -> View:
    """The outputs of a part, or their gradients."""
    places = part.slices
    return every(cut(slices, 0, *part.images), 1, places.start, places.step, len(places))


def _first(view: View, shape: Ints) -> View:
    """As many places along the first two axes."""
    return cut(cut(view, 0, 0, shape[0]), 1, 0, shape[1])


@functools.lru_cache(maxsize=1024)
def _runs(met: range, extent: int, boundary: Boundary) -> tuple[tuple[int, int | None, int], ...]:
    """Which slices are copied at once: place in the copy, the first of them (None: the fill value), count."""
    sources = source_index(np.asarray(met), extent, boundary)
    inside = (np.asarray(met) >= 0) & (np.asarray(met) < extent)
    runs: list[tuple[int, int | None, int]] = []
    for to, source in enumerate(sources.tolist()):
        again = to > 0 and inside[to] == inside[to - 1] and (inside[to] or max(source, sources[to - 1]) < 0)
        if again:
            start, first, count = runs.pop()
            runs.append((start, first, count + 1))
        else:
            runs.append((to, source if source >= 0 else None, 1))
    return tuple(runs)


def run(plan: Plan, module: Any, operands: Operands, out: View, stream: int | None) -> None:
    """Compute a layer over volumes with a backend's module into `out`, whatever overlaps it."""
    assert plan.sliced is not None
    operands = replace(operands, weights=operands.full_weights(), factors=(), terms=())
    sliced, image = plan.sliced, operands.image

    def layer(plan: Plan, operands: Operands, out: View) -> None:
        module.run(plan, operands, out, stream)

    place: AbstractContextManager[Memory] = (
        nullcontext(HostMemory(in_place=plan.backend == "cpu"))
        if isinstance(image, np.ndarray)
        else module.memory(image, stream)
    )
    with place as memory:
        apart = not any(_overlap(view, out) for view in (image, operands.weights, operands.bias))
        target = out if apart else memory.empty(tuple(out.shape), plan.problem.out_dtype)
        Work(sliced, memory, layer, operands, target, buffers_of(sliced, memory, image)).run()
        if not apart:
            memory.copy(target, out)


def _overlap(view: View | None, out: View) -> bool:
    if isinstance(out, np.ndarray):
        return isinstance(view, np.ndarray) and np.may_share_memory(view, out)
    return view is not None and not isinstance(view, np.ndarray) and bool(out.overlaps(view))
