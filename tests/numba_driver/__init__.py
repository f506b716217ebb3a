"""A stand-in CUDA driver: Numba compiles, allocates, copies and launches as on GPUs, and sassrun runs the machine code.

    numba_driver.install("sm_75", "sm_86")  # before Numba is imported: two devices of these architectures
    ...                                     # any Numba CUDA program
    numba_driver.launches[-1]               # name, grid, block, stream, arch, cubin, stats
    numba_driver.leave(0)                   # ends the process: at its end Numba calls into a Python that is gone

Device memory is host memory, filled with bytes 0xFF when it is allocated (NaN in floats), so that an output that nobody
wrote shows. sassrun's checks hold for every launch: bounds, races, uninitialised shared memory, divergent barriers. A
finding ends the launch as on a GPU, with an error of the driver; `findings` has the sentence.
"""

import ctypes
import inspect
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from . import calls
from .calls import findings
from .launching import launches

__all__ = ["findings", "install", "launches", "leave"]

_kept: list[object] = []  # what C code points to
_addresses: dict[str, int] = {}


def install(*architectures: str) -> None:
    """Put the stand-in where `libcuda.so.1` is looked for, with a device of each architecture."""
    calls.devices[:] = architectures
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "libcuda.so.1"
        source = str(Path(__file__).with_name("library.c"))
        flags = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
        subprocess.run(["g++", "-x", "c", source, *flags, "-o", str(path)], check=True)
        library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    find = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(_find)
    library.stand_in_calls(find)
    _kept.extend((library, find))


def leave(code: int) -> NoReturn:
    """End the process at once."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _find(name: bytes) -> int | None:
    """Address of a driver call, or None for one that the stand-in does not have."""
    call = name.decode()
    function = calls.CALLS.get(call)
    if call not in _addresses and function is not None:
        arguments = [ctypes.c_uint64] * len(inspect.signature(function).parameters)
        entry = ctypes.CFUNCTYPE(ctypes.c_int, *arguments)(function)
        _kept.append(entry)
        _addresses[call] = ctypes.cast(entry, ctypes.c_void_p).value or 0
    return _addresses.get(call)
