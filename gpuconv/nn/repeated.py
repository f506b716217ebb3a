"""Layers that come again: one that is known is not stated, chosen and planned again.

Of all arrays, the weights among them, types, shapes, strides and dtypes count alone; `gpuconv.calls` keeps what was
planned. Layers of integers, whose plan depends on values, go the long way, and so do arrays on a device but CuPy's.
"""

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv import backends, calls
from gpuconv.arrays import View, adopt
from gpuconv.backends import ReadyLayer
from gpuconv.engine import Prepared, prepare
from gpuconv.errors import check_choice
from gpuconv.layouts import empty_in
from gpuconv.nn.stated import Question, Split, Stated, asked, whole
from gpuconv.planning.facts import Layout
from gpuconv.problem import PRECISIONS, Ints

if TYPE_CHECKING:
    from gpuconv.backends.cupy_plans import LayerOnDevice


@dataclass(frozen=True)
class KnownLayer:
    """A layer with everything but its arrays."""

    steps: tuple[ReadyLayer, ...]
    split: Split
    backend: str
    shape: Ints
    layout: Layout

    def run(self, x: Any, image: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> Any:
        """Compute into a new array of the library and dtype of x, which is seen as `image`."""
        if self.layout == "channels_last":
            made = empty_in(self.layout, adopt("input", x), self.shape, image.dtype)
            out, result = made.view, made.original
        elif image is x:
            out = result = np.empty(self.shape, image.dtype)
        else:
            result = x.new_empty(self.shape)
            out = result.numpy()
        for step, arrays in zip(self.steps, self.split(image, weights, bias, out), strict=True):
            step.run(*arrays)
        backends.used(self.backend)
        return result


@dataclass(frozen=True)
class KnownOnDevice:
    """A layer on a device with everything but its arrays."""

    runner: "LayerOnDevice"

    def run(self, x: Any, *arrays: Any) -> Any:
        """Compute into a new array."""
        return self.runner.run(arrays, None)


def compute(
    state: Callable[..., Stated],
    rank: int,
    arrays: tuple[Any, Any, Any],
    options: tuple[Any, ...],
    precision: str = "standard",
) -> Any:
    """State a layer of image, weights and bias and compute it, or do what is left to do of one that is known."""
    if asked():
        return Question(state, rank, arrays, options, precision)
    views = tuple(map(_seen, arrays))
    key = _key_of(state, rank, arrays, views, (*options, precision))
    known = None if key is None else calls.find(key)
    if known is not None:
        with suppress(MemoryError):  # of a device: the long way computes in parts
            return known.run(arrays[0], *views)
    check_choice("precision", precision, PRECISIONS)
    stated = state(rank, *arrays, *options)
    prepared = [prepare(replace(call, precision=precision)) for call in stated.calls]
    result = stated.finish(prepared)
    if key is not None and all(each.plan.tiles is None for each in prepared):
        calls.remember(key, _known_of(stated, prepared, views, adopt("out", result).view))
    return result


def _known_of(stated: Stated, prepared: list[Prepared], arrays: Sequence[Any], out: View) -> Any:
    """What can be kept of a layer: nothing where values count, or the backend cannot."""
    if any(map(_reads_values, prepared)):
        return None
    steps, name = ready_steps(prepared, out), prepared[-1].plan.backend if prepared else ""
    if not steps:
        return None
    if isinstance(out, np.ndarray):
        layout = prepared[0].call.layout if stated.result is None else stated.layout
        joined = backends.joined(name, steps, stated.split, (*arrays, out))
        if joined is not None:
            return KnownLayer((joined,), whole, name, tuple(out.shape), layout)
        return KnownLayer(steps, stated.split, name, tuple(out.shape), layout)
    from gpuconv.backends.cupy_plans import LayerOnDevice

    split = None if stated.split is whole else stated.split
    return KnownOnDevice(LayerOnDevice(steps, split, name, arrays, out))


def ready_steps(prepared: list[Prepared], out: View) -> tuple[ReadyLayer, ...]:
    """Make each call ready for arrays as strided as its own, and results as `out`; none if one cannot be."""
    steps = []
    for each in prepared:
        target = out if each.call.out is None else each.call.out.view
        step = None if 0 in each.shape else backends.ready_layer(each.plan, each.operands, each.in_engine_order(target))
        if step is None:
            return ()
        steps.append(step)
    return tuple(steps)


def _reads_values(prepared: Prepared) -> bool:
    facts = prepared.plan.facts
    read = facts.weights_sum, facts.bias_max, facts.image_max, facts.finite
    return any(value is not None for value in read) or not facts.zero_taps


def _key_of(
    state: object, rank: int, arrays: tuple[Any, ...], views: tuple[Any, ...], options: tuple[Any, ...]
) -> Hashable | None:
    """All that a result depends on but values; None for what is not compared here."""
    if len({type(view) is np.ndarray for view in views if view is not None}) > 1:
        return None  # arrays of the host beside those of a device are read when a layer is made ready
    key = [state, rank, backends.requested(None)]
    for array, view in zip(arrays, views, strict=True):
        if view is not None:
            if not view.dtype.isnative:
                return None
            key += view.shape, view.strides, view.dtype, None if type(view) is np.ndarray else view.data.device_id
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


def _seen(array: Any) -> Any:
    """An array of NumPy or CuPy, or a tensor on the CPU without a gradient, as NumPy sees it; None for all others."""
    if array is None or type(array) is np.ndarray:
        return array
    library = type(array).__module__.partition(".")[0]
    if library == "cupy" and type(array).__name__ == "ndarray":
        return array
    if library != "torch":
        return None
    try:
        view = adopt("array", array).view
    except TypeError:  # which the long way raises by the array's name
        return None
    return view if isinstance(view, np.ndarray) else None
