"""Which of several ways to launch a kernel: what was measured fastest on this device, else what a model says.

`gpuconv tune` measures; DeviceLimits.tuned carries what it found, as pairs of key() and the repr() of a candidate.
"""

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from gpuconv.planning.facts import DeviceLimits
from gpuconv.problem import DType, Problem

Candidate = TypeVar("Candidate")


def pick(
    kernel: str,
    problem: Problem,
    sums: DType,
    device: DeviceLimits,
    candidates: Iterable[Candidate],
    cost: Callable[[Candidate], float] | None = None,
) -> Candidate:
    """The candidate that was measured fastest for such problems, else the one of the least cost, else the first."""
    choices = list(candidates)
    if device.tuned:
        measured = dict(device.tuned).get(key(kernel, problem, sums))
        for choice in choices:
            if repr(choice) == measured:
                return choice
    return min(choices, key=cost) if cost else choices[0]


def key(kernel: str, problem: Problem, sums: DType) -> str:
    """What a measurement holds for: kernel, filter, dtypes, and the number of outputs within a factor of four.

    For a layer also its channels, groups, strides and the extent of its output, which the tiles have to fit.
    """
    taps = "x".join(map(str, problem.filter))
    dtypes = (problem.image_dtype, sums, problem.out_dtype)
    size = math.prod(problem.out_shape).bit_length() // 2
    name = f"{kernel} {taps} {' '.join(dtype.name for dtype in dtypes)} 4^{size}"
    if problem.is_filter or problem.op == "magnitude":
        return name
    channels = f"{problem.channels_in} to {problem.channels_out} in {problem.groups}"
    extent, strides = ("x".join(map(str, values)) for values in (problem.out_extent, problem.stride))
    return f"{name}, {channels}, {extent}, stride {strides}"
