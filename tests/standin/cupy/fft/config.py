"""cupy.fft.config: the cache of cuFFT's plans."""

__all__ = ["get_plan_cache"]


class _PlanCache(dict):
    """CuPy's has a limit; its keys are tuples."""

    def __setitem__(self, key, plan):
        if not isinstance(key, tuple):
            raise TypeError(f"Argument 'key' has incorrect type (expected tuple, got {type(key).__name__})")
        super().__setitem__(key, plan)


_cache = _PlanCache()


def get_plan_cache():
    """The plans of this thread and device."""
    return _cache
