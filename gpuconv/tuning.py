"""Measuring, on the user's GPU, which of several ways to launch a kernel is the fastest.

A candidate is one of the choices that a planning function in launches/ has; CANDIDATES lists them all. Each is verified
on a small image of the same kind before it is timed. What is found goes into a file (tuned_file), whence the planner
has it through DeviceLimits (launches.tuned).
"""

import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gpuconv import backends, tuned_file
from gpuconv.arrays import adopt
from gpuconv.dtypes import accumulator
from gpuconv.engine import Call, facts_of
from gpuconv.errors import BackendUnavailableError, check_choice
from gpuconv.gpu_timing import interleaved
from gpuconv.launches import cuda_direct, cuda_separable, cuda_signals
from gpuconv.launches.tuned import key
from gpuconv.options import Options
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.planning.planner import Plan, make_plan
from gpuconv.problem import Problem
from gpuconv.reference import error_share
from gpuconv.statements import filter_call, separable_call

SIZES = (1024, 2048, 4096, 512)  # width and height of images, the most usual first
DTYPES = ("float32", "uint8", "float16", "float64")
SQUARE, SEPARABLE, SIGNAL = (3, 5, 7, 9, 11, 13, 15, 21, 31, 63), (5, 7, 15, 31), (31, 255)
TURNS = 0.15  # seconds for the timing of one case
GAIN = 0.98  # of the model's time: what is not faster than that is noise
SMALL = (150, 170)  # of the image that candidates are verified on

Choices = Callable[[Problem, Facts], Sequence[object]]
# The kernels that can be launched in more than one way, and the ways. A new kernel adds a line.
CANDIDATES: dict[str, Choices] = {
    "conv2d_small": lambda problem, facts: cuda_direct.small_tiles(problem.filter[0], accumulator(problem, facts)),
    "conv2d_large": lambda problem, facts: cuda_direct.large_tiles(
        problem.filter[1], accumulator(problem, facts), facts.device
    ),
    "separable_stream": lambda problem, facts: cuda_separable.WAVES,
    "conv1d_rows": lambda problem, facts: cuda_signals.BLOCKS,
}

logger = logging.getLogger("gpuconv")


@dataclass(frozen=True)
class Case:
    """A filter over a kind of image."""

    taps: tuple[int, ...] | int  # an int: of both factors of a separable filter
    dtype: str
    size: int

    def __str__(self) -> str:
        taps = f"separable {self.taps} x {self.taps}" if isinstance(self.taps, int) else " x ".join(map(str, self.taps))
        return f"{taps} taps, {self.size} x {self.size} {self.dtype}"

    def call(self, shape: tuple[int, int], place: Callable[[np.ndarray], Any]) -> Call:
        """The case over an image of some shape, on host or device as `place` makes it."""
        rng = np.random.default_rng(0)
        x = place((rng.random(shape, dtype="float32") * 200).astype(self.dtype))
        options = Options(boundary="symmetric", out_dtype=self.dtype)
        if isinstance(self.taps, int):
            factor = np.hanning(self.taps + 2)[1:-1].astype("float64" if self.dtype == "float64" else "float32")
            return separable_call(x, [factor / factor.sum()] * 2, options)
        weights = rng.random(self.taps).astype("float64" if self.dtype == "float64" else "float32")
        return filter_call(x, weights / weights.sum(), options, flipped=False)


def cases(sizes: Sequence[int] = SIZES, dtypes: Sequence[str] = DTYPES) -> Iterator[Case]:
    """What is measured, in the order of how often it is asked for."""
    for dtype in dtypes:
        check_choice("dtype", dtype, (*DTYPES, "int8", "int16", "uint16", "int32"))
    taps: list[tuple[int, ...] | int] = [(n, n) for n in SQUARE]
    taps += [*SEPARABLE, *((n,) for n in SIGNAL)]
    for dtype, size, filter_ in itertools.product(dtypes, sizes, taps):
        yield Case(filter_, dtype, size)


def tune(
    wanted: Sequence[Case], seconds: float, progress: Callable[[int, str], None] = lambda done, text: None
) -> tuned_file.Tuned:
    """Measure cases on the current device until the time is over, and keep what was found.

    Parameters
    ----------
    wanted : sequence of Case
        What to measure, the most important first.
    seconds : float
        When no further case is begun.
    progress : callable
        Called with the number of cases done, and what comes next.

    Returns
    -------
    dict
        For each case that was measured (by launches.tuned.key), the fastest candidate.

    Raises
    ------
    BackendUnavailableError
        If there is no CUDA device.
    FileError
        If the result cannot be kept.
    """
    reason = backends.reason_unavailable("cupy")
    if reason:
        raise BackendUnavailableError(f"tuning needs the cupy backend, which is not available: {reason}")
    from gpuconv.backends import cupy_probe

    found: tuned_file.Tuned = {}
    stop = time.perf_counter() + seconds
    for done, case in enumerate(wanted):
        if time.perf_counter() > stop:
            break
        progress(done, str(case))
        found |= measured(case)
    tuned_file.write(cupy_probe.device_key(), found)
    cupy_probe.forget()
    return found


def measured(case: Case) -> tuned_file.Tuned:
    """The fastest candidate of a case; nothing where there is no choice."""
    import cupy

    from gpuconv.backends import cupy as backend

    device = replace(backend.limits(), tuned=())
    call = case.call((case.size, case.size), cupy.asarray)
    model = planned(call, device)
    plans = candidates(call, device, model) if isinstance(model, Plan) else {}
    right = {choice: plan for choice, plan in plans.items() if _verified(case.taps, case.dtype, device, choice)}
    usual = next(iter(plans), "")
    if usual not in right or len(right) == 1:
        return {}
    out = adopt("out", cupy.empty(call.problem.out_shape, call.problem.out_dtype)).view
    runs = {choice: partial(backend.run, plan, call.operands, out) for choice, plan in right.items()}
    times = {choice: float(np.median(values)) for choice, values in interleaved(runs, TURNS).items()}
    best = min(times, key=times.__getitem__)
    kernel = right[usual].algorithm
    return {key(kernel, call.problem, right[usual].accumulator): best if times[best] < GAIN * times[usual] else usual}


def candidates(call: Call, device: DeviceLimits, model: Plan) -> dict[str, Plan]:
    """A plan for each launch that the model's kernel can have here, the model's choice first."""
    if model.algorithm not in CANDIDATES:
        return {}
    choices = map(repr, CANDIDATES[model.algorithm](call.problem, model.facts))
    plans = {choice: planned(call, device, choice) for choice in choices}
    found = {plan.launches: choice for choice, plan in plans.items() if isinstance(plan, Plan)}
    usual = found.pop(model.launches)
    return {choice: replace(model, launches=launches) for launches, choice in [(model.launches, usual), *found.items()]}


def planned(call: Call, device: DeviceLimits, choice: str = "") -> Plan | str:
    """The plan of a call on a device where `choice` has been measured fastest."""
    method = "separable" if call.operands.factors else "direct"
    facts = replace(facts_of(call), device=device, method=method)
    sums = accumulator(call.problem, facts)
    tuned = tuple((key(kernel, call.problem, sums), choice) for kernel in CANDIDATES if choice)
    return make_plan(call.problem, replace(facts, device=replace(device, tuned=tuned)), "cupy")


@functools.cache
def _verified(taps: tuple[int, ...] | int, dtype: str, device: DeviceLimits, choice: str) -> bool:
    """Whether a candidate keeps within its bound on a small image."""
    call = Case(taps, dtype, 0).call(SMALL, np.asarray)
    plan = planned(call, device, choice)
    assert isinstance(plan, Plan)
    result = np.empty(call.problem.out_shape, call.problem.out_dtype)
    backends.load("cupy").run(plan, call.operands, result)
    share = error_share(plan, call.operands, result)
    if share > 1:
        logger.error("%s with %s: %.3g times the error of its bound", plan.algorithm, choice, share)
    return share <= 1
