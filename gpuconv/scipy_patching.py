"""Calls of SciPy computed here, within a block."""

import functools
import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.errors import UnsupportedProblemError

FACES = ("signal", "ndimage")  # of both packages
REFUSED = ("O", "g", "G")  # dtypes that SciPy computes in places: Python objects and longdoubles

_inside: ContextVar[bool] = ContextVar("gpuconv_scipy_patch", default=False)
_lock = threading.Lock()
_replaced: list[tuple[ModuleType, str, Any, Any]] = []  # module, name, SciPy's function and what stands for it
_blocks = 0  # of all threads


@contextmanager
def scipy_patch() -> Iterator[None]:
    """Let calls of scipy.signal and scipy.ndimage run on gpuconv, within a block.

    In the block each function of `gpuconv.signal` and `gpuconv.ndimage` stands for SciPy's of that name, also for other
    packages that call it as ``scipy.ndimage.name``: scikit-image does so in gaussian, sobel, scharr and others.
    Arguments, results and differences are those of the two modules. At the end of the block, by an error too, SciPy is
    as it was. Blocks may be nested; ``@gpuconv.scipy_patch()`` decorates a function.

    Only calls of this thread, or of this asyncio task and the tasks that it starts, are computed here; other threads
    get SciPy's own functions meanwhile, those started in the block among them.

    SciPy computes what gpuconv does not take: masked arrays (it ignores the mask), and arrays of longdoubles or Python
    objects; and, unless a backend is named, what raises `UnsupportedProblemError`. The logger "gpuconv" tells of it.

    A function that was bound to a name of its own before the block (``from scipy.ndimage import gaussian_filter``)
    stays SciPy's. One that is bound so in the block is SciPy's again outside.

    Raises
    ------
    ModuleNotFoundError
        If SciPy is not installed.

    Examples
    --------
    >>> import gpuconv, numpy as np, scipy.ndimage
    >>> with gpuconv.scipy_patch():
    ...     scipy.ndimage.uniform_filter1d(np.array([2, 8, 0, 4, 1, 9, 9, 0]), size=3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    _enter()
    token = _inside.set(True)
    try:
        yield
    finally:
        _leave()  # first: a generator that is closed in another context cannot reset the variable
        _inside.reset(token)


def _enter() -> None:
    """Replace the functions, if this is the only block."""
    global _blocks
    with _lock:
        if not _blocks:
            for face in FACES:
                _replace(importlib.import_module(f"scipy.{face}"), importlib.import_module(f"gpuconv.{face}"))
        _blocks += 1


def _replace(module: ModuleType, face: ModuleType) -> None:
    for name in face.__all__:
        original = getattr(module, name)
        standing = _standing(original, getattr(face, name))
        _replaced.append((module, name, original, standing))
        setattr(module, name, standing)


def _leave() -> None:
    """Put SciPy's functions back, if this was the last block; not over what somebody else has put there meanwhile."""
    global _blocks
    with _lock:
        _blocks -= 1
        if _blocks:
            return
        for module, name, original, standing in _replaced:
            if getattr(module, name) is standing:
                setattr(module, name, original)
        _replaced.clear()


def _standing(original: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes here in the block, and as SciPy does outside."""

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        if not _inside.get():
            return original(*args, **kwargs)
        reason = next(filter(None, map(_refusal, (*args, *kwargs.values()))), None)
        if reason is None:
            try:
                return own(*args, **kwargs)
            except UnsupportedProblemError as error:
                if backends.requested(None) != "auto":
                    raise
                reason = str(error)
        logging.getLogger("gpuconv").info("SciPy computes %s: %s", original.__name__, reason)
        return original(*args, **kwargs)

    return function


def _refusal(argument: Any) -> str | None:
    """Why gpuconv takes no such array."""
    if isinstance(argument, np.ma.MaskedArray):
        return "a masked array"
    if isinstance(argument, np.ndarray | np.generic) and argument.dtype.char in REFUSED:
        return f"dtype {argument.dtype}"
    return None
