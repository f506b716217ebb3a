"""The inner loops: a tile of rows x vectors of outputs, kept in registers while the taps pass by.

A tile reads rows of accumulators through a table of their addresses (`work.rows`), so that neither the boundary nor
the image's layout concerns it, and writes to the addresses in `work.outs`. `x` is an offset in bytes in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Protocol

from gpuconv.cpu.emitter import Emitter, Number
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value, Variable

Sums = list[list[Variable]]


class Tile(Protocol):
    """Writes the code of one tile."""

    rows: int  # rows of outputs
    vectors: tuple[int, ...]  # vectors a row: of the widest tile, and of those that fill up the end of a row

    def write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Compute outputs at x."""


@dataclass(frozen=True)
class Sliding:
    """Dense filter, stride 1: a row of the image, once loaded, serves every output row that it touches.

    Each tap is a broadcast weight. The size of the filter is compiled in (else 0): its height where it is small, since
    the general form needs rows - 1, and a width of 1.
    """

    rows: int
    vectors: tuple[int, ...]
    filter_h: int
    filter_w: int

    def write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Walk the rows + filter_h - 1 rows of the image."""
        sums = _sums(e, lanes, self.rows, vectors)
        last = self.rows - 1

        def row(r: Number, outputs: Sequence[int]) -> None:
            """Add row r of the image, multiplied by row r - o of the weights, to each output o."""
            weights = [work.weights + work.weights_row * (r - o) for o in outputs]
            source = e.integer(work.rows + e.number(r) * 8) + x
            with e.single() if self.filter_w == 1 else e.loop(0, work.filter_w) as s:
                samples = _samples(e, lanes, source + e.integer(work.tap_columns + s * 8), vectors)
                for o, address in zip(outputs, weights, strict=True):
                    _add(e, sums[o], samples, e.broadcast(lanes, address + s * lanes.size))

        if self.filter_h:
            for r in range(self.filter_h + last):
                row(r, range(max(0, r - self.filter_h + 1), min(self.rows, r + 1)))
        else:
            for r in range(last):
                row(r, range(r + 1))
            with e.loop(last, work.filter_h) as index:
                row(index, range(self.rows))
            for r in range(last):
                row(work.filter_h + r, range(r + 1, self.rows))
        _write_sums(e, lanes, sums, work.outs, x)


@dataclass(frozen=True)
class Taps:
    """A list of taps, each with the row and the column it reads: strides, dilations, left-out taps, complex numbers."""

    rows: int
    vectors: tuple[int, ...]

    def write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Walk the list."""
        sums = _sums(e, lanes, self.rows, vectors)
        with e.loop(0, work.taps) as t:
            weight = e.broadcast(lanes, work.weights + t * lanes.size)
            row = work.rows + e.integer(work.tap_rows + t * 8)
            column = e.integer(work.tap_columns + t * 8) + x
            for o in range(self.rows):
                source = e.integer(row + work.stride_h * (8 * o)) + column
                _add(e, sums[o], _samples(e, lanes, source, vectors), weight)
        _write_sums(e, lanes, sums, work.outs, x)


@dataclass(frozen=True)
class Line:
    """A filter along one row, a list of taps with the column that each reads.

    Two taps that lie one vector apart read the same vectors but one, so such pairs go together: where `work.paired` is
    1 (not 0), which says that the taps follow one another on neighbouring samples.
    """

    vectors: tuple[int, ...]
    rows: int = 1

    def write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Add the pairs, then the rest."""
        (sums,) = _sums(e, lanes, 1, vectors)
        source = e.integer(work.rows) + x
        first = e.variable(0)

        def alone(start: Value, stop: Value) -> None:
            with e.loop(start, stop) as s:
                weight = e.broadcast(lanes, work.weights + s * lanes.size)
                _add(e, sums, _samples(e, lanes, source + e.integer(work.tap_columns + s * 8), vectors), weight)

        with e.repeat(lambda: (work.taps - first.value) * work.paired > lanes.count):
            start = first.value
            paired = start + e.least(work.taps - start - lanes.count, lanes.count)
            with e.loop(start, paired) as s:
                self._pair(e, lanes, sums, source + s * lanes.size, work.weights + s * lanes.size)
            alone(paired, start + lanes.count)
            first.value = paired + lanes.count
        alone(first.value, work.taps)
        _write_sums(e, lanes, [sums], work.outs, x)

    def _pair(self, e: Emitter, lanes: Lanes, sums: list[Variable], source: Value, weights: Value) -> None:
        """Add the tap at `weights` and the one a vector after it."""
        near, far = (e.broadcast(lanes, weights + offset) for offset in (0, lanes.bytes))
        samples = _samples(e, lanes, source, len(sums) + 1)
        _add(e, sums, samples[:-1], near)
        _add(e, sums, samples[1:], far)


def tile(target: Target, code: str, kind: str, filter_h: int = 0, filter_w: int = 0) -> Tile:
    """Return the tile "sliding", "taps" or "line" in the shape that fills the registers.

    The sums take most of them; the rest hold one row of samples, or two weights, and one operand.
    """
    many = target.registers >= 32
    rows, vectors = (6, (4, 1)) if many else (4, (3, 1))
    if kind == "line":
        return Line((12, 4, 1))
    return Sliding(rows, vectors, filter_h, filter_w) if kind == "sliding" else Taps(rows, vectors)


def _sums(e: Emitter, lanes: Lanes, rows: int, vectors: int) -> Sums:
    return [[e.variable(e.zero(lanes)) for _ in range(vectors)] for _ in range(rows)]


def _samples(e: Emitter, lanes: Lanes, address: Value, vectors: int) -> list[Value]:
    return [e.load(lanes.type, address + v * lanes.bytes) for v in range(vectors)]


def _add(e: Emitter, sums: list[Variable], samples: list[Value], weight: Value) -> None:
    for variable, sample in zip(sums, samples, strict=True):
        variable.value = e.muladd(sample, weight, variable.value)


def _write_sums(e: Emitter, lanes: Lanes, sums: Sums, outs: Value, x: Value) -> None:
    for o, row in enumerate(sums):
        address = e.integer(outs + 8 * o) + x
        for v, variable in enumerate(row):
            e.store(variable.value, address + v * lanes.bytes)
