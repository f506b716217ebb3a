"""Which backend computes a problem, and how."""

import functools
from collections.abc import Iterator
from dataclasses import replace

from gpuconv.backends import choice, probing
from gpuconv.backends.choice import GPU, PREFERENCE
from gpuconv.backends.probing import load
from gpuconv.backends.protocols import Backend
from gpuconv.errors import BackendUnavailableError, UnsupportedProblemError
from gpuconv.planning import rates
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.planning.planner import Plan, make_plan, worth_a_gpu
from gpuconv.planning.sliced import plan_sliced
from gpuconv.planning.sliced import takes as takes_sliced
from gpuconv.problem import Problem

NOTICED = 1e-3  # seconds below which the CPU's backends are not compared


def select(problem: Problem, facts: Facts, argument: str | None, hesitate: bool = True) -> tuple[Backend, Plan]:
    """Return the backend that computes a problem, and its plan; `hesitate`: "auto" may put off a compilation.

    Raises
    ------
    BackendUnavailableError
        If the backend asked for cannot run on this machine.
    UnsupportedProblemError
        If the backend asked for, or every backend, cannot compute this problem.
    """
    name = choice.requested(argument)
    if name != "auto":
        reason = probing.reason_unavailable(name)
        if reason:
            raise BackendUnavailableError(f"backend {name!r} is not available: {reason}")
        plan = _plan(name, problem, facts)
        if isinstance(plan, str):
            raise UnsupportedProblemError(f"backend {name!r} cannot compute this: {plan}")
        return _taken(name, plan)
    refusals = []
    for candidate in PREFERENCE:
        plan = _plan_of_auto(candidate, problem, facts, hesitate)
        if isinstance(plan, Plan):
            return _taken(candidate, plan)
        refusals.append(f"{candidate}: {plan}")
    raise UnsupportedProblemError("no backend can compute this: " + "; ".join(refusals))


def considered(problem: Problem, facts: Facts, argument: str | None) -> Iterator[tuple[str, Plan | str]]:
    """Return each backend that is asked for, with its plan or why it has none; errors are those of `select`."""
    before = choice.last_used()
    select(problem, facts, argument, hesitate=False)
    choice.used(before)  # nothing is computed
    name = choice.requested(argument)
    for candidate in PREFERENCE if name == "auto" else (name,):
        auto = name == "auto"
        yield candidate, _plan_of_auto(candidate, problem, facts, False) if auto else _plan(name, problem, facts)


def _plan_of_auto(name: str, problem: Problem, facts: Facts, hesitate: bool) -> Plan | str:
    if facts.image_place == "host" and name in GPU and not worth_a_gpu(problem):
        return "the transfer to a GPU would cost more than it saves"
    plan = probing.reason_unavailable(name) or _plan(name, problem, facts)
    if name == "cpu" and isinstance(plan, Plan):
        return _numpy_is_sooner(plan, facts) or (hesitate and _hesitation(plan, facts)) or plan
    return plan


def _hesitation(plan: Plan, facts: Facts) -> str | None:
    """Why the cpu backend lets NumPy compute this once more."""
    first = plan.sliced.parts[0].plans[0] if plan.sliced else None
    problem, seen = (first.problem, first.facts) if first else (plan.problem, facts)
    reason: str | None = load("cpu").hesitation(problem, seen, plan.problem.multiply_adds)  # type: ignore[attr-defined]
    return reason


def _numpy_is_sooner(plan: Plan, facts: Facts) -> str | None:
    """Why NumPy takes what the cpu backend could: it has transforms where that one has none."""
    if plan.tiles is not None or plan.seconds < NOTICED:
        return None
    other = _plan("numpy", plan.problem, facts)
    if isinstance(other, str) or other.tiles is None or other.seconds >= plan.seconds:
        return None
    return f"NumPy's transforms take {other.seconds * 1e3:.3g} ms, the sums {plan.seconds * 1e3:.3g} ms, as modelled"


def _plan(name: str, problem: Problem, facts: Facts) -> Plan | str:
    module = load(name)
    if name in GPU:
        limits: DeviceLimits = module.limits(facts.device_number)  # type: ignore[attr-defined]
        known = replace(facts, device=limits)
    else:
        measured = rates.known(name)
        known = replace(facts, rates=measured) if measured else facts
    return plan_with(name, problem, known)


def plan_with(name: str, problem: Problem, facts: Facts) -> Plan | str:
    """Return the plan of a backend where all that planning may know is known, or the sentence why it has none."""
    if takes_sliced(problem, name):
        return plan_sliced(problem, facts, name, functools.partial(_plan_kernels, name))
    return _plan_kernels(name, problem, facts)


def _plan_kernels(name: str, problem: Problem, facts: Facts) -> Plan | str:
    """The plan of a problem for which a backend has kernels."""
    return load(name).unsupported(problem, facts) or make_plan(problem, facts, name)


def _taken(name: str, plan: Plan) -> tuple[Backend, Plan]:
    choice.used(name)
    return load(name), plan
