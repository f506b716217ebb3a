"""A stand-in CUDA driver: Numba compiles, allocates, copies and launches as on a GPU, the machine code runs in sassrun.

    numba_driver.install((8, 6))            # before Numba is imported; one device of that compute capability
    ...                                     # any Numba CUDA program
    numba_driver.launches[-1]               # name, grid, block, stream, cubin, stats
    numba_driver.leave(0)                   # ends the process: Numba's clean-up must not call into a Python that is gone

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


def install(capability: tuple[int, int]) -> None:
    """Put the stand-in where `libcuda.so.1` is looked for."""
    calls.device.capability = capability
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


_addresses: dict[str, int] = {}


def _find(name: bytes) -> int | None:
    """Address of a driver call, or None for one that the stand-in does not have."""
    call = name.decode()
    if call not in _addresses:
        function = calls.CALLS.get(call)
        if function is None:
            return None
        arguments = [ctypes.c_uint64] * len(inspect.signature(function).parameters)
        entry = ctypes.CFUNCTYPE(ctypes.c_int, *arguments)(function)
        _kept.append(entry)
        _addresses[call] = ctypes.cast(entry, ctypes.c_void_p).value or 0
    return _addresses[call]
