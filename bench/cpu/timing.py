"""Time of several functions in one process, taken in turns, on a machine that others use too."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TASKS = Path("/proc/self/task")
CLEAN = 0.03  # share of a sample's time that this process's threads may have waited for a processor
LEAST = 5  # clean samples that a median needs
SLOW = 10  # times the fastest: not worth more than two turns
BURST = 3e-3  # seconds of a turn
PAUSE = 0.02  # seconds between turns on several threads: the last one's, which still spin, go to sleep


@dataclass
class Samples:
    """Seconds of each run, and the part of them (of its burst) in which a thread was ready but had no processor."""

    seconds: list[float]
    waited: list[float]
    first: list[float]  # seconds of the first run of each burst

    def clean(self) -> np.ndarray:
        """The undisturbed samples; the faster half of all where there are not enough."""
        seconds, waited = np.array(self.seconds), np.array(self.waited)
        clean = seconds[waited <= CLEAN * seconds + 2e-6]
        return clean if len(clean) >= min(LEAST, len(seconds)) else np.sort(seconds)[: max(1, len(seconds) // 2)]

    def summary(self) -> dict[str, float]:
        """Median and quartiles in microseconds, and how many samples stand behind them."""
        low, median, high = (float(q) * 1e6 for q in np.percentile(self.clean(), (25, 50, 75)))
        counts = {"clean": len(self.clean()), "samples": len(self.seconds)}
        first = {"first": round(float(np.median(self.first)) * 1e6, 1)}
        return {"median": round(median, 1), "low": round(low, 1), "high": round(high, 1)} | first | counts


def interleaved(
    functions: Mapping[str, Callable[[], object]], budget: float, threads: int = 1
) -> dict[str, dict[str, float]]:
    """Run all in turns for about `budget` seconds in all; a summary of each.

    A turn is a short burst, as in a loop over images; its first run, with the caches full of others' data and threads
    asleep, counts apart. Those that take more than SLOW times as long as the fastest have two turns.
    """
    samples = {name: Samples([], [], []) for name in functions}
    first = {name: _seconds(function) for name, function in functions.items()}  # compiles, allocates
    slow = {name for name, seconds in first.items() if seconds > SLOW * min(first.values())}
    stop, rounds = time.perf_counter() + budget, 0
    while time.perf_counter() < stop or rounds < LEAST:
        for name, function in functions.items():
            if rounds < 2 or name not in slow:
                time.sleep(PAUSE if threads > 1 else 0)
                _burst(function, samples[name])
        rounds += 1
    return {name: s.summary() for name, s in samples.items()}


def _burst(function: Callable[[], object], samples: Samples) -> None:
    before, start = _waited(), time.perf_counter()
    seconds = [_seconds(function)]
    while time.perf_counter() - start < BURST:
        seconds.append(_seconds(function))
    counted = seconds[1:] or seconds
    waited = (_waited() - before) / len(seconds)
    samples.first.append(seconds[0])
    samples.seconds += counted
    samples.waited += [waited] * len(counted)


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _waited() -> float:
    """Seconds that the threads of this process have spent in the queue for a processor."""
    total = 0
    for task in os.listdir(TASKS) if TASKS.exists() else ():
        try:
            total += int((TASKS / task / "schedstat").read_text().split()[1])
        except (OSError, IndexError):
            continue  # a thread that has ended, or a kernel that does not count
    return total * 1e-9
