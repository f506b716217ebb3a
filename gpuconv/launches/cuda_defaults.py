"""The launches that usual calls lead to: what is compiled, measured and checked beforehand."""

from dataclasses import replace
from typing import get_args

import numpy as np

from gpuconv.facts import Facts
from gpuconv.launches import LaunchPlan, Specialization
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns, conv1d_rows
from gpuconv.problem import Boundary, Ints, Problem

Types = tuple[str, str, str]  # image, compute, out
SINGLE, DOUBLE = ("float32", "float32", "float32"), ("float64", "float64", "float64")
HALF, BYTES = ("float16", "float32", "float16"), ("uint8", "float32", "uint8")
WIDENED, EXACT = ("uint8", "float32", "float32"), ("uint8", "int64", "int64")
KNOWN = Facts(weights_sum=1, zero_taps=False)
FACTORS = Facts(weights_sum=1, zero_taps=False, separable=True)


def default_specializations() -> tuple[Specialization, ...]:
    """A finite choice: every kernel, the usual dtypes, every boundary."""
    return tuple(launch.specialization for launch in default_launches())


def default_launches() -> tuple[LaunchPlan, ...]:
    """One launch for each default specialisation."""
    planned = [*_small_and_large(), *_tiled(), *_separable(), *_signals(), *_layers(), *_direct()]
    refusals = [launch for launch in planned if isinstance(launch, str)]
    assert not refusals, refusals
    return tuple({launch.specialization: launch for launch in planned if isinstance(launch, LaunchPlan)}.values())


def _small_and_large() -> list[LaunchPlan | str]:
    boundaries: tuple[Boundary, ...] = get_args(Boundary)
    small = [_filter(SINGLE, (n, n), "symmetric") for n in (3, 7, 9, 11)]
    small += [_filter(SINGLE, (5, 5), boundary) for boundary in boundaries]
    small += [_filter(types, (5, 5), "symmetric") for types in (DOUBLE, HALF, BYTES, EXACT)]
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
    return [separable_stream(problem, FACTORS) for problem in problems] + columns


def _signals() -> list[LaunchPlan | str]:
    problems = [_filter(types, (63,)) for types in (SINGLE, DOUBLE, EXACT)]
    return [kernel(problem, KNOWN) for kernel in (conv1d, conv1d_rows) for problem in problems]


def _layers() -> list[LaunchPlan | str]:
    """Layers with a filter for each pair of 64 channels and with one for each channel; large images and small ones."""
    problems = [_layer(SINGLE, groups, extent) for groups in (1, 64) for extent in (56, 7)]
    problems += [_layer(types, 1, 56) for types in (HALF, DOUBLE)]
    return [conv2d_layer(problem, KNOWN) for problem in problems]


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


def _layer(types: Types, groups: int, extent: int) -> Problem:
    """A 3 x 3 layer from 64 to 64 channels over eight images."""
    one = _filter(types, (3, 3))
    return replace(one, batch=(8,), channels_in=64, channels_out=64, groups=groups, extent=(extent, extent))
