"""Problems and facts that the planning functions of the CUDA C++ kernels are asked about."""

from dataclasses import replace

import numpy as np

from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.planning.facts import Facts
from gpuconv.problem import Problem

KERNELS = (conv2d_separable, conv2d_tiled, conv1d, conv2d_layer, conv2d_direct)  # the preferred first
HOST = Facts(weights_sum=1, zero_taps=False)
DEVICE = replace(HOST, weights_place="device")
FACTORS = replace(HOST, separable=True)


def make(extent=(60, 70), filter_=(5, 5), *, dtype="float32", out=None, images=3, channels=(1, 1, 1), **changes):
    """A problem of size "same" over some images."""
    rank, compute = len(extent), np.dtype(dtype)
    pads = {"pad_before": tuple(n // 2 for n in filter_), "pad_after": tuple((n - 1) // 2 for n in filter_)}
    geometry = {"stride": (1,) * rank, "dilation": (1,) * rank, "boundary": "edge", "fill": 0, **pads, **changes}
    dtypes = {f"{name}_dtype": compute for name in ("image", "weights", "compute")} | {
        "out_dtype": np.dtype(out or dtype)
    }
    return Problem((images,), *channels, extent, filter_, **(dtypes | geometry))


def first_launch(problem: Problem, facts: Facts = HOST) -> LaunchPlan:
    """The launch of the first of these kernels that takes a problem."""
    launches = (launcher(problem, facts) for launcher in KERNELS)
    return next(launch for launch in launches if isinstance(launch, LaunchPlan))
