"""Layers as calls that write parts of one result; one that comes again is not stated, chosen and planned again.

Of all arrays, the weights among them, types, shapes, strides and dtypes count alone; `gpuconv.calls` keeps what was
planned. Layers of integers, whose plan depends on values, and arrays on a device go the long way.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv import backends, calls
from gpuconv.arrays import Adopted, View, adopt
from gpuconv.backends import ReadyLayer
from gpuconv.engine import Call, Prepared, prepare
from gpuconv.problem import Ints

Arrays = tuple[View, View, View | None, View]  # image, weights, bias and result
Split = Callable[[View, View, View | None, View], Iterable[Arrays]]  # the arrays of each call from those of a layer


def whole(image: View, weights: View, bias: View | None, out: View) -> Iterable[Arrays]:
    """Give one call everything."""
    return ((image, weights, bias, out),)


@dataclass(frozen=True)
class Stated:
    """A layer whose calls write into `result`; None: its only call makes one."""

    x: Adopted
    calls: list[Call]
    result: Adopted | None = None
    split: Split = whole

    def finish(self, prepared: list[Prepared]) -> Any:
        """Compute the calls, and return the result as an array of x's library."""
        results = [call.finish() for call in prepared]
        return results[0] if self.result is None else self.x.deliver(self.result)


@dataclass(frozen=True)
class KnownLayer:
    """A layer with everything but its arrays."""

    steps: tuple[ReadyLayer, ...]
    split: Split
    backend: str
    shape: Ints

    def run(self, x: Any, image: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> Any:
        """Compute into a new array of the library and dtype of x, which is seen as `image`."""
        if image is x:
            out = result = np.empty(self.shape, image.dtype)
        else:
            result = x.new_empty(self.shape)
            out = result.numpy()
        for step, arrays in zip(self.steps, self.split(image, weights, bias, out), strict=True):
            step.run(*arrays)
        backends.used(self.backend)
        return result


def compute(state: Callable[..., Stated], rank: int, arrays: tuple[Any, Any, Any], options: tuple[Any, ...]) -> Any:
    """State a layer of image, weights and bias and compute it, or do what is left to do of one that is known."""
    views = tuple(map(_on_host, arrays))
    key = _key_of(state, rank, arrays, views, options)
    known = None if key is None else calls.find(key)
    if known is not None:
        return known.run(arrays[0], *views)
    stated = state(rank, *arrays, *options)
    prepared = [prepare(call) for call in stated.calls]
    if key is not None:
        calls.remember(key, _known_of(stated, prepared))
    return stated.finish(prepared)


def _known_of(stated: Stated, prepared: list[Prepared]) -> KnownLayer | None:
    """What can be kept of a layer: nothing where values count, or the backend cannot."""
    if not prepared:
        return None
    steps = []
    for each in prepared:
        if 0 in each.shape or _reads_values(each):
            return None
        out = np.empty(each.shape, each.plan.problem.out_dtype) if each.call.out is None else each.call.out.view
        step = backends.ready_layer(each.plan, each.operands, each.in_engine_order(out))
        if step is None:
            return None
        steps.append(step)
    shape = prepared[0].shape if stated.result is None else stated.result.view.shape
    return KnownLayer(tuple(steps), stated.split, prepared[-1].plan.backend, shape)


def _reads_values(prepared: Prepared) -> bool:
    facts = prepared.plan.facts
    read = facts.weights_sum, facts.bias_max, facts.image_max, facts.finite
    return any(value is not None for value in read) or not facts.zero_taps


def _key_of(
    state: object, rank: int, arrays: tuple[Any, ...], views: tuple[Any, ...], options: tuple[Any, ...]
) -> Hashable | None:
    """All that a result depends on but values; None for what is not compared here."""
    key = [state, rank, backends.requested(None)]
    for array, view in zip(arrays, views, strict=True):
        if view is not None:
            if not view.dtype.isnative:
                return None
            key += view.shape, view.strides, view.dtype
        elif array is not None:
            return None
        else:
            key.append(None)
    for value in options:
        found = value if type(value) is int else calls.key_of_option(value)
        if found is None:
            return None
        key.append(found)
    return tuple(key)


def _on_host(array: Any) -> np.ndarray | None:
    """A NumPy array, or a tensor on the CPU without a gradient to follow, as NumPy sees it; None for all others."""
    if array is None or type(array) is np.ndarray:
        return array
    if type(array).__module__.partition(".")[0] != "torch":
        return None
    try:
        view = adopt("array", array).view
    except TypeError:  # which the long way raises by the array's name
        return None
    return view if isinstance(view, np.ndarray) else None
