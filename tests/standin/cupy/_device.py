"""The one device that the stand-in pretends to have, and the ways in which it can be missing."""

import os

MESSAGES = {
    2: "cudaErrorMemoryAllocation: out of memory",
    35: "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version",
    100: "cudaErrorNoDevice: no CUDA-capable device is detected",
    101: "cudaErrorInvalidDevice: invalid device ordinal",
}
FAILURES = ("insufficient_driver", "old_driver", "no_device", "no_context", "out_of_memory", "no_nvrtc")
TOTAL_MEMORY = 8 * 2**30


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


def need_memory(nbytes):
    """Raise what CuPy raises from an allocation."""
    need_context()
    if failure() == "out_of_memory" or nbytes > TOTAL_MEMORY:
        raise OutOfMemoryError(nbytes, 0)


def need_ordinal(device):
    """Raise if `device` is not the one there is."""
    need_driver()
    if device != 0:
        raise CUDARuntimeError(101)


def capability():
    """(major, minor) of the pretended device."""
    text = os.environ.get("GPUCONV_STANDIN_CAPABILITY", "80")
    return int(text[:-1]), int(text[-1])
