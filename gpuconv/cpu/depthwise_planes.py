"""Depthwise layers over planes, the channels of an image one after the other.

A column of a tile is as many neighbouring outputs as a vector has lanes. Lanes beyond the ends of a row count as zeros.
"""

import itertools
from functools import partial
from types import SimpleNamespace

from gpuconv.cpu.depthwise import ROWS, Column, Filter, InPlace, Tile, Touched, columns_of
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_job import NOWHERE, each_item
from gpuconv.cpu.sums import Sums, add_products
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value, Variable


def planes_kernel(code: str, rows: int, stride: int, dilation: int, columns: int = 0) -> Kernel:
    """Return the kernel of a dtype; what concerns rows of the filter is compiled in, and columns that are shuffled."""
    return Kernel(_write, (code, rows, stride, dilation, columns))


def _write(target: Target, code: str, *sizes: int) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    return each_item(e, Planes(e, lanes, columns_of(target), Filter(*sizes)).block)


class Planes(InPlace):
    """Writes the loops over one plane."""

    def block(self, work: SimpleNamespace, item: Value) -> None:
        """Compute some rows of a plane, strip by strip."""
        e, lanes = self.e, self.lanes
        bh, rest = item % work.blocks_h, item // work.blocks_h
        channel, image = rest % work.all_outputs, rest // work.all_outputs
        y0, y1 = (part * work.out_h // work.blocks_h for part in (bh, bh + 1))
        plane = e.integer(work.image_offsets + image * 8) + e.integer(work.channels + channel * 8)
        work.source = work.image + plane + work.origin
        work.target = work.out + e.integer(work.out_offsets + image * 8) + channel * work.out_channel
        work.channel = channel * lanes.size
        work.own_weights = work.weights + work.channel * work.taps
        x = e.variable(0)
        for count in self.counts:
            with e.repeat(partial(self._left, work, x, count)):
                self._strip(work, x.value, count, y0, y1)
                x.value = x.value + count * lanes.count

    def _left(self, work: SimpleNamespace, x: Variable, count: int) -> Value:
        """Whether more outputs are left than fewer columns have."""
        left: Value = work.out_w - x.value
        return left > (count - 1) * self.lanes.count

    def _strip(self, work: SimpleNamespace, x: Value, count: int, y0: Value, y1: Value) -> None:
        """Compute a few columns of every row, lane by lane where some lie outside."""
        e, stop = self.e, x + count * self.lanes.count
        inside = e.least(e.select(x >= work.inside_w0, work.inside_w1 - work.reach_w, 0), work.out_w) >= stop
        for edge in (False, True):
            start = e.select(inside, *((y1, y0) if edge else (y0, y1)))
            rest = e.select(y1 - start >= ROWS, y1, start)
            for first, end, rows in ((start, rest, ROWS), (rest, y1, 1)):
                with e.loop(first, end, rows) as y:
                    top = e.least(y, y1 - rows)
                    self.write(work, Tile(top, x, work.channel, work.own_weights, rows, count, edge))

    def line(self, work: SimpleNamespace, tile: Tile, row: Value) -> Value:
        """The first column."""
        return self.e.select(row.equals(NOWHERE), work.fill, work.source + row + tile.x * self.lanes.size)

    def prefetch(self, work: SimpleNamespace, tile: Tile, lines: list[Value]) -> None:
        """Ask for what tiles further down need."""
        for o, line in enumerate(lines):
            to = work.target + (tile.y + o) * work.out_row + tile.x * self.lanes.size
            for v in range(tile.columns):
                self.e.prefetch(line + work.ahead + v * self.lanes.bytes)
                self.e.prefetch(to + work.out_ahead + v * self.lanes.bytes, write=True)

    @property
    def weight_bytes(self) -> int:
        """One weight for all lanes."""
        return self.lanes.size

    def weight(self, address: Value) -> Value:
        """A weight for all lanes."""
        return self.e.broadcast(self.lanes, address)

    def columns(self, work: SimpleNamespace, tile: Tile, s: Value) -> list[Column]:
        """Neighbouring vectors."""
        first = self.e.integer(work.tap_offsets + s * 8)
        places = [first + v * self.lanes.bytes for v in range(tile.columns)]
        masks = self._masks(tile, tile.x + s * work.dilation_w - work.inside_w0, work.inside_w1 - work.inside_w0)
        return list(zip(places, masks, strict=True))

    def add(self, work: SimpleNamespace, tile: Tile, sums: Sums, lines: dict[int, Value], touched: Touched) -> None:
        """Add the products of all samples, row by row where the neighbours of a sample come by shuffles."""
        if not self.filter.columns:
            super().add(work, tile, sums, lines, touched)
            return
        e, size = self.e, self.lanes.size
        masks = self._vectors(work, tile)
        for j, line in lines.items():
            with e.apart():
                vectors = [self.sample(line + v * self.lanes.bytes, mask) for v, mask in enumerate(masks)]
                for s in range(self.filter.columns):
                    samples = [e.shifted(self.lanes, a, b, s) if s else a for a, b in itertools.pairwise(vectors)]
                    for o, r in touched[j]:
                        weight = self.weight(tile.weights + (s * self.filter.rows + r) * size)
                        add_products(e, sums[o], samples, weight)

    def _vectors(self, work: SimpleNamespace, tile: Tile) -> list[Value | None]:
        """Masks of the vectors of a row that a tile needs, of the last no more than the shuffles take."""
        last = tile.columns * self.lanes.count
        if tile.edge:
            first, stop = tile.x - work.inside_w0, work.inside_w1 - work.inside_w0
            return [*self._masks(tile, first, stop), self.e.lanes_below(self.lanes, first + last, stop)]
        few = self.e.lanes_below(self.lanes, self.e.number(0), self.e.number(self.filter.columns - 1))
        return [*[None] * tile.columns, few]

    def _masks(self, tile: Tile, first: Value, stop: Value) -> list[Value | None]:
        below, count = self.e.lanes_below, self.lanes.count
        return [below(self.lanes, first + v * count, stop) if tile.edge else None for v in range(tile.columns)]

    def store(self, work: SimpleNamespace, tile: Tile, sums: list[list[Value]]) -> None:
        """Store the outputs."""
        e, lanes, last = self.e, self.lanes, tile.columns - 1
        inside = e.lanes_below(lanes, tile.x + last * lanes.count, work.out_w) if tile.edge else None
        for o, row in enumerate(sums):
            to = work.target + (tile.y + o) * work.out_row + tile.x * lanes.size
            for v, value in enumerate(row):
                if inside and v == last:  # only the last column of a strip may reach beyond the output
                    e.store_some(value, to + v * lanes.bytes, inside)
                else:
                    e.store(value, to + v * lanes.bytes)
