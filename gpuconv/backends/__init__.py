"""The backends, and which of them computes a call.

A backend is a module with unavailable(), unsupported(problem, facts) and run(plan, operands, out, stream); the first
two return None or the sentence why it cannot. A new backend is one module here and one name in PREFERENCE.
"""

import functools
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from gpuconv.arrays import Operands, View
from gpuconv.errors import BackendUnavailableError, UnsupportedProblemError, check_choice
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.planning.planner import Plan, make_plan, worth_a_gpu
from gpuconv.problem import Problem

PREFERENCE = ("cupy", "numba_cuda", "cpu", "numpy")
NAMES = PREFERENCE
GPU = ("cupy", "numba_cuda")
NOTICED = 1e-3  # seconds below which the CPU's backends are not compared

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


class Ready(Protocol):
    """A plan that lacks nothing but image and output, C-contiguous or as strided as those it was made for."""

    @property
    def workspace_bytes(self) -> int:
        """Memory that a run takes besides both."""

    def run(self, image: Any, out: Any) -> None:
        """Compute; the two must not overlap."""


class ReadyLayer(Protocol):
    """A layer, or its gradient, that lacks nothing but arrays as strided as those that it was made for."""

    def run(self, image: Any, weights: Any, bias: Any, out: Any) -> None:
        """Compute; `out` must not overlap the others."""


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


def select(problem: Problem, facts: Facts, argument: str | None, hesitate: bool = True) -> tuple[Backend, Plan]:
    """Return the backend that computes a problem, and its plan; `hesitate`: "auto" may put off a compilation.

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
        plan = _plan_of_auto(candidate, problem, facts, hesitate)
        if isinstance(plan, Plan):
            return _taken(candidate, plan)
        refusals.append(f"{candidate}: {plan}")
    raise UnsupportedProblemError("no backend can compute this: " + "; ".join(refusals))


def considered(problem: Problem, facts: Facts, argument: str | None) -> Iterator[tuple[str, Plan | str]]:
    """Return each backend that is asked for, with its plan or why it has none; errors are those of `select`."""
    before = _last.set(None)
    select(problem, facts, argument, hesitate=False)
    _last.reset(before)  # nothing is computed
    name = requested(argument)
    for candidate in PREFERENCE if name == "auto" else (name,):
        auto = name == "auto"
        yield candidate, _plan_of_auto(candidate, problem, facts, False) if auto else _plan(name, problem, facts)


def _plan_of_auto(name: str, problem: Problem, facts: Facts, hesitate: bool) -> Plan | str:
    if facts.image_place == "host" and name in GPU and not worth_a_gpu(problem):
        return "the transfer to a GPU would cost more than it saves"
    plan = reason_unavailable(name) or _plan(name, problem, facts)
    if name == "cpu" and isinstance(plan, Plan):
        return _numpy_is_sooner(plan, facts) or (hesitate and load(name).hesitation(problem, facts)) or plan  # type: ignore[attr-defined]
    return plan


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
        limits: DeviceLimits = module.limits()  # type: ignore[attr-defined]
        known = replace(facts, device=limits)
    else:
        from gpuconv.planning import rates

        measured = rates.known(name)
        known = replace(facts, rates=measured) if measured else facts
    return module.unsupported(problem, known) or make_plan(problem, known, name)


def ready(plan: Plan, operands: Operands, out: View) -> Ready | None:
    """Make a plan ready for many images and outputs of the shapes and strides of these; None if its backend cannot."""
    prepare: Callable[[Plan, Operands, View], Ready | None] | None = getattr(load(plan.backend), "prepare", None)
    return prepare(plan, operands, out) if prepare else None


def ready_layer(plan: Plan, operands: Operands, out: View) -> ReadyLayer | None:
    """Make a layer ready for all images, weights and biases as strided as these; None if its backend cannot."""
    prepare: Callable[[Plan, Operands, View], ReadyLayer | None] | None
    prepare = getattr(load(plan.backend), "prepare_layer", None)
    return prepare(plan, operands, out) if prepare else None


def joined(name: str, steps: tuple[ReadyLayer, ...], split: Any, arrays: tuple[Any, ...]) -> ReadyLayer | None:
    """Make one layer of those that `split` gives parts of such host arrays; None if the backend cannot."""
    join: Callable[[tuple[ReadyLayer, ...], Any, tuple[Any, ...]], ReadyLayer | None] | None
    join = getattr(load(name), "join_layers", None)
    return join(steps, split, arrays) if join else None


def current_device(name: str) -> int:
    """Return the number of the device that a GPU backend works on; 0 where it is not available."""
    if reason_unavailable(name):
        return 0
    return load(name).current_device()  # type: ignore[attr-defined,no-any-return]


def used(name: str) -> None:
    """Note which backend computes this call."""
    _last.set(name)


def _taken(name: str, plan: Plan) -> tuple[Backend, Plan]:
    used(name)
    return load(name), plan
