"""gpuconv: convolution of signals, images and layers, on CUDA GPUs and on the CPU."""

from gpuconv import filters, ndimage, nn, signal
from gpuconv.backends import backend, set_backend
from gpuconv.core import convolve, correlate, output_size, sepconvolve
from gpuconv.errors import BackendUnavailableError, UnsupportedProblemError
from gpuconv.tracing import Step, Trace, trace

__version__ = "0.1.0"
__all__ = [
    "BackendUnavailableError",
    "Step",
    "Trace",
    "UnsupportedProblemError",
    "backend",
    "convolve",
    "correlate",
    "filters",
    "ndimage",
    "nn",
    "output_size",
    "sepconvolve",
    "set_backend",
    "signal",
    "trace",
]
