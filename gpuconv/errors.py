"""Errors of gpuconv, and the checks that word them."""

import difflib
from collections.abc import Sequence

LOST = range(700, 720)  # codes of errors of CUDA that leave nothing usable: an illegal address, a launch that failed


class BackendUnavailableError(RuntimeError):
    """A backend that was asked for by name cannot run on this machine; the message says why and what mends it."""


class UnsupportedProblemError(ValueError):
    """No backend (or not the one asked for) computes this problem; the message says why."""


class LayerError(RuntimeError, ValueError):
    """A layer's arguments do not fit together; both what torch raises there and what Python calls a wrong value."""


def check_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`; otherwise raise ValueError and suggest the nearest one."""
    if isinstance(value, str) and value in choices:
        return value
    nearest = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}{hint}")


def loses_the_device(error: Exception) -> bool:
    """Whether it is an error of CUDA's, as CuPy or Numba raises it, after which a process has to begin anew."""
    return getattr(error, "status", getattr(error, "code", 0)) in LOST
