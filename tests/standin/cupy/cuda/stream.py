"""Streams: all work is done when a call returns, but which stream it was given is kept.

As in CuPy each thread has a current stream for each device; a stream works on the device that it was created on, and a
foreign one on any.
"""

import threading
import time

from cupy import _device as state

from .graph import captured

__all__ = ["Event", "Stream", "get_current_stream", "get_elapsed_time"]


class _Current(threading.local):
    """The streams of this thread."""

    def __init__(self):
        self.by_device = {}
        self.entered = []  # (device, its stream before)


_current = _Current()


class _BaseStream:
    """What the kinds of streams share."""

    def __init__(self, ptr, device_id):
        self.ptr = ptr
        self.device_id = device_id

    done = property(lambda self: True)

    def use(self):
        _current.by_device[self._device()] = self
        return self

    def __enter__(self):
        device = self._device()
        _current.entered.append((device, _current.by_device.get(device)))
        return self.use()

    def __exit__(self, *_):
        device, before = _current.entered.pop()
        _current.by_device[device] = before

    def _device(self):
        state.need_context()
        current = state.current_device()
        if self.device_id not in (-1, current):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with the current device "
                f"({current})"
            )
        return current

    def __eq__(self, other):
        return isinstance(other, _BaseStream) and self.ptr == other.ptr

    def __hash__(self):
        return hash(self.ptr)

    def synchronize(self):
        state.need_no_capture()

    def is_capturing(self):
        return bool(state.capturing) and state.capturing[0].ptr == self.ptr

    def begin_capture(self, mode=None):
        state.need_no_capture()
        if self.ptr == 0:  # the null stream cannot
            raise state.CUDARuntimeError(900)
        state.capturing[:] = [self]

    def end_capture(self):
        _, *launches = state.capturing
        state.capturing.clear()
        return captured(launches)

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        state.need_context()
        if not isinstance(event, Event):
            raise AttributeError(f"{type(event).__name__!r} object has no attribute 'ptr'")


class Stream(_BaseStream):
    """A stream of its own, or the null stream."""

    _created = 0

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        state.need_context()
        Stream._created += not (null or ptds)
        own = 0x10000 + 16 * Stream._created
        super().__init__(0 if null else 2 if ptds else own, -1 if null or ptds else state.current_device())

    @classmethod
    def from_external(cls, obj):
        """A stream that somebody else made, by the CUDA stream protocol."""
        stream = cls.__new__(cls)
        _, pointer = obj.__cuda_stream__()
        if not isinstance(pointer, int):
            raise TypeError(f"__cuda_stream__() must return (int, int), got (int, {type(pointer).__name__})")
        _BaseStream.__init__(stream, pointer, -1)
        return stream


class Event:
    """An event; it has always happened."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        state.need_context()
        self._device = state.current_device()
        self._seconds = None

    done = property(lambda self: True)

    def record(self, stream=None):
        state.need_context()
        if stream is not None and stream.device_id not in (-1, self._device):
            raise state.CUDARuntimeError(400)
        self._seconds = time.perf_counter()

    def synchronize(self):
        state.need_no_capture()


def get_elapsed_time(start_event, end_event):
    """Milliseconds between two events that were recorded; what the emulation takes, no GPU's time."""
    if None in (start_event._seconds, end_event._seconds):  # one was never recorded
        raise state.CUDARuntimeError(400)
    return (end_event._seconds - start_event._seconds) * 1000


def get_current_stream(device_id=-1):
    """The stream that launches go to."""
    state.need_context()
    device = state.current_device() if device_id == -1 else device_id
    return _current.by_device.get(device) or Stream(null=True)
