"""The launches that usual calls lead to: what is compiled and checked beforehand."""

from dataclasses import replace

import numpy as np

from gpuconv.launches import LaunchPlan, Specialization
from gpuconv.launches.numba_cuda import (
    TILED_FILTERS,
    conv1d,
    conv2d_layer,
    conv2d_separable,
    conv2d_tiled,
    copy_launch,
)
from gpuconv.planning.facts import Facts
from gpuconv.problem import Ints, Problem

Types = tuple[str, str, str]  # image, compute, out
SINGLE, DOUBLE = ("float32", "float32", "float32"), ("float64", "float64", "float64")
HALF, BYTES, EXACT = ("float16", "float32", "float16"), ("uint8", "float32", "uint8"), ("uint8", "int64", "int64")
KNOWN = Facts(weights_sum=1, zero_taps=False)
FACTORS = replace(KNOWN, separable=True)


def default_specializations() -> tuple[Specialization, ...]:
    """A finite choice: every kernel, with the usual dtypes."""
    return tuple(launch.specialization for launch in default_launches())


def default_launches() -> tuple[LaunchPlan, ...]:
    """One launch for each default specialisation."""
    planned = [
        *(conv2d_tiled(_filter(SINGLE, (n, n)), KNOWN) for n in TILED_FILTERS),
        *(conv2d_tiled(_filter(types, (5, 5)), KNOWN) for types in (DOUBLE, HALF, BYTES, EXACT)),
        conv2d_tiled(replace(_layer(SINGLE, (7, 7)), groups=64, bias=True), KNOWN),
        *(conv2d_separable(_filter(SINGLE, (n, n)), FACTORS) for n in (3, 7, 15, 31)),
        *(conv2d_separable(_filter(types, (7, 7)), FACTORS) for types in (DOUBLE, HALF, BYTES, EXACT)),
        *(conv1d(_filter(types, (63,)), KNOWN) for types in (SINGLE, DOUBLE, EXACT)),
        conv1d(_filter(SINGLE, (63,), extent=100), KNOWN),
        *(conv2d_layer(_filter(types, (33, 33)), KNOWN) for types in (SINGLE, DOUBLE)),
        *(conv2d_layer(_layer(types, (3, 3)), KNOWN) for types in (SINGLE, DOUBLE, HALF)),
        conv2d_layer(_layer(SINGLE, (9,)), KNOWN),
        copy_launch(np.dtype("float32"), np.dtype("float32"), (1, 1, 512, 512)),
    ]
    refusals = [launch for launch in planned if isinstance(launch, str)]
    assert not refusals, refusals
    return tuple(launch for launch in planned if isinstance(launch, LaunchPlan))


def _filter(types: Types, filter_: Ints, extent: int = 512) -> Problem:
    """A filter over one image or signal."""
    image, compute, out = map(np.dtype, types)
    pad, ones = tuple(n // 2 for n in filter_), (1,) * len(filter_)
    geometry = ((extent,) * len(filter_), filter_, pad, pad, ones, ones)
    return Problem((1,), 1, 1, 1, *geometry, "constant", 0, image, compute, compute, out)


def _layer(types: Types, filter_: Ints) -> Problem:
    """A layer from 64 to 64 channels over eight images."""
    return replace(_filter(types, filter_, extent=56), batch=(8,), channels_in=64, channels_out=64)
