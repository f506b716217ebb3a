"""Measuring, on the user's GPU, which of several ways to launch a kernel is the fastest.

A candidate is one of the choices that a planning function in launches/ has; tuning_cases.CANDIDATES lists them all.
Each is verified on a small image, or a few images, of the same kind before it is timed. What is found goes into a file
(tuned_file), whence the planner has it through DeviceLimits (launches.tuned).
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gpuconv import backends, tuned_file
from gpuconv.arrays import View, adopt
from gpuconv.dtypes import accumulator
from gpuconv.engine import Call, facts_of
from gpuconv.errors import BackendUnavailableError, loses_the_device
from gpuconv.gpu_timing import interleaved
from gpuconv.launches.tuned import key
from gpuconv.planning.facts import DeviceLimits
from gpuconv.planning.planner import Plan, make_plan
from gpuconv.reference import error_share
from gpuconv.tuning_cases import CANDIDATES, Case

TURNS = 0.15  # seconds for the timing of one case
GAIN = 0.98  # of the model's time: what is not faster than that is noise

logger = logging.getLogger("gpuconv")
_known: dict[tuple[str, DeviceLimits, str], bool] = {}


def tune(
    wanted: Sequence[Case], seconds: float, progress: Callable[[int, str], None] = lambda done, text: None
) -> tuned_file.Tuned:
    """Measure cases on the current device until the time is over, and keep what was found, case by case.

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
        try:
            new = measured(case)
        except Exception as error:  # one case that a device refuses is no reason to lose all others
            logger.error("%s is left out: %s: %s", case, type(error).__name__, error)
            if loses_the_device(error):
                break
            continue
        found |= new
        tuned_file.write(cupy_probe.device_key(), new)
    cupy_probe.forget()
    return found


def measured(case: Case) -> tuned_file.Tuned:
    """The fastest candidate of a case; nothing where there is no choice."""
    import cupy

    from gpuconv.backends.cupy_probe import limits

    device = replace(limits(), tuned=())
    call = case.call(cupy.asarray)
    model = planned(call, device)
    plans = candidates(call, device, model) if isinstance(model, Plan) else {}
    right = {choice: plan for choice, plan in plans.items() if _verified(case.sample, device, choice)}
    usual = next(iter(plans), "")
    if usual not in right or len(right) == 1:
        return {}
    out = adopt("out", cupy.empty(call.problem.out_shape, call.problem.out_dtype)).view
    runs = {choice: _run(plan, call, out) for choice, plan in right.items()}
    times = {choice: float(np.median(values)) for choice, values in interleaved(runs, TURNS).items()}
    best = min(times, key=times.__getitem__)
    kernel = right[usual].algorithm
    return {key(kernel, call.problem, right[usual].accumulator): best if times[best] < GAIN * times[usual] else usual}


def _run(plan: Plan, call: Call, out: View) -> Callable[[], None]:
    """The launches of a plan, with its weights on the device already."""
    from gpuconv.backends.cupy_arrays import on_device

    ready = backends.ready(plan, call.operands, out)
    assert ready is not None
    return partial(ready.run, on_device(call.operands.image), on_device(out))


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


def _verified(sample: Case, device: DeviceLimits, choice: str) -> bool:
    """Whether a candidate keeps within its bound; looked at once, for images of all sizes."""
    name = str(sample), device, choice
    if name not in _known:
        _known[name] = _is_right(sample, device, choice)
    return _known[name]


def _is_right(sample: Case, device: DeviceLimits, choice: str) -> bool:
    call = sample.call(np.asarray)
    plan = planned(call, device, choice)
    assert isinstance(plan, Plan)
    result = np.empty(call.problem.out_shape, call.problem.out_dtype)
    backends.load("cupy").run(plan, call.operands, result)
    share = error_share(plan, call.operands, result)
    if share > 1:
        logger.error("%s with %s: %.3g times the error of its bound", plan.algorithm, choice, share)
    return share <= 1
