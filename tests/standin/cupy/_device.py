"""The devices that the stand-in pretends to have, one by default, and the ways in which they can be missing."""

import os
import threading

MESSAGES = {
    2: "cudaErrorMemoryAllocation: out of memory",
    35: "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version",
    100: "cudaErrorNoDevice: no CUDA-capable device is detected",
    101: "cudaErrorInvalidDevice: invalid device ordinal",
    400: "cudaErrorInvalidResourceHandle: invalid resource handle",
    900: "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing",
}
DRIVER_MESSAGES = {209: "CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image is available for execution on the device"}
FAILURES = (
    *("insufficient_driver", "old_driver", "no_device", "no_context", "out_of_memory"),
    *("no_nvrtc", "no_headers", "old_device", "new_device"),
)
TOTAL_MEMORY = 8 * 2**30
live = [0]  # bytes allocated and not freed yet
capturing = []  # the stream that captures, if one does, and what it has captured
_thread = threading.local()  # each thread has a current device


class CUDARuntimeError(RuntimeError):
    """An error of the CUDA runtime."""

    def __init__(self, status):
        self.status = status
        super().__init__(MESSAGES[status])

    def __reduce__(self):
        return type(self), (self.status,)


class CUDADriverError(RuntimeError):
    """An error of the CUDA driver."""

    def __init__(self, status):
        self.status = status
        super().__init__(DRIVER_MESSAGES[status])

    def __reduce__(self):
        return type(self), (self.status,)


class OutOfMemoryError(MemoryError):
    """An allocation that failed."""

    def __init__(self, size, total, limit=0):
        limited = f", limit set to: {limit:,} bytes" if limit else ""
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{limited}).")


def failure():
    """The failure that a test asked for, or ""."""
    name = os.environ.get("GPUCONV_STANDIN_FAILURE", "")
    if name and name not in FAILURES:
        raise ValueError(f"GPUCONV_STANDIN_FAILURE is one of {', '.join(FAILURES)}; got {name!r}")
    return name


def need_driver():
    """Raise what CuPy raises from every call that needs a driver and a device."""
    if failure() in ("insufficient_driver", "old_driver"):
        raise CUDARuntimeError(35)
    if failure() == "no_device":
        raise CUDARuntimeError(100)


def need_context():
    """Raise what CuPy raises from the first call that creates a context."""
    need_driver()
    if failure() == "no_context":
        raise CUDARuntimeError(2)


def need_no_capture():
    """Raise what CUDA raises from what allocates, waits or copies to or from the host while a stream captures."""
    need_context()
    if capturing:
        raise CUDARuntimeError(900)


def enqueue(work, pointer=None):
    """Do work on a stream, the current one by default; while that captures, keep it for the graph."""
    from .cuda import get_current_stream

    pointer = get_current_stream().ptr if pointer is None else pointer
    if capturing and capturing[0].ptr == pointer:
        capturing.append(work)
    else:
        need_no_capture()
        work(pointer)


def need_memory(nbytes):
    """Raise what CuPy raises from an allocation."""
    need_no_capture()
    if failure() == "out_of_memory" or nbytes > free_memory():
        raise OutOfMemoryError(nbytes, live[0])


def total_memory():
    """Bytes of the pretended device."""
    return int(os.environ.get("GPUCONV_STANDIN_MEMORY") or TOTAL_MEMORY)


def free_memory():
    """Bytes that an allocation may take."""
    return 0 if failure() == "out_of_memory" else max(0, total_memory() - live[0])


def device_count():
    """How many devices there are."""
    return int(os.environ.get("GPUCONV_STANDIN_DEVICES") or 1)


def current_device():
    """The device of this thread."""
    return getattr(_thread, "device", 0)


def set_device(device):
    """Make a device that of this thread."""
    need_context()
    need_ordinal(device)
    _thread.device = device


def need_ordinal(device):
    """Raise if there is no such device."""
    need_driver()
    if not 0 <= device < device_count():
        raise CUDARuntimeError(101)


def need_same_device(device):
    """Raise what CUDA raises where a stream, an event or a plan is used on another device than its own."""
    if device not in (-1, current_device()):
        raise CUDARuntimeError(400)


def capability():
    """(major, minor) of the pretended device."""
    text = os.environ.get("GPUCONV_STANDIN_CAPABILITY", "80")
    return int(text[:-1]), int(text[-1])
