"""Layers and their gradients, beside torch: what is timed, and who computes it.

Each row is for one layout of the arrays, channels first or last, and has torch in both, so that gpuconv is compared
with the faster of them. The result lies in memory as the input does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import gpuconv.nn
from gpuconv import backends
from gpuconv.engine import Call, facts_of
from gpuconv.nn.forward import layer_call

from .cells import Runs, set_threads
from .timing import interleaved

BATCHES = (1, 8)
LAYOUTS = ("first", "last")  # where the channels are
WORKS = ("layers", "gradients")


@dataclass(frozen=True)
class Layer:
    """A 2D layer over square images, padded to keep their size."""

    channels: int
    outputs: int
    extent: int
    taps: int
    stride: int = 1
    groups: int = 1

    def __str__(self) -> str:
        kind = "depthwise " if self.groups > 1 else ""
        step = f", stride {self.stride}" if self.stride > 1 else ""
        taps, extent = f"{self.taps} x {self.taps}", f"{self.extent} x {self.extent}"
        return f"{kind}{taps}, {self.channels} to {self.outputs}, {extent}{step}"

    @property
    def options(self) -> dict[str, int]:
        """Arguments of conv2d."""
        return {"stride": self.stride, "padding": self.taps // 2, "groups": self.groups}

    def arrays(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and weights."""
        rng = np.random.default_rng(0)
        image = rng.standard_normal((batch, self.channels, self.extent, self.extent))
        weights = rng.standard_normal((self.outputs, self.channels // self.groups, self.taps, self.taps))
        return image.astype("f4"), weights.astype("f4")


LAYERS = (
    Layer(64, 64, 56, 3),
    Layer(256, 256, 14, 3),
    Layer(3, 64, 224, 7, stride=2),
    Layer(64, 256, 56, 1),
    Layer(256, 64, 56, 1),
    Layer(128, 128, 56, 3, groups=128),
    Layer(96, 96, 56, 7, groups=96),
)


def measure(works: tuple[str, ...], threads: tuple[int, ...], seconds: float) -> Iterator[dict[str, Any]]:
    """Verify and time every layer; one row each."""
    for layer in LAYERS:
        for batch in BATCHES:
            image, weights = layer.arrays(batch)
            for work in (w for w in WORKS if w in works):
                for layout in LAYOUTS:
                    runs, error = (_forward if work == "layers" else _gradients)(layer, image, weights, layout)
                    about = {"work": f"{work}: {layer}, {layout}", "dtype": "f4", "size": batch, "taps": layer.taps}
                    for number in threads:
                        set_threads(number)
                        times = interleaved(runs, seconds, number)
                        yield {**about, "threads": number, "error": round(error, 4), "times": times}


def _laid(array: np.ndarray, layout: str) -> np.ndarray:
    """The array with its channels first or last in memory."""
    if layout == "first":
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _forward(layer: Layer, image: np.ndarray, weights: np.ndarray, layout: str) -> tuple[Runs, float]:
    x = _laid(image, layout)

    def ours() -> Any:
        with gpuconv.backend("cpu"):
            return gpuconv.nn.conv2d(x, weights, **layer.options)

    runs: Runs = {"gpuconv cpu": ours}
    runs |= _torch(lambda f, a, w: partial(f.conv2d, a, w, **layer.options), image, weights)
    return runs, _error(layer_call(2, x, weights, **layer.options), ours())


def _gradients(layer: Layer, image: np.ndarray, weights: np.ndarray, layout: str) -> tuple[Runs, float]:
    """With respect to the weights."""
    shape = layer_call(2, image, weights, **layer.options).problem.out_shape
    grad = np.random.default_rng(1).standard_normal(shape).astype("f4")
    x, g, size = _laid(image, layout), _laid(grad, layout), weights.shape

    def ours() -> Any:
        with gpuconv.backend("cpu"):
            return gpuconv.nn.conv2d_weight(x, size, g, **layer.options)

    def theirs(functional: Any, a: Any, b: Any) -> Callable[[], Any]:
        import torch

        return partial(torch.nn.grad.conv2d_weight, a, size, b, **layer.options)

    runs: Runs = {"gpuconv cpu": ours} | _torch(theirs, image, grad)
    with gpuconv.backend("numpy"):
        wide = [a.astype("f8") for a in (image, grad)]
        exact, magnitude = (gpuconv.nn.conv2d_weight(a, size, b, **layer.options) for a, b in (wide, map(np.abs, wide)))
    terms = grad.size // grad.shape[1] + 3
    return runs, float((np.abs(ours() - exact) / (terms * 2.0**-24 * magnitude)).max())


def _torch(make: Callable[..., Callable[[], Any]], image: np.ndarray, other: np.ndarray) -> Runs:
    try:
        import torch
    except ImportError:
        return {}
    runs: Runs = {}
    for name, layout in (("torch", torch.contiguous_format), ("torch channels_last", torch.channels_last)):
        a, b = (torch.from_numpy(array).contiguous(memory_format=layout) for array in (image, other))
        runs[name] = make(torch.nn.functional, a, b)
    return runs


def _error(call: Call, result: np.ndarray) -> float:
    """Largest error as a share of the plan's bound."""
    plan = backends.select(call.problem, facts_of(call), "cpu")[1]
    image, weights = (np.asarray(a, "f8") for a in (call.operands.image, call.operands.weights))
    options = {"stride": call.problem.stride, "padding": call.problem.pad_before, "groups": call.problem.groups}
    with gpuconv.backend("numpy"):
        exact = gpuconv.nn.conv2d(image, weights, **options)
        magnitude = gpuconv.nn.conv2d(np.abs(image), np.abs(weights), **options)
    norm = np.abs(image).max() * np.sqrt((weights**2).sum(axis=(1, 2, 3))).reshape(-1, 1, 1)
    share = float((np.abs(result - exact) / plan.bound.at(magnitude, exact, norm)).max())
    assert share <= 1, f"{call.problem}: {share} times the error of its bound"
    return share
