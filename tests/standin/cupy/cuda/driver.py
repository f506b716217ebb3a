"""cupy.cuda.driver: what the driver raises."""

from cupy._device import CUDADriverError

__all__ = ["CUDADriverError"]
