"""The launches that usual calls lead to: what is compiled, measured and checked beforehand."""

from dataclasses import replace
from typing import get_args

import numpy as np

from gpuconv.launches import LaunchPlan, Specialization
from gpuconv.launches.cuda_bytes import conv2d_bytes
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
from gpuconv.launches.cuda_volume import conv3d_small, separable_volume
from gpuconv.launches.cuda_volume_any import conv3d_direct
from gpuconv.launches.cuda_window_gradient import conv2d_window_gradient
from gpuconv.launches.usual_problems import BYTES, DOUBLE, EXACT, HALF, SINGLE, Types, usual_filter, usual_layer
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Tiles
from gpuconv.problem import Boundary, Problem

WIDENED = ("uint8", "float32", "float32")
EXACT_BYTES, WIDE = ("uint8", "int64", "uint8"), ("int32", "int64", "int64")
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
    planned += _volumes()
    refusals = [launch for launch in planned if isinstance(launch, str)]
    assert not refusals, refusals
    return tuple({launch.specialization: launch for launch in planned if isinstance(launch, LaunchPlan)}.values())


def _small_and_large() -> list[LaunchPlan | str]:
    boundaries: tuple[Boundary, ...] = get_args(Boundary)
    small = [usual_filter(SINGLE, (n, n), "symmetric") for n in (3, 7, 9, 11)]
    small += [usual_filter(SINGLE, (5, 5), boundary) for boundary in boundaries]
    small += [usual_filter(types, (5, 5), "symmetric") for types in (DOUBLE, HALF, BYTES, COMPLEX)]
    large = [usual_filter(SINGLE, (n, n), "symmetric") for n in (15, 31, 63)]
    exact = [usual_filter(EXACT_BYTES, (7, 7), "symmetric"), usual_filter(EXACT, (11, 11), "symmetric")]
    launches = [conv2d_small(problem, KNOWN) for problem in small] + [conv2d_large(problem, KNOWN) for problem in large]
    whole = replace(KNOWN, weights_range=(-1, 1))
    launches.append(conv2d_small(usual_filter(WIDE, (5, 5), "symmetric"), whole))
    return launches + [conv2d_bytes(problem, whole) for problem in exact]


def _tiled() -> list[LaunchPlan | str]:
    problems = [usual_filter(SINGLE, (n, n)) for n in (5, 15)]
    problems += [usual_filter(types, (5, 5), "symmetric") for types in (DOUBLE, WIDENED, EXACT)]
    return [conv2d_tiled(problem, KNOWN) for problem in problems]


def _separable() -> list[LaunchPlan | str]:
    problems = [usual_filter(SINGLE, (n, n), "symmetric") for n in (5, 15, 31)]
    problems += [usual_filter(types, (31, 31), "symmetric") for types in (BYTES, DOUBLE)]
    return [conv2d_separable(problem, FACTORS) for problem in problems] + _streams()


def _streams() -> list[LaunchPlan | str]:
    problems = [usual_filter(SINGLE, (n, n), "symmetric") for n in (3, 5, 7, 15, 31)]
    problems += [usual_filter(types, (7, 7), "symmetric") for types in (HALF, BYTES, DOUBLE, EXACT)]
    column = _column(usual_filter(SINGLE, (9, 9), "symmetric"))
    columns = [kernel(column, KNOWN) for kernel in (separable_stream, conv1d_columns)]
    sums = [low_rank(usual_filter(SINGLE, (n, n), "symmetric"), replace(KNOWN, terms=2)) for n in (15, 31)]
    return [separable_stream(problem, FACTORS) for problem in problems] + columns + sums


def _signals() -> list[LaunchPlan | str]:
    problems = [usual_filter(types, (63,)) for types in (SINGLE, DOUBLE, EXACT)]
    return [kernel(problem, KNOWN) for kernel in (conv1d, conv1d_rows) for problem in problems]


def _layers() -> list[LaunchPlan | str]:
    """Layers with a filter for each pair of 64 channels and with one for each channel; large images and small ones."""
    problems = [usual_layer(SINGLE, (3, 3), extent, groups) for groups in (1, 64) for extent in (56, 7)]
    problems += [usual_layer(types, (3, 3)) for types in (HALF, DOUBLE)]
    return [conv2d_layer(problem, KNOWN) for problem in problems]


def _depthwise() -> list[LaunchPlan | str]:
    """A filter for each of 64 channels; small ones also for the small images of deep layers; a bank of four."""
    bank = replace(usual_filter(SINGLE, (5, 5)), channels_out=4)
    small = [usual_layer(SINGLE, (n, n), extent, 64) for extent, n in ((56, 3), (56, 7), (7, 3))]
    large = [usual_layer(SINGLE, (n, n), 56, 64) for n in (15, 31)]
    return [
        *(depthwise_small(problem, KNOWN) for problem in [*small, bank]),
        *(depthwise_large(problem, KNOWN) for problem in large),
        *_halving(),
        conv1d_rows(
            replace(usual_filter(SINGLE, (31,)), batch=(8,), channels_in=64, channels_out=64, groups=64), KNOWN
        ),
    ]


def _halving() -> list[LaunchPlan | str]:
    """Layers with a filter for each channel that make images half as large; large images and small ones."""
    layers = [usual_layer(SINGLE, (n, n), extent, 64) for extent, n in ((112, 3), (28, 5))]
    return [depthwise_strided(replace(layer, stride=(2, 2)), KNOWN) for layer in layers]


def _magnitudes() -> list[LaunchPlan | str]:
    problems = [usual_filter(types, (3, 3), "symmetric") for types in (SINGLE, BYTES)]
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


def _volumes() -> list[LaunchPlan | str]:
    factors = [usual_filter(types, (n, n, n), "symmetric") for types, n in ((SINGLE, 7), (BYTES, 5))]
    dense = usual_filter(SINGLE, (3, 3, 3), "symmetric")
    launches = [separable_volume(problem, FACTORS) for problem in factors]
    return [*launches, conv3d_small(dense, KNOWN), conv3d_direct(dense, KNOWN)]


def _colours(types: Types, taps: int, channels: int) -> Problem:
    """A square filter over an image of several channels."""
    return replace(usual_filter(types, (taps, taps), "symmetric"), batch=(channels,))


def _tensor_cores() -> list[LaunchPlan | str]:
    """Layers of float16, large and small, one of float32 whose products are rounded to TF32, one with channels last."""
    fast = replace(KNOWN, precision="fast", device=replace(KNOWN.device, compute_capability=(8, 0)))
    halves = [replace(usual_layer(HALF, (3, 3), extent), weights_dtype=np.dtype("float16")) for extent in (56, 7)]
    last = replace(KNOWN, image_layout="channels_last", out_layout="channels_last")
    launches = [*(conv2d_mma(problem, KNOWN) for problem in halves), conv2d_mma(usual_layer(SINGLE, (3, 3)), fast)]
    return [*launches, conv2d_mma_last(halves[0], last)]


def _dense() -> list[LaunchPlan | str]:
    """Layers large and small, with other filters, strides, dtypes and layouts."""
    large = usual_layer(SINGLE, (3, 3))
    problems = [
        large,
        usual_layer(SINGLE, (3, 3), 7),
        usual_layer(HALF, (3, 3)),
        usual_layer(DOUBLE, (3, 3)),
        replace(large, stride=(2, 2)),
    ]
    problems.append(replace(usual_layer(SINGLE, (1, 1)), channels_out=256))
    first = replace(usual_layer(SINGLE, (7, 7), 224), channels_in=3)
    last = replace(KNOWN, image_layout="channels_last", out_layout="channels_last")
    return [
        *(conv2d_dense(problem, KNOWN) for problem in problems),
        conv2d_dense(replace(first, stride=(2, 2)), KNOWN),
        conv2d_dense(large, last),
    ]


def _gradients() -> list[LaunchPlan | str]:
    """Gradients of the weights of a layer with a filter for each pair of channels, and with one for each channel."""
    dense, depthwise = (replace(usual_layer(SINGLE, (3, 3), 56, groups), op="weight_gradient") for groups in (1, 64))
    launches = [
        conv2d_weight_gradient(dense, KNOWN),
        conv2d_window_gradient(dense, KNOWN),
        depthwise_gradient(depthwise, KNOWN),
    ]
    return [part for launch in launches for part in ([launch] if isinstance(launch, str) else launch.all)]


def _direct() -> list[LaunchPlan | str]:
    return [conv2d_direct(usual_filter(types, (33, 33)), KNOWN) for types in (SINGLE, EXACT)]


def _column(problem: Problem) -> Problem:
    """The same with the first column of the filter only."""
    (filter_h, _), (before, _), (after, _) = problem.filter, problem.pad_before, problem.pad_after
    return replace(problem, filter=(filter_h, 1), pad_before=(before, 0), pad_after=(after, 0))


def _transforms() -> list[LaunchPlan | str]:
    cut = Tiles(points=(256, 256), outputs=(194, 194), across=1, images=1)
    batches = [batch_of(usual_filter(types, (63, 63), "symmetric"), cut) for types in (SINGLE, DOUBLE)]
    return [step(batch, KNOWN) for batch in batches for step in STEPS]
