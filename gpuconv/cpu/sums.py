"""What tiles have in common: sums of products in registers, a vector or more of each row of outputs.

A tile reads rows of accumulators through a table of their addresses (`work.rows`), so that neither the boundary nor
the image's layout concerns it, and writes to the addresses in `work.outs`; `x` is an offset in bytes in both.
"""

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Protocol

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.values import Lanes, Value, Variable

Sums = list[list[Variable]]
Write = Callable[[Value, int], None]  # of a tile at x with so many vectors a row


class Tile(Protocol):
    """Writes the code of one tile."""

    @property
    def rows(self) -> int:
        """Rows of outputs."""

    @property
    def vectors(self) -> tuple[int, ...]:
        """Vectors a row: of the widest tile, and of those that narrower rows take."""

    def begin(self, e: Emitter, lanes: Lanes, work: SimpleNamespace) -> Write:
        """Write what the tiles of a row have in common; what writes one of them."""


def zero_sums(e: Emitter, lanes: Lanes, rows: int, vectors: int) -> Sums:
    """Return sums of no products yet."""
    return [[e.variable(e.zero(lanes)) for _ in range(vectors)] for _ in range(rows)]


def load_samples(e: Emitter, lanes: Lanes, address: Value, vectors: int) -> list[Value]:
    """Return neighbouring vectors."""
    return [e.load(lanes.type, address + v * lanes.bytes) for v in range(vectors)]


def load_neighbours(e: Emitter, lanes: Lanes, address: Value, vectors: int, taps: int) -> Iterator[list[Value]]:
    """Yield neighbouring vectors at each of `taps` neighbouring elements, put together from those at the first.

    Nothing is loaded beyond what the taps need: the last vector of each tap is a load of its own.
    """
    first = load_samples(e, lanes, address, vectors)
    last = address + lanes.bytes * (vectors - 1)
    yield first
    for t in range(1, taps):
        yield [
            *(e.shifted(lanes, a, b, t) for a, b in itertools.pairwise(first)),
            e.load(lanes.type, last + t * lanes.size),
        ]


def add_products(e: Emitter, sums: list[Variable], samples: list[Value], weight: Value) -> None:
    """Add samples times a weight to a row of sums."""
    for variable, sample in zip(sums, samples, strict=True):
        variable.value = e.muladd(sample, weight, variable.value)


def write_sums(e: Emitter, lanes: Lanes, sums: Sums, work: SimpleNamespace, x: Value) -> None:
    """Write the sums to the rows of outputs; where there is a trace, what is not finite leaves nan in it."""
    if work.trace:
        _look(e, lanes, sums, work, x)
    for o, row in enumerate(sums):
        address = e.integer(work.outs + 8 * o) + x
        for v, variable in enumerate(row):
            e.store(variable.value, address + v * lanes.bytes)


def _look(e: Emitter, lanes: Lanes, sums: Sums, work: SimpleNamespace, x: Value) -> None:
    """Add zero times the sums to the trace; a single vector may reach beyond the outputs."""
    zero, single = e.zero(lanes), len(sums[0]) == 1
    within = e.first_lanes(lanes, (work.width - x) // lanes.size) if single else None
    for variable in (variable for row in sums for variable in row):
        value = e.select(within, variable.value, zero) if within else variable.value
        work.trace.value = e.muladd(value, zero, work.trace.value)
