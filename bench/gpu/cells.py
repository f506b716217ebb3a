"""What is timed: one cell for each kernel family, dtype, shape and size of filter.

Everyone computes the same: correlation with zeros outside the image (the gradient: with the image reflected), rounded
to nearest for uint8. Random weights are not separable; separable ones are a Gaussian.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.engine import Call
from gpuconv.filters.gradient import magnitude_call
from gpuconv.nn import layer_call
from gpuconv.options import Options
from gpuconv.statements import filter_call, separable_call

SOBEL = np.outer([1, 0, -1], [1, 2, 1]).astype("float32")


@dataclass(frozen=True)
class Cell:
    """One comparison."""

    work: str  # "filter", "separable", "rows", "columns", "signal", "gradient", "depthwise" or "dense"
    dtype: str
    shape: tuple[int, ...]
    taps: int  # along each axis
    channels_out: int = 0  # of a dense layer

    def __str__(self) -> str:
        return f"{self.work} {self.taps} {'x'.join(map(str, self.shape))} {self.dtype}"

    @property
    def weights_dtype(self) -> str:
        """As the compute dtype, which the peers need."""
        return {"uint8": "float32"}.get(self.dtype, self.dtype)

    @property
    def moved(self) -> int:
        """Bytes of image and result: what a kernel must read and write at least."""
        out = self.channels_out * np.prod(self.shape) // self.shape[1] if self.channels_out else np.prod(self.shape)
        return int(np.prod(self.shape) + out) * np.dtype(self.dtype).itemsize

    @property
    def products(self) -> int:
        """Products that the definition needs; two passes for a separable filter."""
        axes = {"filter": self.taps**2, "separable": 2 * self.taps, "gradient": 18, "depthwise": self.taps**2}
        if self.work == "dense":
            return int(np.prod(self.shape)) * self.channels_out * self.taps**2
        return int(np.prod(self.shape)) * axes.get(self.work, self.taps)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Image and weights; separable weights are one factor, used twice."""
        rng = np.random.default_rng(self.taps)
        x = (rng.random(self.shape, "float32") * 200).astype(self.dtype)
        if self.work == "gradient":
            return x, np.stack([SOBEL, SOBEL.T]).astype(self.weights_dtype)
        if self.work == "separable":
            w = np.exp(-0.5 * (np.arange(self.taps) - self.taps // 2) ** 2 / (self.taps / 6) ** 2)
        else:
            w = rng.random(self._weights_shape())
        return x, (w / w.sum()).astype(self.weights_dtype)

    def _weights_shape(self) -> tuple[int, ...]:
        square, channels = (self.taps, self.taps), self.shape[1] if len(self.shape) > 1 else 1
        layers = {"dense": (self.channels_out, channels, *square), "depthwise": (channels, 1, *square)}
        return {"filter": square, **layers}.get(self.work, (self.taps,))

    def call(self, x: Any, w: np.ndarray) -> Call:
        """The cell as gpuconv is asked for it."""
        options = Options(out_dtype=self.dtype)
        if self.work == "gradient":
            return magnitude_call(x, (w[0], w[1]), replace(options, boundary="symmetric"))
        if self.work == "separable":
            return separable_call(x, [w, w], options)
        if self.work in ("dense", "depthwise"):
            groups = self.shape[1] if self.work == "depthwise" else 1
            return layer_call(2, x, w, padding="same", groups=groups)
        return filter_call(x, w, replace(options, axes=0 if self.work == "columns" else None), flipped=False)


def cells(quick: bool) -> Iterator[Cell]:
    """All cells, or one or two of each family."""
    for wanted in (_filters, _signals, _layers):
        yield from wanted(quick)


def _filters(quick: bool) -> Iterator[Cell]:
    sizes = (2048,) if quick else (512, 1024, 2048, 4096)
    for size in sizes:
        for taps in (5, 21) if quick else (3, 5, 7, 9, 11, 15, 21, 31, 63):
            yield Cell("filter", "float32", (size, size), taps)
        for taps in (7,) if quick else (5, 7, 15, 31):
            yield Cell("separable", "float32", (size, size), taps)
    for dtype in ("uint8",) if quick else ("uint8", "float16", "float64"):
        yield Cell("filter", dtype, (2048, 2048), 7)
        yield Cell("separable", dtype, (2048, 2048), 15)
    yield Cell("gradient", "float32", (2048, 2048), 3)


def _signals(quick: bool) -> Iterator[Cell]:
    for taps in (63,) if quick else (15, 63, 255, 1023):
        yield Cell("rows", "float32", (4096, 4096), taps)
        yield Cell("columns", "float32", (4096, 4096), taps)
        yield Cell("signal", "float32", (10_000_000,), taps)


def _layers(quick: bool) -> Iterator[Cell]:
    for taps in (3,) if quick else (3, 5, 7):
        yield Cell("depthwise", "float32", (32, 128, 56, 56), taps)
    for channels, extent in ((64, 56),) if quick else ((64, 56), (128, 28), (256, 14), (512, 7)):
        yield Cell("dense", "float32", (32, channels, extent, extent), 3, channels)
    if not quick:
        yield Cell("dense", "float32", (32, 256, 28, 28), 1, 256)
        yield Cell("dense", "float16", (32, 256, 28, 28), 3, 256)


def shrunk(cell: Cell, size: int) -> Cell:
    """The same work on arrays of at most `size` along each axis: to see that it runs."""
    return replace(
        cell,
        shape=tuple(min(n, size) for n in cell.shape),
        taps=min(cell.taps, size),
        channels_out=min(cell.channels_out, size),
    )


Runs = dict[str, Callable[[], Any]]  # each returns the result as an array on the device
