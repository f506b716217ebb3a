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
from gpuconv.launches.usual_problems import BYTES, DOUBLE, EXACT, HALF, SINGLE, usual_filter, usual_layer
from gpuconv.planning.facts import Facts

KNOWN = Facts(weights_sum=1, zero_taps=False)
FACTORS = replace(KNOWN, separable=True)


def default_specializations() -> tuple[Specialization, ...]:
    """A finite choice: every kernel, with the usual dtypes."""
    return tuple(launch.specialization for launch in default_launches())


def default_launches() -> tuple[LaunchPlan, ...]:
    """One launch for each default specialisation."""
    planned = [
        *(conv2d_tiled(usual_filter(SINGLE, (n, n)), KNOWN) for n in TILED_FILTERS),
        *(conv2d_tiled(usual_filter(types, (5, 5)), KNOWN) for types in (DOUBLE, HALF, BYTES, EXACT)),
        conv2d_tiled(replace(usual_layer(SINGLE, (7, 7)), groups=64, bias=True), KNOWN),
        *(conv2d_separable(usual_filter(SINGLE, (n, n)), FACTORS) for n in (3, 7, 15, 31)),
        *(conv2d_separable(usual_filter(types, (7, 7)), FACTORS) for types in (DOUBLE, HALF, BYTES, EXACT)),
        *(conv1d(usual_filter(types, (63,)), KNOWN) for types in (SINGLE, DOUBLE, EXACT)),
        conv1d(usual_filter(SINGLE, (63,), extent=100), KNOWN),
        *(conv2d_layer(usual_filter(types, (33, 33)), KNOWN) for types in (SINGLE, DOUBLE)),
        *(conv2d_layer(usual_layer(types, (3, 3)), KNOWN) for types in (SINGLE, DOUBLE, HALF)),
        conv2d_layer(usual_layer(SINGLE, (9,)), KNOWN),
        copy_launch(np.dtype("float32"), np.dtype("float32"), (1, 1, 512, 512)),
    ]
    refusals = [launch for launch in planned if isinstance(launch, str)]
    assert not refusals, refusals
    return tuple(launch for launch in planned if isinstance(launch, LaunchPlan))
