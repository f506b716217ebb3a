"""Which backend the caller asks for, and which one computed the latest call."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gpuconv.errors import check_choice

PREFERENCE = ("cupy", "numba_cuda", "cpu", "numpy")
NAMES = PREFERENCE
GPU = ("cupy", "numba_cuda")

_chosen: ContextVar[str | None] = ContextVar("gpuconv_backend", default=None)
_last: ContextVar[str | None] = ContextVar("gpuconv_last_backend", default=None)
_process_choice: list[str] = []  # set_backend's name, if any: one value for all threads


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


def last_used() -> str | None:
    """Return the name of the backend that computed the latest call in this context."""
    return _last.get()


def used(name: str | None) -> None:
    """Note which backend computes this call."""
    _last.set(name)
