"""cupy.fft: cuFFT's transforms, by NumPy's."""

import numpy

from ._array import copy_of, ndarray
from ._device import need_context

__all__ = ["irfftn", "rfftn"]


def rfftn(a, s=None, axes=None, norm=None):
    """Transform real numbers; the last of the axes is halved."""
    return _transformed(numpy.fft.rfftn, a, s, axes, norm, "complex64")


def irfftn(a, s=None, axes=None, norm=None):
    """The inverse of rfftn."""
    return _transformed(numpy.fft.irfftn, a, s, axes, norm, "float32")


def _transformed(function, a, s, axes, norm, single):
    if not isinstance(a, ndarray):
        raise TypeError(f"cupy.fft takes arrays on the device; got {type(a).__name__}")
    need_context()
    with numpy.errstate(all="ignore"):
        host = function(a._host, s, axes, norm)
    return copy_of(host, single if a.dtype in ("float32", "complex64") else host.dtype, "C")
