"""Streams: all work is done when a call returns, but which stream it was given is kept."""

import time

from cupy import _device as state

from .graph import captured

__all__ = ["Event", "ExternalStream", "Stream", "get_current_stream", "get_elapsed_time"]

_stack = []


class _BaseStream:
    """What the kinds of streams share."""

    def __init__(self, ptr):
        self.ptr = ptr
        self.device_id = 0
        self._entered = []

    done = property(lambda self: True)

    def use(self):
        state.need_context()
        _stack[:] = [self]
        return self

    def __enter__(self):
        state.need_context()
        self._entered.append(list(_stack))
        _stack.append(self)
        return self

    def __exit__(self, *_):
        _stack[:] = self._entered.pop()

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
        return Event() if event is None else event

    def wait_event(self, event):
        state.need_context()


class Stream(_BaseStream):
    """A stream of its own, or the null stream."""

    _created = 0

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        state.need_context()
        Stream._created += not (null or ptds)
        super().__init__(0 if null else 2 if ptds else 0x10000 + 16 * Stream._created)

    @classmethod
    def from_external(cls, obj):
        """A stream that somebody else made, by the CUDA stream protocol."""
        stream = cls.__new__(cls)
        _, pointer = obj.__cuda_stream__()
        _BaseStream.__init__(stream, pointer)
        return stream


class ExternalStream(_BaseStream):
    """A stream that somebody else made, by its address."""

    def __init__(self, ptr, device_id=-1):
        super().__init__(ptr)


class Event:
    """An event; it has always happened."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        state.need_context()

    done = property(lambda self: True)

    def record(self, stream=None):
        state.need_context()
        self._seconds = time.perf_counter()

    def synchronize(self):
        state.need_no_capture()


def get_elapsed_time(start_event, end_event):
    """Milliseconds between two events that were recorded; what the emulation takes, no GPU's time."""
    return (end_event._seconds - start_event._seconds) * 1000


def get_current_stream(device_id=-1):
    """The stream that launches go to."""
    state.need_context()
    return _stack[-1] if _stack else Stream(null=True)
