"""Launches as values: recorded while a backend works, run again in every way that shows an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from . import sanitizer
from .kernel import Kernel, current_order, kernel
from .memory import Argument, Snapshot, Value, as_argument, snapshot

Arrays = list[np.ndarray | None]
_recordings: list[list[Launch]] = []
_held: list[bool] = []  # a recording that runs nothing is open


@dataclass(frozen=True)
class Launch:
    """One launch: what is compiled, its dimensions, and its memory before (`before`) and after it ran (`results`)."""

    text: str = field(repr=False)
    name: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    before: Snapshot = field(repr=False)
    shared_mem: int = 0
    options: tuple[str, ...] = ()
    stream: int = 0
    results: Arrays = field(default_factory=list, repr=False)

    @property
    def kernel(self) -> Kernel:
        return kernel(self.text, self.name, self.options)

    def arrays_before(self) -> Arrays:
        """Copies of the arrays as they were before the launch, None for values."""
        return self.before.arrays(self.before.copy())

    def replay_cpu(self, order: str = "forward") -> Arrays:
        """Run again with another thread order; the arrays of the arguments, None for values."""
        regions = self.before.copy()
        self.kernel.run(self.grid, self.block, self.before.arguments(regions), self.shared_mem, order)
        return self.before.arrays(regions)

    def replay_sanitized(self, kind: str, order: str | None = None) -> sanitizer.Report:
        """Run under AddressSanitizer and UBSan ("address") or ThreadSanitizer ("thread")."""
        self.kernel.check(self.grid, self.block, self.before.arguments(self.before.copy()), self.shared_mem)
        return sanitizer.run(self, kind, order or current_order())

    def replay_sass(self, arch: str, **options: object) -> tuple[Arrays, object]:
        """Run the machine code of `arch` in the emulator; the arrays, and sassrun's Stats."""
        from . import machine_code

        return machine_code.run(self, arch, **options)


def triple(sizes: int | Sequence[int]) -> tuple[int, int, int]:
    """Grid or block as CuPy completes it: missing dimensions are 1, zero becomes 1."""
    given = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    x, y, z = (*given, 1, 1)[:3]
    return max(1, int(x)), max(1, int(y)), max(1, int(z))


def make_launch(
    text: str,
    name: str,
    grid: int | Sequence[int],
    block: int | Sequence[int],
    args: Sequence[object],
    shared_mem: int = 0,
    options: Sequence[str] = (),
) -> Launch:
    """A launch that has not run: arrays are pointers; scalars and structured arrays of one element are values."""
    before = snapshot([as_argument(value) for value in args])
    return Launch(text, name, triple(grid), triple(block), before, shared_mem, tuple(options))


def run(
    text: str,
    name: str,
    grid: int | Sequence[int],
    block: int | Sequence[int],
    args: Sequence[object],
    shared_mem: int = 0,
    options: Sequence[str] = (),
    order: str | None = None,
) -> None:
    """Run a kernel on NumPy arguments, in place."""
    arguments = [as_argument(value) for value in args]
    kernel(text, name, tuple(options)).run(triple(grid), triple(block), arguments, shared_mem, order)


def sanitize(*args: object, kind: str = "address", **keywords: object) -> sanitizer.Report:
    """make_launch() and replay_sanitized() in one call."""
    return make_launch(*args, **keywords).replay_sanitized(kind)


@contextmanager
def recording(*, run: bool = True) -> Iterator[list[Launch]]:
    """Collect every launch that the stand-in cupy makes inside the block; with `run` False nothing is computed."""
    launches: list[Launch] = []
    _recordings.append(launches)
    _held.append(not run)
    try:
        yield launches
    finally:
        _held.pop()
        _recordings.remove(launches)


def launch_now(
    text: str,
    name: str,
    options: tuple[str, ...],
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    arguments: list[Argument],
    shared_mem: int,
    stream: int,
) -> None:
    """Run for the stand-in cupy, and record."""
    compiled = kernel(text, name, options)
    before = snapshot(arguments) if _recordings else None
    if not any(_held):
        compiled.run(grid, block, arguments, shared_mem)
    if before is not None:
        results = [None if isinstance(a, Value) else a.array.copy() for a in arguments]
        launch = Launch(text, name, grid, block, before, shared_mem, options, stream, results)
        for launches in _recordings:
            launches.append(launch)
