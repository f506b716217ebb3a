"""gpuconv: convolution of signals, images and layers, on CUDA GPUs and on the CPU."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from gpuconv.backends import backend, set_backend
from gpuconv.caches import Cache, cache_info, clear_cache
from gpuconv.core import convolve, correlate, output_size, sepconvolve
from gpuconv.errors import BackendUnavailableError, UnsupportedProblemError
from gpuconv.explanation import Explanation, explain
from gpuconv.planned import Planned
from gpuconv.plans import plan
from gpuconv.scipy_patching import scipy_patch
from gpuconv.threads import get_num_threads, set_num_threads
from gpuconv.tracing import Step, Trace, trace
from gpuconv.warming import warmup

if TYPE_CHECKING:
    from gpuconv import filters, ndimage, nn, numpy, opencv, signal

__version__ = "0.1.0"
__all__ = [
    "BackendUnavailableError",
    "Cache",
    "Explanation",
    "Planned",
    "Step",
    "Trace",
    "UnsupportedProblemError",
    "backend",
    "cache_info",
    "clear_cache",
    "convolve",
    "correlate",
    "explain",
    "filters",
    "get_num_threads",
    "ndimage",
    "nn",
    "numpy",
    "opencv",
    "output_size",
    "plan",
    "scipy_patch",
    "sepconvolve",
    "set_backend",
    "set_num_threads",
    "signal",
    "trace",
    "warmup",
]


def __getattr__(name: str) -> ModuleType:
    """Import a face when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'gpuconv' has no attribute {name!r}")
    return importlib.import_module(f"gpuconv.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
