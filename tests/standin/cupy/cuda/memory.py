"""cupy.cuda.memory: what a failed allocation raises."""

from cupy._device import OutOfMemoryError

__all__ = ["OutOfMemoryError"]
