"""The backends, and which of them computes a call.

A backend is a module with unavailable(), unsupported(problem, facts) and run(plan, operands, out, stream); the first
two return None or the sentence why it cannot. A new backend is one module here and one name in PREFERENCE.
"""

import functools
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol, cast

from gpuconv.arrays import Operands, View
from gpuconv.errors import BackendUnavailableError, UnsupportedProblemError, check_choice
from gpuconv.facts import DeviceLimits, Facts
from gpuconv.planner import Plan, make_plan, worth_a_gpu
from gpuconv.problem import Problem

PREFERENCE = ("cupy", "numba_cuda", "cpu", "numpy")
NAMES = PREFERENCE
GPU = ("cupy", "numba_cuda")

_chosen: ContextVar[str | None] = ContextVar("gpuconv_backend", default=None)
_last: ContextVar[str | None] = ContextVar("gpuconv_last_backend", default=None)
_process_choice: list[str] = []  # set_backend's name, if any: one value for all threads


class Backend(Protocol):
    """What every backend module offers."""

    def unavailable(self) -> str | None:
        """Why it cannot run on this machine, or None."""

    def describe(self) -> str:
        """Device and versions, where it is available."""

    def unsupported(self, problem: Problem, facts: Facts) -> str | None:
        """Why it cannot compute a problem, or None; asked only where it is available."""

    def run(self, plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
        """Compute a plan into `out`."""


@dataclass(frozen=True)
class Status:
    """One line of the report on backends."""

    name: str
    available: bool
    detail: str  # device and versions, or the sentence why it is not available


def load(name: str) -> Backend:
    """Return a backend's module."""
    return cast(Backend, importlib.import_module(f"gpuconv.backends.{name}"))


@functools.cache
def reason_unavailable(name: str) -> str | None:
    """Probe a backend once per process; the sentence why it cannot run here, or None."""
    return load(name).unavailable()


def report() -> list[Status]:
    """Return the state of every backend on this machine."""
    reasons = {name: reason_unavailable(name) for name in NAMES}
    return [Status(name, reason is None, reason or load(name).describe()) for name, reason in reasons.items()]


def last_used() -> str | None:
    """Return the name of the backend that computed the latest call in this context."""
    return _last.get()


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Compute on one backend inside a `with` block; nothing falls back silently.

    Parameters
    ----------
    name : {"auto", "cupy", "numba_cuda", "cpu", "numpy"}
        Name of the backend; "auto" takes the first that can.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> import gpuconv
    >>> with gpuconv.backend("numpy"):
    ...     gpuconv.convolve([3, 2, 1, 0], [1, 0, -1], size="full")
    array([ 3,  2, -2, -2, -1,  0])
    """
    token = _chosen.set(check_choice("backend", name, ("auto", *NAMES)))
    try:
        yield
    finally:
        _chosen.reset(token)


def set_backend(name: str) -> None:
    """Compute every later call of this process on one backend ("auto" undoes it).

    A `backend=` argument and a `with gpuconv.backend(...)` block go before it; it goes before GPUCONV_BACKEND.

    Parameters
    ----------
    name : {"auto", "cupy", "numba_cuda", "cpu", "numpy"}
        Name of the backend.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> import gpuconv
    >>> gpuconv.set_backend("auto")
    """
    _process_choice[:] = [check_choice("backend", name, ("auto", *NAMES))]


def requested(argument: str | None) -> str:
    """Return the backend asked for: argument, `with` block, set_backend, GPUCONV_BACKEND, else "auto"."""
    if argument is not None:
        return check_choice("backend", argument, ("auto", *NAMES))
    chosen = _chosen.get() or next(iter(_process_choice), None)
    return chosen or check_choice("GPUCONV_BACKEND", os.environ.get("GPUCONV_BACKEND") or "auto", ("auto", *NAMES))


def select(problem: Problem, facts: Facts, argument: str | None) -> tuple[Backend, Plan]:
    """Return the backend that computes a problem, and its plan.

    Raises
    ------
    BackendUnavailableError
        If the backend asked for cannot run on this machine.
    UnsupportedProblemError
        If the backend asked for, or every backend, cannot compute this problem.
    """
    name = requested(argument)
    if name != "auto":
        reason = reason_unavailable(name)
        if reason:
            raise BackendUnavailableError(f"backend {name!r} is not available: {reason}")
        plan = _plan(name, problem, facts)
        if isinstance(plan, str):
            raise UnsupportedProblemError(f"backend {name!r} cannot compute this: {plan}")
        return _taken(name, plan)
    refusals = []
    for candidate in PREFERENCE:
        plan = _plan_of_auto(candidate, problem, facts)
        if isinstance(plan, Plan):
            return _taken(candidate, plan)
        refusals.append(f"{candidate}: {plan}")
    raise UnsupportedProblemError("no backend can compute this: " + "; ".join(refusals))


def _plan_of_auto(name: str, problem: Problem, facts: Facts) -> Plan | str:
    if facts.image_place == "host" and name in GPU and not worth_a_gpu(problem):
        return "the transfer to a GPU would cost more than it saves"
    plan = reason_unavailable(name) or _plan(name, problem, facts)
    if name == "cpu" and isinstance(plan, Plan):
        return load(name).hesitation(problem, facts) or plan  # type: ignore[attr-defined]
    return plan


def _plan(name: str, problem: Problem, facts: Facts) -> Plan | str:
    module = load(name)
    limits: DeviceLimits | None = module.limits() if name in GPU else None  # type: ignore[attr-defined]
    known = replace(facts, device=limits) if limits else facts
    return module.unsupported(problem, known) or make_plan(problem, known, name)


def _taken(name: str, plan: Plan) -> tuple[Backend, Plan]:
    _last.set(name)
    return load(name), plan
