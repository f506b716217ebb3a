"""Launches of the CUDA C++ kernels, one planning function per kernel; the kernels' files explain the names."""

from collections.abc import Callable

import numpy as np

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import LaunchPlan
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
from gpuconv.planning.facts import Facts
from gpuconv.problem import Problem

LAUNCHERS: tuple[Callable[[Problem, Facts], LaunchPlan | str], ...] = (
    depthwise_gradient,
    conv2d_weight_gradient,
    separable_stream,
    conv1d_columns,
    conv2d_separable,
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


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel computes a problem, or None."""
    if problem.rank > 2:
        return f"the CUDA kernels take one or two spatial axes; got {problem.rank}"
    checked = problem.overflow == "raise" and is_integer(problem.out_dtype)
    if checked and not np.can_cast(accumulator(problem, facts), problem.out_dtype):
        return "the CUDA kernels saturate or wrap; overflow='raise' needs a look at the whole result"
    if problem.op == "weight_gradient":
        launch = conv2d_weight_gradient(problem, facts)
        return launch if isinstance(launch, str) else None
    return None
