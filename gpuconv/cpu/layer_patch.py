"""Loads the part of an image that a block of a layer's outputs needs: a *patch*, whatever the layout and the boundary.

A patch holds accumulators. Its pixels are vectors of as many channels as a vector has lanes, one pixel after the other
in a row (phase by phase of the stride, so that the pixels of neighbouring outputs are neighbours), and one block of
channels after the other. Lanes beyond the last channel hold zeros or other samples; pixels of few channels may overlap
there, which is why columns are loaded in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.layer_job import NOWHERE
from gpuconv.cpu.rows import widen
from gpuconv.cpu.values import Lanes, Value


def transpose(e: Emitter, lanes: Lanes, rows: Sequence[Value]) -> list[Value]:
    """Return the columns of a square of vectors; of fewer rows, each square's first beside the others', and so on."""
    rows, step = list(rows), len(rows) // 2
    while step:
        for i in (i for i in range(len(rows)) if not i & step):
            a, b = rows[i], rows[i + step]
            low = [c + lanes.count - step if c & step else c for c in range(lanes.count)]
            high = [c + lanes.count if c & step else c + step for c in range(lanes.count)]
            rows[i], rows[i + step] = (_shuffle(e, lanes, a, b, mask) for mask in (low, high))
        step //= 2
    return rows


def _shuffle(e: Emitter, lanes: Lanes, a: Value, b: Value, mask: list[int]) -> Value:
    chosen = ", ".join(f"i32 {i}" for i in mask)
    operands = f"{lanes.type} {a.name}, {lanes.type} {b.name}"
    return e.emit(lanes.type, f"shufflevector {operands}, <{lanes.count} x i32> <{chosen}>")


@dataclass(frozen=True)
class Source:
    """Where a patch comes from; addresses and bytes."""

    image: Value
    channels: Value  # table of the bytes to each channel
    row_sources: Value  # tables of the bytes to each window row and column
    column_sources: Value
    left: Value  # window columns inside the image, counted from the first of the patch
    right: Value
    pixel: Value
    beside: Value
    fill: Value


@dataclass(frozen=True)
class Room:
    """Where a patch goes."""

    address: Value
    places: Value  # table of the bytes to the pixel of each column
    row_bytes: Value
    block_bytes: Value


class Patch:
    """Writes the code that loads a patch; `few` channels if not 0, whose pixels may overlap."""

    def __init__(self, e: Emitter, lanes: Lanes, image_code: str, source: Source, room: Room, few: int = 0):
        self.e, self.lanes, self.source, self.room, self.few = e, lanes, source, room, min(few, lanes.count)
        self.one, self.many = Lanes(image_code, 1), Lanes(image_code, lanes.count)

    def load(self, rows: Value, columns: Value, depth: Value) -> None:
        """Load window rows and columns from the first that the tables name, `depth` channels of them."""
        e, lanes, source, room = self.e, self.lanes, self.source, self.room
        fill = e.broadcast(lanes, source.fill)
        self._pixels(rows, e.select(source.beside.equals(1), depth // lanes.count, 0))
        with e.loop(0, depth, lanes.count) as first, e.loop(0, rows) as j:
            channels = source.channels + first * 8
            to = room.address + first // lanes.count * room.block_bytes + j * room.row_bytes
            count = e.least(depth - first, lanes.count)
            row = e.integer(source.row_sources + j * 8)
            with e.when(row.equals(NOWHERE)), e.loop(0, columns) as x:
                e.store(fill, to + e.integer(room.places + x * 8))
            with e.when(row.differs(NOWHERE)):
                image = source.image + row
                self._outside(to, image, channels, count, fill, e.number(0), source.left)
                self._inside(to, image, channels, count)
                self._outside(to, image, channels, count, fill, source.right, columns)

    def _pixels(self, rows: Value, blocks: Value) -> None:
        """Load whole vectors of neighbouring channels, pixel by pixel as they follow one another in the image."""
        e, source, room = self.e, self.source, self.room
        first = source.image + e.integer(source.channels)
        with e.loop(0, e.select(blocks > 0, rows, 0)) as j:
            row = e.integer(source.row_sources + j * 8)
            with e.when(row.differs(NOWHERE)), e.loop(source.left, source.right) as x:
                place, column = self._column(room.address + j * room.row_bytes, x)
                pixel, to = first + row + column, e.variable(place)
                with e.loop(0, blocks) as block:
                    e.store(self._vector(pixel + block * self.many.bytes), to.value)
                    to.value = to.value + room.block_bytes

    def _outside(
        self, to: Value, image: Value, channels: Value, count: Value, fill: Value, start: Value, stop: Value
    ) -> None:
        """Load columns outside the image."""
        e = self.e
        with e.loop(start, stop) as x:
            place, column = self._column(to, x)
            with e.when(column.equals(NOWHERE)):
                e.store(fill, place)
            with e.when(column.differs(NOWHERE)):
                self._gather(place, image + column, channels, count)

    def _column(self, to: Value, x: Value) -> tuple[Value, Value]:
        """Where column x goes, and where it comes from."""
        e = self.e
        return to + e.integer(self.room.places + x * 8), e.integer(self.source.column_sources + x * 8)

    def _gather(self, place: Value, pixel: Value, channels: Value, count: Value) -> None:
        """Load one pixel, channel by channel."""
        e, one = self.e, Lanes(self.lanes.code, 1)
        e.store(e.zero(self.lanes), place)
        with e.loop(0, count) as c:
            value = e.load(self.one.type, pixel + e.integer(channels + c * 8))
            e.store(widen(e, value, self.one, one), place + c * self.lanes.size)

    def _inside(self, to: Value, image: Value, channels: Value, count: Value) -> None:
        """Load the columns inside the image, unless `_pixels` has: squares of channels and columns, or one by one."""
        e, source, lanes = self.e, self.source, self.lanes
        whole = e.select(source.beside.equals(1), count, 0).equals(lanes.count)
        columns = e.select(source.pixel.equals(self.one.size), source.right - source.left, 0)
        rows = columns >= (lanes.count if self.few else 1)
        way = e.select(whole, 1, e.select(rows, 2, 0))
        with e.when(way.equals(2)):
            (self._quads if 0 < self.few < self.lanes.count else self._squares)(to, image, channels)
        with e.when(way.equals(0)), e.loop(source.left, source.right) as x:
            place, column = self._column(to, x)
            if self.few:
                self._pixel(place, image + column, channels, count)
            else:
                self._gather(place, image + column, channels, count)

    def _pixel(self, place: Value, pixel: Value, channels: Value, count: Value) -> None:
        """Load one pixel of few channels, at once where they are neighbours."""
        e, source = self.e, self.source
        many, lanes = (Lanes(lanes.code, self.few) for lanes in (self.many, self.lanes))
        beside = source.beside.equals(1)
        with e.when(beside):
            value = e.load_some(many, pixel + e.integer(channels), e.first_lanes(many, count))
            e.store(widen(e, value, many, lanes), place)
        with e.when(beside.equals(0)):
            self._gather(place, pixel, channels, count)

    def _vector(self, address: Value, mask: Value | None = None) -> Value:
        e = self.e
        value = e.load_some(self.many, address, mask) if mask else e.load(self.many.type, address)
        return widen(e, value, self.many, self.lanes)

    def _quads(self, to: Value, image: Value, channels: Value) -> None:
        """Load a vector of columns of each of few channels at a time, the last overlapping the one before."""
        e, source, lanes = self.e, self.source, self.lanes
        with e.loop(source.left, source.right, lanes.count) as x:
            first = e.least(x, source.right - lanes.count)
            _, column = self._column(to, first)
            rows = [self._vector(image + column + e.integer(channels + 8 * i)) for i in range(self.few)]
            squares = transpose(e, lanes, rows)
            for i in range(lanes.count):
                place, _ = self._column(to, first + i)
                e.store(e.part(lanes, squares[i % self.few], i // self.few * self.few, self.few), place)

    def _squares(self, to: Value, image: Value, channels: Value) -> None:
        """Load a vector of columns of each channel at a time, the last overlapping the one before.

        Where there are fewer columns, the surplus goes to the place of the last one, before it.
        """
        e, source, lanes = self.e, self.source, self.lanes
        rows = range(self.few or lanes.count)
        with e.loop(source.left, source.right, lanes.count) as x:
            first = e.most(e.least(x, source.right - lanes.count), source.left)
            _, column = self._column(to, first)
            at = [image + column + e.integer(channels + 8 * i) for i in rows]
            square = [e.variable(e.zero(lanes)) for _ in range(lanes.count)]
            wide = source.right - first >= lanes.count
            with e.when(wide):
                for row, address in zip(square, at, strict=False):
                    row.value = self._vector(address)
            if not self.few:
                with e.when(wide.equals(0)):
                    mask = e.first_lanes(lanes, source.right - first)
                    for row, address in zip(square, at, strict=True):
                        row.value = self._vector(address, mask)
            pixels = list(enumerate(transpose(e, lanes, [row.value for row in square])))
            for i, pixel in pixels if self.few else reversed(pixels):
                place, _ = self._column(to, e.least(first + i, source.right - 1))
                e.store(pixel, place)
