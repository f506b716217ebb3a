"""What is timed: one cell for each kernel family, dtype, shape and size of filter.

Everyone computes the same: correlation with zeros outside the image (the gradient: with the image reflected), rounded
to nearest for uint8. Random weights are not separable; separable ones are a Gaussian, and those of "low_rank" the
difference of two. Layers are padded by half a filter.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.engine import Call
from gpuconv.filters.gradient import magnitude_call
from gpuconv.nn.forward import layer_call
from gpuconv.nn.weight_gradient import gradient_call
from gpuconv.options import Options
from gpuconv.statements import filter_call, separable_call

SOBEL = np.outer([1, 0, -1], [1, 2, 1]).astype("float32")
LAYERS = ("depthwise", "dense", "weights")
Runs = dict[str, Callable[[], Any]]  # each returns the result as an array on the device


@dataclass(frozen=True)
class Cell:
    """One comparison."""

    work: str  # of report.TITLES
    dtype: str
    shape: tuple[int, ...]  # of layers (N, C, H, W) or (N, C, L), of pixels (H, W, 3)
    taps: int  # along each axis
    channels_out: int = 0  # of "dense" and "weights"
    stride: int = 1  # of layers
    last: bool = False  # channels last in memory
    precision: str = "standard"

    def __str__(self) -> str:
        words = [f"{self.work} {self.taps} {'x'.join(map(str, self.shape))} {self.dtype}"]
        words += [f"stride {self.stride}"] * (self.stride > 1) + ["channels last"] * self.last
        return ", ".join(words + [self.precision] * (self.precision != "standard"))

    @property
    def is_layer(self) -> bool:
        """Whether weights are on the device, as those of a network are."""
        return self.work in LAYERS

    @property
    def weights_dtype(self) -> str:
        """As the compute dtype, which the peers need."""
        return {"uint8": "float32"}.get(self.dtype, self.dtype)

    @property
    def groups(self) -> int:
        """Of a layer."""
        return self.shape[1] if self.work == "depthwise" else 1

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Of filters, of layers, and of the weights whose gradient is asked for."""
        if self.is_layer:
            out = self.channels_out or self.shape[1]
            return (out, self.shape[1] // self.groups, *(self.taps,) * (len(self.shape) - 2))
        return (self.taps,) * (2 if self.work in ("filter", "low_rank", "pixels") else 1)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Of the result of a filter or a layer; of gradients the shape of the layer's result."""
        if not self.is_layer:
            return self.shape
        rest = 2 * (self.taps // 2) - self.taps
        extent = ((n + rest) // self.stride + 1 for n in self.shape[2:])
        return (self.shape[0], self.weights_shape[0], *extent)

    @property
    def moved(self) -> int:
        """Bytes of images, result and, of a gradient, grad_output: what a kernel must read and write at least."""
        arrays = [self.shape, self.out_shape] + [self.weights_shape] * (self.work == "weights")
        return sum(map(math.prod, arrays)) * np.dtype(self.dtype).itemsize

    @property
    def products(self) -> int:
        """Products that the definition needs; two passes for a separable filter."""
        square = self.taps**2
        axes = {"filter": square, "low_rank": square, "pixels": square, "separable": 2 * self.taps, "gradient": 18}
        each = math.prod(self.weights_shape[1:]) if self.is_layer else axes.get(self.work, self.taps)
        return math.prod(self.out_shape) * each

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Image and weights, or grad_output; separable weights are one factor, used twice."""
        rng = np.random.default_rng(self.taps)
        x = _random(rng, self.shape, self.dtype) * 200
        if self.work == "gradient":
            return x.astype(self.dtype), np.stack([SOBEL, SOBEL.T]).astype(self.weights_dtype)
        if self.work == "weights":
            return x.astype(self.dtype), (_random(rng, self.out_shape, self.dtype) - 0.5).astype(self.dtype)
        if self.work == "separable":
            w = self._gaussian(6)
        elif self.work == "low_rank":
            w = np.outer(self._gaussian(6), self._gaussian(6)) - np.outer(self._gaussian(10), self._gaussian(10)) / 2
        else:
            w = _random(rng, self.weights_shape, self.dtype)
        return x.astype(self.dtype), (w / w.sum()).astype(self.weights_dtype)

    def _gaussian(self, width: float) -> np.ndarray:
        values = np.exp(-0.5 * (np.arange(self.taps) - self.taps // 2) ** 2 / (self.taps / width) ** 2)
        normed: np.ndarray = values / values.sum()
        return normed

    def call(self, x: Any, w: Any) -> Call:
        """The cell as gpuconv is asked for it."""
        options = Options(out_dtype=self.dtype)
        if self.is_layer:
            return replace(self._layer(x, w), precision=self.precision)
        if self.work == "gradient":
            return magnitude_call(x, (w[0], w[1]), replace(options, boundary="symmetric"))
        if self.work == "separable":
            return separable_call(x, [w, w], options)
        if self.work == "pixels":
            return filter_call(x, w, replace(options, channel_axis=-1), flipped=False)
        return filter_call(x, w, replace(options, axes=0 if self.work == "columns" else None), flipped=False)

    def _layer(self, x: Any, w: Any) -> Call:
        rank, pad = len(self.shape) - 2, self.taps // 2
        if self.work == "weights":
            return gradient_call(rank, x, self.weights_shape, w, padding=pad)
        return layer_call(rank, x, w, stride=self.stride, padding=pad, groups=self.groups)


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = rng.random(shape, "float32")
    return values + 1j * rng.random(shape, "float32") if np.dtype(dtype).kind == "c" else values


def cells(quick: bool) -> Iterator[Cell]:
    """All cells: first one or two of each family, then the others, the smallest first."""
    families = (_filters, _images, _signals, _layers, _signal_layers)
    first = sorted((cell for family in families for cell in family(True)), key=lambda cell: cell.products)
    yield from first
    if not quick:
        others = {cell for family in families for cell in family(False)} - set(first)
        yield from sorted(others, key=lambda cell: (cell.products, str(cell)))


def _filters(quick: bool) -> Iterator[Cell]:
    sizes = (2048,) if quick else (512, 1024, 2048, 4096)
    for size in sizes:
        for taps in (5, 21) if quick else (3, 5, 7, 9, 11, 15, 21, 31, 63):
            yield Cell("filter", "float32", (size, size), taps)
        for taps in (7,) if quick else (5, 7, 15, 31):
            yield Cell("separable", "float32", (size, size), taps)
    for taps in (21,) if quick else (9, 21, 41):
        yield Cell("low_rank", "float32", (2048, 2048), taps)
    if not quick:
        yield Cell("filter", "float32", (2048, 2048), 127)


def _images(quick: bool) -> Iterator[Cell]:
    for dtype in ("uint8", "complex64") if quick else ("uint8", "float16", "float64", "complex64"):
        yield Cell("filter", dtype, (2048, 2048), 7)
        if dtype != "complex64":
            yield Cell("separable", dtype, (2048, 2048), 15)
    for dtype in ("uint8",) if quick else ("uint8", "float32"):
        yield Cell("pixels", dtype, (2048, 2048, 3), 5)
    for dtype in ("float32",) if quick else ("uint8", "float32"):
        yield Cell("gradient", dtype, (2048, 2048), 3)


def _signals(quick: bool) -> Iterator[Cell]:
    for taps in (63,) if quick else (15, 63, 255, 1023):
        yield Cell("rows", "float32", (4096, 4096), taps)
        yield Cell("columns", "float32", (4096, 4096), taps)
        yield Cell("signal", "float32", (10_000_000,), taps)


def _layers(quick: bool) -> Iterator[Cell]:
    for taps in (3,) if quick else (3, 5, 7, 13):
        yield Cell("depthwise", "float32", (32, 128, 56, 56), taps)
        yield Cell("depthwise", "float32", (32, 128, 56, 56), taps, stride=2)
    for channels, extent in ((64, 56),) if quick else ((64, 56), (128, 28), (256, 14), (512, 7)):
        shape = (32, channels, extent, extent)
        yield Cell("dense", "float32", shape, 3, channels)
        yield Cell("dense", "float16", shape, 3, channels, precision="fast")
        yield Cell("dense", "float16", shape, 3, channels, precision="fast", last=True)
        yield Cell("weights", "float32", shape, 3, channels)
    if not quick:
        yield Cell("dense", "float32", (32, 256, 28, 28), 1, 256)
        yield Cell("dense", "float16", (32, 256, 28, 28), 3, 256)


def _signal_layers(quick: bool) -> Iterator[Cell]:
    yield Cell("depthwise", "float32", (32, 256, 4096), 5)
    yield Cell("dense", "float32", (32, 64, 4096), 5, 64)
    if not quick:
        yield Cell("depthwise", "float32", (32, 256, 4096), 31)
        yield Cell("dense", "float32", (32, 256, 1024), 3, 256)


def shrunk(cell: Cell, size: int) -> Cell:
    """The same work on arrays of at most `size` along each axis: to see that it runs."""
    return replace(
        cell,
        shape=tuple(min(n, size) for n in cell.shape),
        taps=min(cell.taps, size),
        channels_out=min(cell.channels_out, size),
    )
