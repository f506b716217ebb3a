"""The inner loops of filters: a tile of rows x vectors of outputs stays in registers while the taps pass by."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

from gpuconv.cpu.emitter import Emitter, Number
from gpuconv.cpu.line import Line, Lines, ShortLine
from gpuconv.cpu.sums import Sums, Tile, Write, add_products, load_samples, write_sums, zero_sums
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value

SMALL = 9  # weights that fit the registers beside the sums, where there are 32
WIDEST = 512  # bits of a cache line
LARGEST_COMPILED = 7  # rows of a filter that are compiled in; at least the rows of a tile less 1


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
    deep: bool = False  # whether a volume is filtered, slice by slice

    def begin(self, e: Emitter, lanes: Lanes, work: SimpleNamespace) -> Write:
        """Nothing in common."""
        return partial(self._write, e, lanes, work)

    def _write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Walk the slices."""
        sums = zero_sums(e, lanes, self.rows, vectors)
        if self.deep:
            with e.loop(0, work.filter_d) as d:
                rows, weights = work.rows + d * work.span * 8, work.weights + d * work.filter_h * work.weights_row
                self._walk(e, lanes, SimpleNamespace(**vars(work) | {"rows": rows, "weights": weights}), x, sums)
        else:
            self._walk(e, lanes, work, x, sums)
        write_sums(e, lanes, sums, work, x)

    def _walk(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, sums: Sums) -> None:
        """Walk the rows + filter_h - 1 rows of an image."""
        last, vectors = self.rows - 1, len(sums[0])

        def row(r: Number, outputs: Sequence[int]) -> None:
            """Add row r of the image, multiplied by row r - o of the weights, to each output o."""
            weights = [work.weights + work.weights_row * (r - o) for o in outputs]
            source = e.integer(work.rows + e.number(r) * 8) + x
            with e.single() if self.filter_w == 1 else e.loop(0, work.filter_w) as s:
                samples = load_samples(e, lanes, source + e.integer(work.tap_columns + s * 8), vectors)
                for o, address in zip(outputs, weights, strict=True):
                    add_products(e, sums[o], samples, e.broadcast(lanes, address + s * lanes.size))

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


@dataclass(frozen=True)
class Small:
    """As Sliding, for a filter so small that its weights stay in registers."""

    rows: int
    vectors: tuple[int, ...]
    filter_h: int
    filter_w: int

    def begin(self, e: Emitter, lanes: Lanes, work: SimpleNamespace) -> Write:
        """Load the weights and the columns of the taps."""
        taps = range(self.filter_h * self.filter_w)
        weights = [e.broadcast(lanes, work.weights + t * lanes.size) for t in taps]
        columns = [e.integer(work.tap_columns + 8 * s) for s in range(self.filter_w)]

        def write(x: Value, vectors: int) -> None:
            sums = zero_sums(e, lanes, self.rows, vectors)
            for r in range(self.rows + self.filter_h - 1):
                source = e.integer(work.rows + 8 * r) + x
                for s, column in enumerate(columns):
                    samples = load_samples(e, lanes, source + column, vectors)
                    for o in range(max(0, r - self.filter_h + 1), min(self.rows, r + 1)):
                        add_products(e, sums[o], samples, weights[(r - o) * self.filter_w + s])
            write_sums(e, lanes, sums, work, x)

        return write


@dataclass(frozen=True)
class Taps:
    """A list of taps, each with the row and the column it reads: strides, dilations, left-out taps, complex numbers."""

    rows: int
    vectors: tuple[int, ...]

    def begin(self, e: Emitter, lanes: Lanes, work: SimpleNamespace) -> Write:
        """Nothing in common."""
        return partial(self._write, e, lanes, work)

    def _write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Walk the list."""
        sums = zero_sums(e, lanes, self.rows, vectors)
        with e.loop(0, work.taps) as t:
            weight = e.broadcast(lanes, work.weights + t * lanes.size)
            row = work.rows + e.integer(work.tap_rows + t * 8)
            column = e.integer(work.tap_columns + t * 8) + x
            for o in range(self.rows):
                source = e.integer(row + work.stride_h * (8 * o)) + column
                add_products(e, sums[o], load_samples(e, lanes, source, vectors), weight)
        write_sums(e, lanes, sums, work, x)


def lines_of(target: Target, terms: int) -> Lines:
    """Return the tile of several filters along a row."""
    return Lines(((16 if target.registers >= 32 else 8) // terms, 1), terms)


def tile_of(
    target: Target, kind: str, filter_h: int = 0, filter_w: int = 0, short: int = 0, *, deep: bool = False
) -> Tile:
    """Return the tile "sliding", "taps" or "line" in the shape that fills the registers; `short`: see short_line.

    The sums take most of them; the rest hold one row of samples, or all weights or two, and one operand.
    """
    many = target.registers >= 32
    rows, vectors = (6, (4, 1)) if many else (4, (3, 1))
    if kind == "line":
        return ShortLine((8, 4, 1), short) if short else Line((12, 4, 1))
    if kind == "taps":
        return Taps(rows, vectors)
    if many and not deep and 0 < filter_h * filter_w <= SMALL:
        return Small(4, (4, 1), filter_h, filter_w)
    return Sliding(rows, vectors, filter_h, filter_w, deep)


def short_line(target: Target, size: int, taps: int) -> int:
    """Taps of a line on neighbouring samples of `size` bytes as they are compiled in; 0: any.

    Where a vector is as long as a cache line nearly every load touches two, and shuffles are cheaper.
    """
    return taps if target.bits == WIDEST and 1 < taps <= target.lanes(size) else 0


def compiled_sizes(filter_h: int, filter_w: int) -> tuple[int, int]:
    """Height and width of the weights as they are compiled into a sliding tile; 0: any."""
    if filter_h * filter_w <= SMALL:
        return filter_h, filter_w
    return filter_h if filter_h <= LARGEST_COMPILED else 0, int(filter_w == 1)
