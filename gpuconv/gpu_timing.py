"""Time of work on the current CUDA device, by its own clock: in turns, with the caches full of something else."""

import time
from collections.abc import Callable, Mapping

from gpuconv.backends.cupy_probe import limits

LEAST, MOST = 5, 200  # runs of each function
FLUSHED = 2  # sizes of the L2 cache that are written between runs, again and again for
LEAD = 0.3e-3  # seconds, in which the host prepares the next run


def interleaved(functions: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, list[float]]:
    """Run all in turns for about `seconds` in all; the microseconds of each run between two events of the device.

    While the device overwrites its L2 cache, the host prepares the next run: what is measured is the device's work.
    Work of other streams than the current one is not seen.
    """
    import cupy

    for function in functions.values():
        function()  # compiles, allocates
    flush = cupy.empty(FLUSHED * _cache_bytes(), "uint8")
    fills = max(1, min(16, round(LEAD * limits().bandwidth / flush.size)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    stop, rounds = time.perf_counter() + seconds, 0
    while rounds < LEAST or (rounds < MOST and time.perf_counter() < stop):
        for name, function in functions.items():
            for _ in range(fills):
                flush.fill(0)
            times[name].append(_microseconds(function))
        rounds += 1
    return times


def _microseconds(function: Callable[[], object]) -> float:
    import cupy

    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    function()
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(start, end)) * 1000


def _cache_bytes() -> int:
    import cupy

    runtime = cupy.cuda.runtime
    return int(runtime.getDeviceProperties(runtime.getDevice())["l2CacheSize"])
