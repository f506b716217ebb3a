"""cupy.fft: nothing but its cache of plans."""

from . import config

__all__ = ["config"]
