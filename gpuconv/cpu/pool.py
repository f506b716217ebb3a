"""Threads that help with a job: each takes blocks until none is left, so a late or missing one costs nothing.

Machine code runs without the GIL. The caller works too and needs nobody: after a fork, in a process that cannot start
threads, or while the helpers serve other callers, it computes every block itself.
"""

import ctypes
import os
import queue
import threading
import time
from collections.abc import Callable

import numpy as np

from gpuconv.cpu.job import ALIGNMENT, ITEMS, Job, address

SPINS = 50_000  # looks at the counter of finished blocks, some 50 us, before the caller sleeps between looks
PAUSE = 20e-6  # seconds between these
Driver = Callable[[int, int, int], None]

_prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_tasks: queue.SimpleQueue[tuple[Driver, Job]] = queue.SimpleQueue()
_helpers: list[threading.Thread] = []
_lock = threading.Lock()
_own = threading.local()


def driver(function: int) -> Driver:
    """Return the function at an address, to be called with (job, scratch, spins)."""
    called: Driver = _prototype(function)
    return called


def run(function: Driver, job: Job, threads: int) -> None:
    """Compute all blocks of a job with up to `threads` threads, the caller's among them."""
    helpers = min(threads, job.fields[ITEMS]) - 1
    for _ in range(_started(helpers) if helpers > 0 else 0):
        _tasks.put((function, job))
    _work(function, job, SPINS if helpers > 0 else 0)
    while helpers > 0 and job.fields[1] < job.fields[ITEMS]:
        time.sleep(PAUSE)


def _work(function: Driver, job: Job, spins: int) -> None:
    function(ctypes.addressof(job.fields), _scratch(job.scratch_bytes), spins)


def _scratch(size: int) -> int:
    """Address of memory of this thread, kept for the next call."""
    if getattr(_own, "size", -1) < size:
        _own.memory, _own.size = np.empty(size + ALIGNMENT, np.uint8), size
        _own.start = -(-address(_own.memory) // ALIGNMENT) * ALIGNMENT
    start: int = _own.start
    return start


def _started(helpers: int) -> int:
    """Start threads until there are so many; how many there are of those wanted."""
    if helpers > len(_helpers):
        with _lock:
            while helpers > len(_helpers):
                thread = threading.Thread(target=_serve, name="gpuconv", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the system gives no more threads, or the interpreter is shutting down
                    break
                _helpers.append(thread)
    return min(helpers, len(_helpers))


def _serve() -> None:
    while True:
        function, job = _tasks.get()
        _work(function, job, 0)
        del function, job  # waiting, the thread keeps no one's arrays alive


def _forget() -> None:
    """After a fork the child has no helpers, and nobody's tasks."""
    global _tasks, _lock
    _helpers.clear()
    _tasks, _lock = queue.SimpleQueue(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
