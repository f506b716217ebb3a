"""A stand-in for CuPy: a short list of its calls, on host memory; see the README beside this folder.

A call that is missing here is added together with its comparison in test_against_real_cupy.py.
"""

import sys
from pathlib import Path

if "standin" not in sys.modules:  # tests/, where the engine is
    sys.path.append(str(Path(__file__).parents[2]))

import standin

if standin.unavailable():
    raise ImportError(f"no CuPy, and no stand-in for it: {standin.unavailable()}")

from . import cuda, fft
from ._array import ndarray
from ._creation import asarray, ascontiguousarray, asnumpy, copyto, empty, from_dlpack, where
from ._raw import RawKernel, RawModule

__version__ = "14.2.0"  # of the CuPy it stands for
__all__ = [
    "RawKernel",
    "RawModule",
    "asarray",
    "ascontiguousarray",
    "asnumpy",
    "copyto",
    "cuda",
    "empty",
    "fft",
    "from_dlpack",
    "is_available",
    "ndarray",
    "where",
]


def is_available():
    """Whether a device is there."""
    return cuda.is_available()
