"""Depthwise layers that read the image where it lies: no patch is copied.

A tile is a few rows of a few columns, a vector each; `depthwise_planes` and `depthwise_pixels` say of what. Its sums
stay in registers, and what is loaded of a row of the image serves every output row that it touches. All values are
accumulators: the sums are written straight to the output.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.sums import Sums, add_products
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value

ROWS = 4  # of a tile
COLUMNS = (4, 2, 1)  # of the widest tile and of those for the rest
Touched = dict[int, list[tuple[int, int]]]  # by row: the outputs and the rows of the filter that meet in it
Column = tuple[Value, Value | None]  # bytes to its samples in a row, and which lanes of them are inside


def columns_of(target: Target) -> tuple[int, ...]:
    """Columns of tiles whose sums leave registers for a column of weights and the samples of a row."""
    return tuple(min(count, 4 if target.registers >= 32 else 3) for count in COLUMNS)


@dataclass(frozen=True)
class Filter:
    """What is compiled in: rows of the filter and their steps; columns, if they come by shuffles, else 0."""

    rows: int
    stride: int
    dilation: int
    columns: int = 0


@dataclass(frozen=True)
class Tile:
    """One tile, and whether some of its samples may be outside."""

    y: Value
    x: Value
    channel: Value  # bytes to its first channel, where channels are neighbours
    weights: Value
    rows: int
    columns: int
    edge: bool


class InPlace(ABC):
    """Writes the code of tiles; `work` holds the fields of the job, and the addresses of image and output."""

    def __init__(self, e: Emitter, lanes: Lanes, counts: tuple[int, ...], filter_: Filter):
        self.e, self.lanes, self.counts, self.filter = e, lanes, counts, filter_

    def write(self, work: SimpleNamespace, tile: Tile) -> None:
        """Sum up and store one tile."""
        initial = self.weight(work.bias + tile.channel)
        sums = [[self.e.variable(initial) for _ in range(tile.columns)] for _ in range(tile.rows)]
        touched = self.touched(tile.rows)
        lines = self.lines(work, tile, touched)
        self.prefetch(work, tile, list(lines.values())[-tile.rows :])
        self.add(work, tile, sums, lines, touched)
        self.store(work, tile, [[variable.value for variable in row] for row in sums])

    def touched(self, rows: int) -> Touched:
        """Which outputs and rows of the filter meet in each row."""
        touched: Touched = defaultdict(list)
        for o in range(rows):
            for r in range(self.filter.rows):
                touched[o * self.filter.stride + r * self.filter.dilation].append((o, r))
        return touched

    def lines(self, work: SimpleNamespace, tile: Tile, touched: Touched) -> dict[int, Value]:
        """Where a tile meets each row."""
        top = work.row_sources + tile.y * (8 * self.filter.stride)
        return {j: self.line(work, tile, self.e.integer(top + j * 8)) for j in sorted(touched)}

    def add(self, work: SimpleNamespace, tile: Tile, sums: Sums, lines: dict[int, Value], touched: Touched) -> None:
        """Add the products of all samples, column by column of the filter; weights lie in this order."""
        e, at = self.e, self.e.variable(tile.weights)
        with e.loop(0, work.filter_w) as s:
            weights = [self.weight(at.value + r * self.weight_bytes) for r in range(self.filter.rows)]
            at.value = at.value + self.filter.rows * self.weight_bytes
            columns = self.columns(work, tile, s)
            for j, line in lines.items():
                with e.apart():
                    samples = [self.sample(line + at, mask) for at, mask in columns]
                    for o, r in touched[j]:
                        add_products(e, sums[o], samples, weights[r])

    def sample(self, address: Value, mask: Value | None) -> Value:
        """A vector of samples; those that are masked are zeros."""
        return self.e.load_some(self.lanes, address, mask) if mask else self.e.load(self.lanes.type, address)

    @property
    @abstractmethod
    def weight_bytes(self) -> int:
        """Bytes from one tap's weights to the next."""

    @abstractmethod
    def weight(self, address: Value) -> Value:
        """Load a tap's weights, or as many first summands."""

    @abstractmethod
    def line(self, work: SimpleNamespace, tile: Tile, row: Value) -> Value:
        """Where a tile meets a row of the image, whose bytes from the first (or NOWHERE) are given."""

    @abstractmethod
    def prefetch(self, work: SimpleNamespace, tile: Tile, lines: list[Value]) -> None:
        """Ask for what later tiles need; lines are those that earlier ones did not meet."""

    @abstractmethod
    def columns(self, work: SimpleNamespace, tile: Tile, s: Value) -> list[Column]:
        """What each column of a tile meets in column s of the filter, from a line on."""

    @abstractmethod
    def store(self, work: SimpleNamespace, tile: Tile, sums: list[list[Value]]) -> None:
        """Store the outputs."""
