"""Depthwise layers over pixels, whose channels are side by side.

A column of a tile is one output, of as many channels as a vector has lanes.
"""

from types import SimpleNamespace

from gpuconv.cpu.depthwise import ROWS, Column, Filter, InPlace, Tile, columns_of
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_job import NOWHERE, each_item
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value

NEIGHBOURS = 4  # vectors of channels of a pixel that are computed one after the other


def pixels_kernel(code: str, rows: int, stride: int, dilation: int) -> Kernel:
    """Return the kernel of a dtype; what concerns the rows of the filter is compiled in."""
    return Kernel(_write, (code, rows, stride, dilation))


def _write(target: Target, code: str, *sizes: int) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    return each_item(e, Pixels(e, lanes, columns_of(target), Filter(*sizes)).block)


class Pixels(InPlace):
    """Writes the loops over the pixels of an image."""

    def block(self, work: SimpleNamespace, item: Value) -> None:
        """Compute some rows of an image."""
        e = self.e
        bh, image = item % work.blocks_h, item // work.blocks_h
        y0, y1 = (part * work.out_h // work.blocks_h for part in (bh, bh + 1))
        work.source = work.image + e.integer(work.image_offsets + image * 8)
        work.target = work.out + e.integer(work.out_offsets + image * 8)
        rest = e.select(y1 - y0 >= ROWS, y1, y0)
        chunk = NEIGHBOURS * self.lanes.count
        for start, stop, rows in ((y0, rest, ROWS), (rest, y1, 1)):
            with e.loop(start, stop, rows) as y, e.loop(0, work.all_outputs, chunk) as c:
                self._row(work, e.least(y, y1 - rows), rows, c, e.least(c + chunk, work.all_outputs))

    def _row(self, work: SimpleNamespace, y: Value, rows: int, c0: Value, c1: Value) -> None:
        """Compute channels c0 to c1 of a few rows."""
        e, top, start = self.e, y * self.filter.stride, self.e.number(0)
        height = work.reach_h + (rows - 1) * self.filter.stride
        inside = e.select(e.select(top >= work.inside_h0, work.inside_h1 - top, 0) > height, work.inside_w1, 0)
        for count in self.counts:
            end = e.select(work.out_w - start >= count, work.out_w, start)
            with e.loop(start, end, count) as i:
                x = e.least(i, work.out_w - count)
                first, width = x * work.stride_w, work.reach_w + work.stride_w * (count - 1)
                within = e.select(first >= work.inside_w0, inside - first, 0) > width
                for edge in (False, True):
                    stop = e.select(within, *((c0, c1) if edge else (c1, c0)))
                    with e.loop(c0, stop, self.lanes.count) as c:
                        channel = e.least(c, work.all_outputs - self.lanes.count) * self.lanes.size
                        weights = work.weights + c * (work.taps * self.lanes.size)
                        self.write(work, Tile(y, x, channel, weights, rows, count, edge))
            start = end

    def line(self, work: SimpleNamespace, tile: Tile, row: Value) -> Value:
        """The first column; at the edges, where the row begins."""
        e, pixels = self.e, tile.x * work.stride_w * work.image_pixel
        if tile.edge:
            return e.select(row.equals(NOWHERE), work.fill, work.source + row + tile.channel)
        first: Value = work.source + row + tile.channel + work.origin + pixels
        return first

    def prefetch(self, work: SimpleNamespace, tile: Tile, lines: list[Value]) -> None:
        """Ask for what tiles further down need."""
        first = tile.x * work.stride_w * work.image_pixel + work.origin if tile.edge else self.e.number(0)
        for o, start in enumerate(lines):
            line = start + first
            to = work.target + (tile.y + o) * work.out_row + tile.x * work.out_pixel + tile.channel
            for p in range(tile.columns):
                self.e.prefetch(line + work.ahead + work.stride_w * work.image_pixel * p)
                self.e.prefetch(to + work.out_ahead + work.out_pixel * p, write=True)

    @property
    def weight_bytes(self) -> int:
        """The weights of as many channels as there are lanes."""
        return self.lanes.bytes

    def weight(self, address: Value) -> Value:
        """The weights of the channels."""
        return self.e.load(self.lanes.type, address)

    def columns(self, work: SimpleNamespace, tile: Tile, s: Value) -> list[Column]:
        """Neighbouring outputs; at the edges from the beginning of the row on, and none of what is outside."""
        columns = range(tile.columns)
        if not tile.edge:
            first = self.e.integer(work.tap_offsets + s * 8)
            return [(first + work.stride_w * work.image_pixel * p, None) for p in columns]
        table = work.column_sources + (tile.x * work.stride_w + s * work.dilation_w) * 8
        found = [self.e.integer(table + work.stride_w * (8 * p)) for p in columns]
        return [self._unless_outside(at) for at in found]

    def _unless_outside(self, at: Value) -> Column:
        """A place in the image and its mask; anywhere and none if it is outside."""
        e, outside = self.e, at.equals(NOWHERE)
        return e.select(outside, 0, at), e.lanes_below(self.lanes, e.number(0), e.select(outside, 0, self.lanes.count))

    def store(self, work: SimpleNamespace, tile: Tile, sums: list[list[Value]]) -> None:
        """Store the outputs."""
        for o, row in enumerate(sums):
            to = work.target + (tile.y + o) * work.out_row + tile.x * work.out_pixel + tile.channel
            for p, value in enumerate(row):
                self.e.store(value, to + work.out_pixel * p)
