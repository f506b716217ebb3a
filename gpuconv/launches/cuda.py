"""Launches of the CUDA C++ kernels, one planning function per kernel; the kernels' files explain the names."""

from collections.abc import Callable

import numpy as np

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_bytes import conv2d_bytes
from gpuconv.launches.cuda_dense import conv2d_dense
from gpuconv.launches.cuda_depthwise import depthwise_large, depthwise_small, depthwise_strided
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_gradient import conv2d_weight_gradient, depthwise_gradient
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.launches.cuda_low_rank import low_rank
from gpuconv.launches.cuda_mma import conv2d_mma, conv2d_mma_last
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns, conv1d_rows
from gpuconv.launches.cuda_volume import conv3d_small, separable_volume
from gpuconv.launches.cuda_volume_any import conv3d_direct, separable_passes
from gpuconv.launches.cuda_window_gradient import conv2d_window_gradient
from gpuconv.planning.facts import Facts
from gpuconv.problem import Problem

Launcher = Callable[[Problem, Facts], LaunchPlan | str]
LAUNCHERS: tuple[Launcher, ...] = (
    depthwise_gradient,
    conv2d_window_gradient,
    conv2d_weight_gradient,
    separable_stream,
    conv1d_columns,
    conv2d_separable,
    conv2d_bytes,
    conv2d_small,
    depthwise_small,
    depthwise_strided,
    conv2d_large,
    depthwise_large,
    conv2d_tiled,
    conv1d_rows,
    conv1d,
    conv2d_mma_last,
    conv2d_mma,
    conv2d_dense,
    conv2d_layer,
    conv2d_direct,
    low_rank,
)
VOLUME_LAUNCHERS: tuple[Launcher, ...] = (separable_volume, separable_passes, conv3d_small, conv3d_direct)


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel computes a problem, or None."""
    if problem.rank > (3 if problem.is_filter else 2):
        return f"the CUDA kernels take at most three spatial axes, and two of layers; got {problem.rank}"
    checked = problem.overflow == "raise" and is_integer(problem.out_dtype)
    if checked and not np.can_cast(accumulator(problem, facts), problem.out_dtype):
        return "the CUDA kernels saturate or wrap; overflow='raise' needs a look at the whole result"
    if problem.op == "weight_gradient":
        launch = conv2d_weight_gradient(problem, facts)
        return launch if isinstance(launch, str) else None
    return None
