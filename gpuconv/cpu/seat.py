"""Where a helping thread waits for work, which machine code hands over: neither side waits for the GIL.

A seat is a few integers. Its state goes from READY, when its thread looks at it or is on the way, to CLAIMED and
OFFERED, while a caller writes down a job, to BUSY, and back; or to ASLEEP, when the thread has looked for long enough.
A job that nobody has begun is taken back: from OFFERED to READY.
"""

import ctypes
import functools
import threading
from collections.abc import Callable

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel, address
from gpuconv.cpu.job import Fields
from gpuconv.cpu.target import Target

ASLEEP, READY, CLAIMED, OFFERED, BUSY = range(5)
WORDS = ("state", "function", "job", "scratch", "found")  # found: in which state the last offer found the thread
FOUND = WORDS.index("found")

_waiting = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
_passing = ctypes.PYFUNCTYPE(None, *[ctypes.c_int64] * 4)  # too short to let go of the GIL


class Seat:
    """The seat of one thread."""

    def __init__(self) -> None:
        self._words = (ctypes.c_int64 * 16)(READY)  # two cache lines: no one else's words beside the state
        self._address = ctypes.addressof(self._words)
        self._called = threading.Semaphore(0)
        self._fields: list[Fields] = []  # of the last job: who comes late reads them

    def offer(self, function: int, fields: Fields, scratch: int) -> bool:
        """Offer a job to the thread, unless it has one; one caller at a time."""
        self._fields.append(fields)  # before an interrupt can come between
        offer()(self._address, function, ctypes.addressof(fields), scratch)
        found = self._words[FOUND]
        if found == BUSY:
            self._fields.pop()
            return False
        del self._fields[:-1]
        if found == ASLEEP:
            self._called.release()
        return True

    def take_back(self, fields: Fields) -> None:
        """Take a job back, unless it has been begun."""
        take_back()(self._address, ctypes.addressof(fields), 0, 0)

    def recover(self, fields: Fields) -> None:
        """Take a job back whose offer was interrupted, perhaps before the thread was called."""
        self.take_back(fields)
        self._called.release()

    def serve(self, looks: Callable[[], int]) -> None:
        """Do what is offered, for ever; after so many looks at nothing, sleep."""
        while True:
            self.wait(looks())
            self._called.acquire()

    def wait(self, looks: int) -> None:
        """Do what is offered, until nothing has been for so many looks."""
        attend()(self._address, looks)


def kernels() -> tuple[Kernel, ...]:
    """Return what threads need."""
    return Kernel(_write_offer), Kernel(_write_take_back), Kernel(_write_attend)


@functools.cache
def offer() -> Callable[[int, int, int, int], None]:
    """Return offer(seat, function, job, scratch): claim the seat and write them down."""
    return _passing(address(Kernel(_write_offer)))


@functools.cache
def take_back() -> Callable[[int, int, int, int], None]:
    """Return take_back(seat, job, 0, 0)."""
    return _passing(address(Kernel(_write_take_back)))


@functools.cache
def attend() -> Callable[[int, int], None]:
    """Return attend(seat, looks): do what is offered, until nothing has been for so many looks."""
    return _waiting(address(Kernel(_write_attend)))


def _write_offer(target: Target) -> str:
    e = Emitter(("seat", "function", "job", "scratch"), fused=target.fused)
    found = e.variable(BUSY)
    for state in (READY, ASLEEP):
        with e.when(found.value.equals(BUSY)), e.when(e.exchange(e.seat, state, CLAIMED)):
            found.value = e.number(state)
    with e.when(found.value.differs(BUSY)):
        for name in ("function", "job", "scratch"):
            e.store(getattr(e, name), e.seat + 8 * WORDS.index(name))
        e.publish(OFFERED, e.seat)
    e.store(found.value, e.seat + 8 * FOUND)
    return e.text()


def _write_take_back(target: Target) -> str:
    e = Emitter(("seat", "job", "zero", "nothing"), fused=target.fused)
    with e.when(e.integer(e.seat + 8 * WORDS.index("job")).equals(e.job)):
        e.exchange(e.seat, OFFERED, READY)
    return e.text()


def _write_attend(target: Target) -> str:
    e = Emitter(("seat", "looks"), fused=target.fused)
    left = e.variable(e.looks)
    with e.repeat(lambda: left.value > 0):
        left.value = left.value - 1
        with e.when(e.shared(e.seat).equals(OFFERED)), e.when(e.exchange(e.seat, OFFERED, BUSY)):
            work = e.fields(e.seat, WORDS)
            e.call(work.function, work.job, work.scratch, 0)
            e.publish(READY, e.seat)
            left.value = e.looks
        with e.when(left.value.equals(0)):
            e.exchange(e.seat, READY, ASLEEP)
            left.value = e.select(e.shared(e.seat).equals(ASLEEP), 0, 1)  # it is already, if called for nothing
        e.pause()
    return e.text()
