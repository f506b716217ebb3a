"""The backends' modules, and which of them can run on this machine."""

import functools
import importlib
from dataclasses import dataclass
from typing import cast

from gpuconv.backends.choice import NAMES
from gpuconv.backends.protocols import Backend


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


def current_device(name: str) -> int:
    """Return the number of the device that a GPU backend works on; 0 where it is not available."""
    if reason_unavailable(name):
        return 0
    return load(name).current_device()  # type: ignore[attr-defined,no-any-return]
