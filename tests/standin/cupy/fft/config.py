"""cupy.fft.config: the cache of cuFFT's plans."""

import threading

from cupy._device import current_device

__all__ = ["get_plan_cache"]


class _PlanCache(dict):
    """CuPy's has a limit; its keys are tuples."""

    def __setitem__(self, key, plan):
        if not isinstance(key, tuple):
            raise TypeError(f"Argument 'key' has incorrect type (expected tuple, got {type(key).__name__})")
        super().__setitem__(key, plan)


_caches = threading.local()  # a cache for each device


def get_plan_cache():
    """The plans of this thread and device."""
    if not hasattr(_caches, "by_device"):
        _caches.by_device = {}
    return _caches.by_device.setdefault(current_device(), _PlanCache())
