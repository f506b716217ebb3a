"""The launches that usual calls lead to: what is compiled, measured and checked beforehand."""

from dataclasses import replace
from typing import get_args

import numpy as np

from gpuconv.launches import LaunchPlan, Specialization
from gpuconv.launches.cuda_dense import conv2d_dense
from gpuconv.launches.cuda_depthwise import depthwise_large, depthwise_small, depthwise_strided
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.launches.cuda_fft import STEPS, batch_of
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_gradient import conv2d_weight_gradient, depthwise_gradient
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.launches.cuda_low_rank import low_rank
from gpuconv.launches.cuda_mma import conv2d_mma, conv2d_mma_last
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns, conv1d_rows
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Tiles
from gpuconv.problem import Boundary, Ints, Problem

Types = tuple[str, str, str]  # image, compute, out
SINGLE, DOUBLE = ("float32", "float32", "float32"), ("float64", "float64", "float64")
HALF, BYTES = ("float16", "float32", "float16"), ("uint8", "float32", "uint8")
WIDENED, EXACT = ("uint8", "float32", "float32"), ("uint8", "int64", "int64")
COMPLEX = ("complex64", "complex64", "complex64")
KNOWN = Facts(weights_sum=1, zero_taps=False)
FACTORS = Facts(weights_sum=1, zero_taps=False, separable=True)
PIXELS = Facts(weights_sum=1, zero_taps=False, interleaved=True)


def default_specializations() -> tuple[Specialization, ...]:
    """A finite choice: every kernel, the usual dtypes, every boundary."""
    return tuple(launch.specialization for launch in default_launches())


def default_launches() -> tuple[LaunchPlan, ...]:
    """One launch for each default specialisation."""
    planned = [*_small_and_large(), *_tiled(), *_separable(), *_signals(), *_layers(), *_tensor_cores()]
    planned += [*_dense(), *_gradients(), *_direct(), *_transforms(), *_depthwise(), *_magnitudes(), *_pixels()]
    refusals = [launch for launch in planned if isinstance(launch, str)]
    assert not refusals, refusals
    return tuple({launch.specialization: launch for launch in planned if isinstance(launch, LaunchPlan)}.values())


def _small_and_large() -> list[LaunchPlan | str]:
    boundaries: tuple[Boundary, ...] = get_args(Boundary)
    small = [_filter(SINGLE, (n, n), "symmetric") for n in (3, 7, 9, 11)]
    small += [_filter(SINGLE, (5, 5), boundary) for boundary in boundaries]
    small += [_filter(types, (5, 5), "symmetric") for types in (DOUBLE, HALF, BYTES, EXACT, COMPLEX)]
    large = [_filter(SINGLE, (n, n), "symmetric") for n in (15, 31, 63)]
    return [conv2d_small(problem, KNOWN) for problem in small] + [conv2d_large(problem, KNOWN) for problem in large]


def _tiled() -> list[LaunchPlan | str]:
    problems = [_filter(SINGLE, (n, n)) for n in (5, 15)]
    problems += [_filter(types, (5, 5), "symmetric") for types in (DOUBLE, WIDENED, EXACT)]
    return [conv2d_tiled(problem, KNOWN) for problem in problems]


def _separable() -> list[LaunchPlan | str]:
    problems = [_filter(SINGLE, (n, n), "symmetric") for n in (5, 15, 31)]
    problems += [_filter(types, (31, 31), "symmetric") for types in (BYTES, DOUBLE)]
    return [conv2d_separable(problem, FACTORS) for problem in problems] + _streams()


def _streams() -> list[LaunchPlan | str]:
    problems = [_filter(SINGLE, (n, n), "symmetric") for n in (3, 5, 7, 15, 31)]
    problems += [_filter(types, (7, 7), "symmetric") for types in (HALF, BYTES, DOUBLE, EXACT)]
    column = _column(_filter(SINGLE, (9, 9), "symmetric"))
    columns = [kernel(column, KNOWN) for kernel in (separable_stream, conv1d_columns)]
    sums = [low_rank(_filter(SINGLE, (n, n), "symmetric"), replace(KNOWN, terms=2)) for n in (15, 31)]
    return [separable_stream(problem, FACTORS) for problem in problems] + columns + sums


def _signals() -> list[LaunchPlan | str]:
    problems = [_filter(types, (63,)) for types in (SINGLE, DOUBLE, EXACT)]
    return [kernel(problem, KNOWN) for kernel in (conv1d, conv1d_rows) for problem in problems]


def _layers() -> list[LaunchPlan | str]:
    """Layers with a filter for each pair of 64 channels and with one for each channel; large images and small ones."""
    problems = [_layer(SINGLE, groups, extent) for groups in (1, 64) for extent in (56, 7)]
    problems += [_layer(types, 1, 56) for types in (HALF, DOUBLE)]
    return [conv2d_layer(problem, KNOWN) for problem in problems]


def _depthwise() -> list[LaunchPlan | str]:
    """A filter for each of 64 channels; small ones also for the small images of deep layers; a bank of four."""
    bank = replace(_filter(SINGLE, (5, 5)), channels_out=4)
    small = [_sized(_layer(SINGLE, 64, extent), n) for extent, n in ((56, 3), (56, 7), (7, 3))]
    large = [_sized(_layer(SINGLE, 64, 56), n) for n in (15, 31)]
    return [
        *(depthwise_small(problem, KNOWN) for problem in [*small, bank]),
        *(depthwise_large(problem, KNOWN) for problem in large),
        *_halving(),
        conv1d_rows(replace(_filter(SINGLE, (31,)), batch=(8,), channels_in=64, channels_out=64, groups=64), KNOWN),
    ]


def _halving() -> list[LaunchPlan | str]:
    """Layers with a filter for each channel that make images half as large; large images and small ones."""
    layers = [_sized(_layer(SINGLE, 64, extent), n) for extent, n in ((112, 3), (28, 5))]
    return [depthwise_strided(replace(layer, stride=(2, 2)), KNOWN) for layer in layers]


def _magnitudes() -> list[LaunchPlan | str]:
    problems = [_filter(types, (3, 3), "symmetric") for types in (SINGLE, BYTES)]
    return [conv2d_small(replace(problem, channels_out=2, op="magnitude"), KNOWN) for problem in problems]


def _pixels() -> list[LaunchPlan | str]:
    """Images whose red, green, blue (and alpha) stand side by side."""
    small = [_colours(types, n, channels) for types, n, channels in ((BYTES, 3, 3), (SINGLE, 5, 3), (SINGLE, 7, 4))]
    factors = [_colours(types, n, 3) for types, n in ((BYTES, 7), (SINGLE, 15))]
    return [
        *(conv2d_small(problem, PIXELS) for problem in small),
        conv2d_large(_colours(BYTES, 15, 3), PIXELS),
        *(separable_stream(problem, replace(PIXELS, separable=True)) for problem in factors),
    ]


def _colours(types: Types, taps: int, channels: int) -> Problem:
    """A square filter over an image of several channels."""
    return replace(_filter(types, (taps, taps), "symmetric"), batch=(channels,))


def _tensor_cores() -> list[LaunchPlan | str]:
    """Layers of float16, large and small, one of float32 whose products are rounded to TF32, one with channels last."""
    fast = replace(KNOWN, precision="fast", device=replace(KNOWN.device, compute_capability=(8, 0)))
    halves = [replace(_layer(HALF, 1, extent), weights_dtype=np.dtype("float16")) for extent in (56, 7)]
    last = replace(KNOWN, image_layout="channels_last", out_layout="channels_last")
    launches = [*(conv2d_mma(problem, KNOWN) for problem in halves), conv2d_mma(_layer(SINGLE, 1, 56), fast)]
    return [*launches, conv2d_mma_last(halves[0], last)]


def _dense() -> list[LaunchPlan | str]:
    """Layers large and small, with other filters, strides, dtypes and layouts."""
    large = _layer(SINGLE, 1, 56)
    problems = [large, _layer(SINGLE, 1, 7), _layer(HALF, 1, 56), _layer(DOUBLE, 1, 56), replace(large, stride=(2, 2))]
    problems.append(replace(large, channels_out=256, filter=(1, 1), pad_before=(0, 0), pad_after=(0, 0)))
    first = replace(_layer(SINGLE, 1, 224), channels_in=3, filter=(7, 7), pad_before=(3, 3), pad_after=(3, 3))
    last = replace(KNOWN, image_layout="channels_last", out_layout="channels_last")
    return [
        *(conv2d_dense(problem, KNOWN) for problem in problems),
        conv2d_dense(replace(first, stride=(2, 2)), KNOWN),
        conv2d_dense(large, last),
    ]


def _gradients() -> list[LaunchPlan | str]:
    """Gradients of the weights of a layer with a filter for each pair of channels, and with one for each channel."""
    dense, depthwise = (replace(_layer(SINGLE, groups, 56), op="weight_gradient") for groups in (1, 64))
    launches = [conv2d_weight_gradient(dense, KNOWN), depthwise_gradient(depthwise, KNOWN)]
    return [part for launch in launches for part in ([launch] if isinstance(launch, str) else launch.all)]


def _direct() -> list[LaunchPlan | str]:
    return [conv2d_direct(_filter(types, (33, 33)), KNOWN) for types in (SINGLE, EXACT)]


def _filter(types: Types, filter_: Ints, boundary: Boundary = "constant") -> Problem:
    """A filter of the same size over one image (or signal) of 512 samples an axis."""
    image, compute, out = map(np.dtype, types)
    pad, ones = tuple(n // 2 for n in filter_), (1,) * len(filter_)
    geometry = ((512,) * len(filter_), filter_, pad, pad, ones, ones)
    return Problem((1,), 1, 1, 1, *geometry, boundary, 0, image, compute, compute, out)


def _column(problem: Problem) -> Problem:
    """The same with the first column of the filter only."""
    (filter_h, _), (before, _), (after, _) = problem.filter, problem.pad_before, problem.pad_after
    return replace(problem, filter=(filter_h, 1), pad_before=(before, 0), pad_after=(after, 0))


def _sized(layer: Problem, taps: int) -> Problem:
    """The layer with square filters of another size, and pads that keep the image's."""
    pad = (taps // 2, taps // 2)
    return replace(layer, filter=(taps, taps), pad_before=pad, pad_after=pad)


def _layer(types: Types, groups: int, extent: int) -> Problem:
    """A 3 x 3 layer from 64 to 64 channels over eight images."""
    one = _filter(types, (3, 3))
    return replace(one, batch=(8,), channels_in=64, channels_out=64, groups=groups, extent=(extent, extent))


def _transforms() -> list[LaunchPlan | str]:
    cut = Tiles(points=(256, 256), outputs=(194, 194), across=1, images=1)
    batches = [batch_of(_filter(types, (63, 63), "symmetric"), cut) for types in (SINGLE, DOUBLE)]
    return [step(batch, KNOWN) for batch in batches for step in STEPS]
