"""The one device that the stand-in pretends to have, and the ways in which it can be missing."""

import os

MESSAGES = {
    2: "cudaErrorMemoryAllocation: out of memory",
    35: "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version",
    100: "cudaErrorNoDevice: no CUDA-capable device is detected",
    101: "cudaErrorInvalidDevice: invalid device ordinal",
    900: "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing",
}
FAILURES = ("insufficient_driver", "old_driver", "no_device", "no_context", "out_of_memory", "no_nvrtc")
TOTAL_MEMORY = 8 * 2**30
live = [0]  # bytes allocated and not freed yet
capturing = []  # the stream that captures, if one does, and what it has captured


class CUDARuntimeError(RuntimeError):
    """An error of the CUDA runtime."""

    def __init__(self, status):
        self.status = status
        super().__init__(MESSAGES[status])

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


def need_ordinal(device):
    """Raise if `device` is not the one there is."""
    need_driver()
    if device != 0:
        raise CUDARuntimeError(101)


def capability():
    """(major, minor) of the pretended device."""
    text = os.environ.get("GPUCONV_STANDIN_CAPABILITY", "80")
    return int(text[:-1]), int(text[-1])
