"""cupy.cuda: the device, its streams, the runtime."""

from . import compiler, cufft, device, driver, function, graph, memory, nvrtc, runtime, stream
from .device import Device
from .stream import Event, Stream, get_current_stream, get_elapsed_time

__all__ = [
    "Device",
    "Event",
    "Stream",
    "compiler",
    "cufft",
    "device",
    "driver",
    "function",
    "get_current_stream",
    "get_elapsed_time",
    "graph",
    "is_available",
    "memory",
    "nvrtc",
    "runtime",
    "stream",
]


def is_available():
    """Whether a device is there."""
    try:
        return runtime.getDeviceCount() > 0
    except Exception:  # as CuPy does
        return False
