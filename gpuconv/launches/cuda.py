"""Launches of the CUDA C++ kernels, one planning function per kernel; the kernels' files explain the names."""

from collections.abc import Callable

import numpy as np

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.facts import Facts
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns, conv1d_rows
from gpuconv.problem import Problem

LAUNCHERS: tuple[Callable[[Problem, Facts], LaunchPlan | str], ...] = (
    separable_stream,
    conv1d_columns,
    conv2d_separable,
    conv2d_small,
    conv2d_large,
    conv2d_tiled,
    conv1d_rows,
    conv1d,
    conv2d_layer,
    conv2d_direct,
)


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel computes a problem, or None."""
    if problem.op == "weight_gradient":
        return "no CUDA kernel computes gradients of weights"
    if problem.rank > 2:
        return f"the CUDA kernels take one or two spatial axes; got {problem.rank}"
    if "c" in (problem.compute_dtype.kind, problem.out_dtype.kind):
        return f"the CUDA kernels compute real numbers; got {problem.compute_dtype} into {problem.out_dtype}"
    checked = problem.overflow == "raise" and is_integer(problem.out_dtype)
    if checked and not np.can_cast(accumulator(problem, facts), problem.out_dtype):
        return "the CUDA kernels saturate or wrap; overflow='raise' needs a look at the whole result"
    return None
