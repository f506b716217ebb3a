"""The loop that every worker of a job runs."""

from collections.abc import Callable

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.values import Value


def work_through(e: Emitter, items: Value, compute: Callable[[Value], None]) -> None:
    """Write: compute items until none is left, then look `e.spins` times whether the other workers have finished.

    The job at `e.job` begins with COUNTERS.
    """
    item = e.variable(e.count_up(e.job))
    with e.repeat(lambda: item.value < items):
        compute(item.value)
        e.count_up(e.job + 8)
        item.value = e.count_up(e.job)
    spins = e.variable(e.spins)
    with e.repeat(lambda: spins.value > 0):
        e.pause()
        spins.value = e.select(e.shared(e.job + 8) >= items, 0, spins.value - 1)
