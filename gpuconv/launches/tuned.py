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
    cost: Callable[[Candidate], float],
) -> Candidate:
    """The candidate that was measured fastest for such problems, else the one of the least cost."""
    choices = list(candidates)
    if device.tuned:
        measured = dict(device.tuned).get(key(kernel, problem, sums))
        for choice in choices:
            if repr(choice) == measured:
                return choice
    return min(choices, key=cost)


def key(kernel: str, problem: Problem, sums: DType) -> str:
    """What a measurement holds for: kernel, filter, dtypes, and the number of outputs within a factor of four."""
    taps = "x".join(map(str, problem.filter))
    dtypes = (problem.image_dtype, sums, problem.out_dtype)
    size = math.prod(problem.out_shape).bit_length() // 2
    return f"{kernel} {taps} {' '.join(dtype.name for dtype in dtypes)} 4^{size}"
