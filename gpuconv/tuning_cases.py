"""What `gpuconv tune` measures: filters over images, layers as networks have them, and the ways to launch kernels."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from gpuconv.dtypes import accumulator
from gpuconv.engine import Call
from gpuconv.errors import check_choice
from gpuconv.launches import (
    cuda_dense,
    cuda_depthwise,
    cuda_direct,
    cuda_mma,
    cuda_separable,
    cuda_signals,
    cuda_volume,
)
from gpuconv.nn import layer_call
from gpuconv.options import Options
from gpuconv.planning.facts import Facts
from gpuconv.problem import Problem
from gpuconv.statements import filter_call, separable_call

SIZES = (1024, 2048, 4096, 512)  # width and height of images, the most usual first
DTYPES = ("float32", "uint8", "float16", "float64")
LAYER_DTYPES = ("float32", "float16")
SQUARE, SEPARABLE, SIGNAL = (3, 5, 7, 9, 11, 13, 15, 21, 31, 63), (5, 7, 15, 31), (31, 255)
EXACT = (3, 5, 7, 11, 15)  # of whole weights
VOLUMES = (3, (3, 3, 3), 5, 7, (5, 5, 5), 9)  # filters over cubes of about as many samples as an image of 4096 x 4096
CUBE, SMALL_CUBE = 256, 30
SMALL = (150, 170)  # of the image that candidates are verified on
FEW = 5  # images that they are verified on: more than a block takes of any layer
MOST = 8  # candidates of a layer: those modelled fastest

Choices = Callable[[Problem, Facts], Sequence[object]]
# The kernels that can be launched in more than one way, and the ways. A new kernel adds a line.
CANDIDATES: dict[str, Choices] = {
    "conv2d_small": lambda problem, facts: cuda_direct.small_tiles(problem.filter[0], accumulator(problem, facts)),
    "conv2d_large": lambda problem, facts: cuda_direct.large_tiles(
        problem.filter[1], accumulator(problem, facts), facts.device
    ),
    "separable_stream": lambda problem, facts: cuda_separable.WAVES,
    "conv2d_bytes": lambda problem, facts: cuda_separable.WAVES,
    "separable_volume": lambda problem, facts: cuda_volume.volume_tiles(problem, facts, filtered=True),
    "conv3d_small": lambda problem, facts: cuda_volume.volume_tiles(problem, facts, filtered=False),
    "conv1d_rows": lambda problem, facts: cuda_signals.BLOCKS,
    "depthwise_small": lambda problem, facts: cuda_depthwise.small_choices(problem, accumulator(problem, facts)),
    "depthwise_strided": lambda problem, facts: cuda_depthwise.strided_tiles(problem, accumulator(problem, facts)),
    "depthwise_large": lambda problem, facts: cuda_direct.large_tiles(
        problem.filter[-1], accumulator(problem, facts), facts.device
    ),
    "conv2d_dense": lambda problem, facts: cuda_dense.dense_tiles(problem, facts)[:MOST],
    "conv2d_mma": lambda problem, facts: cuda_mma.best_tiles(problem, facts.device),
    "conv2d_mma_last": lambda problem, facts: cuda_mma.best_tiles(problem, facts.device, last=True),
}


class Case(Protocol):
    """Something to measure."""

    @property
    def sample(self) -> "Case":
        """The same on less, for which candidates are verified."""

    def call(self, place: Callable[[np.ndarray], Any]) -> Call:
        """With arrays on host or device, as `place` makes them."""


@dataclass(frozen=True)
class FilterCase:
    """A filter over a kind of image or volume."""

    taps: tuple[int, ...] | int  # an int: of both factors of a separable filter
    dtype: str
    shape: tuple[int, ...]
    exact: bool = False  # whole weights

    def __str__(self) -> str:
        factors = (self.taps,) * len(self.shape) if isinstance(self.taps, int) else self.taps
        taps = "separable " * isinstance(self.taps, int) + " x ".join(map(str, factors))
        return f"{taps} taps, {' x '.join(map(str, self.shape))} {self.dtype}{', exact' * self.exact}"

    @property
    def sample(self) -> "FilterCase":
        """The filter over a small image."""
        return replace(self, shape=SMALL if len(self.shape) == 2 else (SMALL_CUBE,) * 3)

    def call(self, place: Callable[[np.ndarray], Any]) -> Call:
        """With the image on host or device, as `place` makes it."""
        rng = np.random.default_rng(0)
        x = place((rng.random(self.shape, dtype="float32") * 200).astype(self.dtype))
        options = Options(boundary="symmetric", out_dtype=self.dtype)
        if isinstance(self.taps, int):
            factor = np.hanning(self.taps + 2)[1:-1].astype("float64" if self.dtype == "float64" else "float32")
            return separable_call(x, [factor / factor.sum()] * len(self.shape), options)
        if self.exact:
            return filter_call(x, rng.integers(-9, 10, self.taps), options, flipped=False)
        weights = rng.random(self.taps).astype("float64" if self.dtype == "float64" else "float32")
        return filter_call(x, weights / weights.sum(), options, flipped=False)


@dataclass(frozen=True)
class LayerCase:
    """A layer whose padding keeps the extent but for the stride."""

    channels_in: int
    channels_out: int
    extent: int
    taps: int
    stride: int = 1
    groups: int = 1
    dtype: str = "float32"
    precision: str = "standard"
    images: int = 32
    last: bool = False  # channels come last

    def __str__(self) -> str:
        groups, fast = f" in {self.groups} groups" * (self.groups > 1), ", fast" * (self.precision == "fast")
        channels = f"{self.channels_in} to {self.channels_out} channels{groups}"
        stride = f" stride {self.stride}" * (self.stride > 1)
        extent = f"{self.extent} x {self.extent}{' channels last' * self.last}"
        return f"layer {self.taps} x {self.taps}{stride}, {channels}, {extent} {self.dtype}{fast}"

    @property
    def sample(self) -> "LayerCase":
        """The layer over fewer images."""
        return replace(self, images=min(self.images, FEW))

    def call(self, place: Callable[[np.ndarray], Any]) -> Call:
        """With all arrays on host or device, as `place` makes them."""
        rng = np.random.default_rng(0)
        channels_and_extent = (self.channels_in, self.extent, self.extent)
        image = self.images, *(channels_and_extent[::-1] if self.last else channels_and_extent)
        filters = self.channels_out, self.channels_in // self.groups, self.taps, self.taps
        x, weights = (place(rng.standard_normal(n, "float32").astype(self.dtype)) for n in (image, filters))
        x = x.transpose((0, 3, 1, 2)) if self.last else x
        call = layer_call(2, x, weights, None, self.stride, self.taps // 2, groups=self.groups)
        return replace(call, precision=self.precision)


DENSE = (  # channels in and out, extent, taps, stride
    *((n, n, 3584 // n, 3, 1) for n in (64, 128, 256, 512)),
    *((64, 256, 56, 1, 1), (256, 64, 56, 1, 1), (512, 128, 28, 1, 1), (1024, 256, 14, 1, 1), (512, 2048, 7, 1, 1)),
    *((128, 128, 56, 3, 2), (256, 256, 28, 3, 2), (3, 64, 224, 7, 2)),
)
DEPTHWISE = (  # channels, extent, taps, stride
    *((32, 112, 3, 1), (64, 112, 3, 2), (144, 56, 3, 1), (576, 14, 3, 1), (960, 7, 3, 1)),
    *((240, 28, 5, 1), (672, 14, 5, 2), (96, 56, 7, 1), (384, 14, 7, 1), (64, 56, 31, 1)),
)
LAYERS = (
    *(LayerCase(*sizes) for sizes in DENSE),
    *(LayerCase(n, n, extent, taps, stride, groups=n) for n, extent, taps, stride in DEPTHWISE),
)


def cases(sizes: Sequence[int] = SIZES, dtypes: Sequence[str] = DTYPES) -> Iterator[FilterCase | LayerCase]:
    """What is measured, in the order of how often it is asked for: layers come after filters over the first size."""
    for dtype in dtypes:
        check_choice("dtype", dtype, (*DTYPES, "int8", "int16", "uint16", "int32"))
    taps: list[tuple[int, ...] | int] = [(n, n) for n in SQUARE]
    taps += [*SEPARABLE, *((n,) for n in SIGNAL)]
    for dtype, (i, size) in itertools.product(dtypes, enumerate(sizes)):
        yield from (FilterCase(filter_, dtype, (size, size)) for filter_ in taps)
        yield from (FilterCase((n, n), dtype, (size, size), exact=True) for n in EXACT * (dtype == "uint8"))
        if i == 0:
            yield from (FilterCase(filter_, dtype, (CUBE,) * 3) for filter_ in VOLUMES)
        if i == 0 and dtype in LAYER_DTYPES:
            yield from _layers(dtype)


def _layers(dtype: str) -> Iterator[LayerCase]:
    """Layers of a dtype; those that tensor cores compute also with fast precision, or with channels last."""
    yield from (replace(layer, dtype=dtype) for layer in LAYERS)
    other = {"precision": "fast"} if dtype == "float32" else {"dtype": dtype, "last": True}
    yield from (replace(layer, **other) for layer in LAYERS if layer.groups == 1 < layer.channels_in // 15)
