"""Threads that help with a job: each takes blocks until none is left, so a late or missing one costs nothing.

Machine code runs without the GIL. The caller works too and needs nobody: after a fork, in a process that cannot start
threads, or while the helpers serve other callers, it computes every block itself. A helper that has nothing to do looks
out for more for a moment before it sleeps, since waking it takes as long as a short job.
"""

import ctypes
import functools
import os
import threading
import time
from typing import Any, Protocol

import numpy as np

from gpuconv.cpu.job import ALIGNMENT, ITEMS, Fields, Job, address
from gpuconv.cpu.seat import Seat
from gpuconv.threads import processors

VARIABLE = "GPUCONV_SPIN"  # microseconds for which helpers look out for the next job; 0: they sleep at once
SPIN = 100  # unless the environment says another
WAIT = 50  # microseconds for which a caller looks at the counter of finished blocks before it sleeps between looks
PAUSE = 20e-6  # seconds between these
TRIALS, LOOKS = 3, 1000  # that are timed

_prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_seats: list[Seat] = []
_lock = threading.Lock()
_own = threading.local()


class Driver(Protocol):
    """A function, to be called with (job, scratch, spins), and its address."""

    address: int

    def __call__(self, job: int, scratch: int, spins: int) -> None:
        """Compute blocks of a job until none is left; look so many times for the end of those of others."""


def driver(function: int) -> Driver:
    """Return the function at an address."""
    called: Any = _prototype(function)
    called.address = function
    found: Driver = called
    return found


def run(function: Driver, job: Job, threads: int) -> None:
    """Compute all blocks of a job with up to `threads` threads, the caller's among them."""
    helpers, fields = min(threads, job.fields[ITEMS]) - 1, job.fields
    if helpers <= 0:
        function(ctypes.addressof(fields), _scratch(job.scratch_bytes), 0)
        return
    room = -(-job.scratch_bytes // ALIGNMENT) * ALIGNMENT
    scratch = _scratch(room * (helpers + 1))
    try:
        seats = _offer(function, fields, [scratch + room * i for i in range(1, helpers + 1)])
        function(ctypes.addressof(fields), scratch, _looks(WAIT, len(seats) + 1) if seats else 0)
        for seat in seats:
            seat.take_back(fields)
        while fields[1] < fields[ITEMS]:
            time.sleep(PAUSE)
    except BaseException:  # an interrupt: helpers may still be at work on these
        fields.__dict__["alive"] = job.alive, _own.__dict__.pop("memory", None)
        _own.size = -1
        for seat in _seats:
            seat.recover(fields)
        raise


def _offer(function: Driver, fields: Fields, scratch: list[int]) -> list[Seat]:
    """Offer a job to as many helpers as there are places for their scratch; those who take it."""
    taken: list[Seat] = []
    with _lock:
        _start(len(scratch))
        for seat in _seats:
            if len(taken) < len(scratch) and seat.offer(function.address, fields, scratch[len(taken)]):
                taken.append(seat)
    return taken


def _start(helpers: int) -> None:
    """Start threads until there are so many."""
    while helpers > len(_seats):
        seat = Seat()
        thread = threading.Thread(target=seat.serve, args=(_patience,), name="gpuconv", daemon=True)
        _seats.append(seat)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads, or the interpreter is shutting down
            _seats.pop()
            break


def _patience() -> int:
    """How often a helper looks for another job before it sleeps."""
    given = os.environ.get(VARIABLE, "")
    return _looks(int(given) if given.isdecimal() else SPIN, len(_seats) + 1)


def _looks(microseconds: int, threads: int) -> int:
    """How many looks take so long; one where threads would look in vain, for want of processors."""
    return max(1, int(microseconds * _looks_a_microsecond())) if threads <= processors() else 1


@functools.cache
def _looks_a_microsecond() -> float:
    times = []
    for _ in range(TRIALS):
        start, seat = time.perf_counter(), Seat()
        seat.wait(LOOKS)
        times.append(time.perf_counter() - start)
    return LOOKS / (min(times) * 1e6)


def _scratch(size: int) -> int:
    """Address of memory of this thread, kept for the next call."""
    if getattr(_own, "size", -1) < size:
        _own.memory, _own.size = np.empty(size + ALIGNMENT, np.uint8), size
        _own.start = -(-address(_own.memory) // ALIGNMENT) * ALIGNMENT
    start: int = _own.start
    return start


def _forget() -> None:
    """After a fork the child has no helpers."""
    global _lock
    _seats.clear()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
