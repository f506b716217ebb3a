"""The loops around the tiles: blocks of the output, the rows of the image that each needs, and threads.

A worker takes blocks of the output until none is left. In a block it goes down the output rows, a tile's height at a
time. The image rows that these need are loaded just before, once each, into a ring of slots: converted to accumulators,
with what the boundary puts around them. The image is never copied as a whole, and every layout, dtype and boundary
ends here.

Words: a *window* row or pixel counts from the first one that the filter can reach, pad_before before the image; a pixel
is `inner` neighbouring elements (channels). A slot holds a window row: for each plane (two for complex numbers) and
each phase of a horizontal stride, the samples that are neighbours to the tile.
"""

from types import SimpleNamespace

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.job import COUNTERS, FIELDS, INDEX, LINE, SCRATCH
from gpuconv.cpu.slots import Slots
from gpuconv.cpu.sums import Tile
from gpuconv.cpu.values import Lanes, Value

FOREVER = 1 << 62


class Driver:
    """Writes the loops of one driver."""

    def __init__(self, e: Emitter, lanes: Lanes, tile: Tile, line: Tile | None, *, checked: bool, phased: bool):
        self.e, self.lanes, self.tile, self.line = e, lanes, tile, line
        self.work = e.fields(e.job + 8 * len(COUNTERS), FIELDS)
        for name in SCRATCH:
            setattr(self.work, name, e.scratch + getattr(self.work, name))
        self.work.trace = e.variable(e.zero(lanes)) if checked else None
        self.slots = Slots(e, lanes, self.work, phased)
        self.in_slots = line is not None  # all samples, so that none are borrowed

    def block(self, item: Value) -> None:
        """Compute one block of one image."""
        self.go_down(self.enter(item))
        if self.work.trace:
            self._judge(self.work.trace.value)

    def enter(self, item: Value) -> Value:
        """Find a block in its image and output; its first row."""
        e, work = self.e, self.work
        image, rest = item // (work.blocks_h * work.blocks_w), item % (work.blocks_h * work.blocks_w)
        by, bx = rest // work.blocks_w, rest % work.blocks_w
        top: Value = by * work.groups // work.blocks_h * self.tile.rows
        bottom = (by + 1) * work.groups // work.blocks_h * self.tile.rows
        work.bottom = e.least(bottom, work.out_h)
        x0, x1 = (part * work.out_w // work.blocks_w for part in (bx, bx + 1))
        work.source = work.image + e.integer(work.image_offsets + image * 8)
        work.target = work.out + e.integer(work.out_offsets + image * 8) + x0 * work.out_pixel
        self.slots.enter(x0, x1)
        return top

    def go_down(self, top: Value) -> None:
        """Compute the block that was entered."""
        e, work = self.e, self.work
        loaded = e.variable(0)
        with e.loop(top, work.bottom, self.tile.rows) as y:
            start, stop = self.window(y)
            slot = e.variable(e.most(loaded.value, start) % work.slots)
            with e.loop(e.most(loaded.value, start), stop) as j:
                self._load(j, slot.value)
                slot.value = self._following(slot.value)
            loaded.value = stop
            self._point(start, stop)
            self.compute(y)

    def window(self, y: Value) -> tuple[Value, Value]:
        """The window rows that output rows y ... of a tile need: first and stop."""
        e, work = self.e, self.work
        return y * work.stride_h, (e.least(y + self.tile.rows, work.bottom) - 1) * work.stride_h + work.reach_h + 1

    def _judge(self, trace: Value) -> None:
        """Note in the job whether some element of the trace is nan."""
        e, lanes, spoiled = self.e, self.lanes, self.e.variable(0)
        e.store(trace, self.work.stage)
        with e.loop(0, lanes.count) as i:
            element = e.load(lanes.element, self.work.stage + i * lanes.size)
            spoiled.value = e.select(element.equals(element), spoiled.value, 1)
        with e.when(spoiled.value > 0):
            e.store(spoiled.value, e.job + 8 * INDEX["not_finite"])

    def _following(self, slot: Value) -> Value:
        """The next slot of the ring."""
        return self.e.select((slot + 1).equals(self.work.slots), 0, slot + 1)

    def _load(self, j: Value, slot: Value) -> None:
        """Load window row j; with a line, filter it into its slot."""
        e, work = self.e, self.work
        address = work.ring + slot * work.slot_bytes
        if not self.line:
            e.store(self.slots.load(j, address), work.borrowed + slot * 8)
            return
        e.store(self.slots.load(j, work.line), work.line_inner_rows)
        e.store(work.line + work.lead, work.line_rows)
        for term in range(self.line.rows):
            e.store(address + work.part_bytes * term, work.line_outs + 8 * term)
        line = SimpleNamespace(**vars(work) | {name: getattr(work, f"line_{name}") for name in LINE} | {"trace": None})
        self._segments(self.line, line, e.number(FOREVER))

    def compute(self, y: Value) -> None:
        """Compute output rows y ... from the rows that the table points at."""
        e, work = self.e, self.work
        direct = work.store.equals(0)
        for i in range(self.tile.rows):
            wanted = e.select(direct, y + i, FOREVER) < work.bottom
            staged = work.stage + work.stage_bytes * i
            e.store(e.select(wanted, work.target + (y + i) * work.out_row, staged), work.outs + 8 * i)
        last = e.select(direct, e.most(work.width - self.lanes.bytes, 0), FOREVER)
        if self.in_slots:
            self._tiles(self.tile, work, e.number(0), work.width, last)
        else:
            self._segments(self.tile, work, last)
        rows = e.select(direct, 0, e.least(self.tile.rows, work.bottom - y))
        with e.loop(0, rows) as o:
            to, staged = work.target + (y + o) * work.out_row, work.stage + o * work.stage_bytes
            e.call(work.store, to, work.out_element, staged, work.width // self.lanes.size)

    def _point(self, start: Value, stop: Value) -> None:
        """Point the tables at window rows `start` ...; what is beyond the block, anywhere."""
        e, work = self.e, self.work
        slot = e.variable(start % work.slots)
        ring = work.ring if self.line else work.ring + work.lead
        with e.loop(0, work.span) as i:
            e.store(ring + slot.value * work.slot_bytes, work.rows + i * 8)
            e.store(e.integer(work.borrowed + slot.value * 8), work.inner_rows + i * 8)
            slot.value = e.select(start + i + 1 < stop, self._following(slot.value), slot.value)

    def _segments(self, tile: Tile, work: SimpleNamespace, last: Value) -> None:
        """Cover a row: both ends from slots, what is between them from the image where it is borrowed."""
        e = self.e
        with e.loop(0, 3) as part:
            first, middle = part.equals(0), part.equals(1)
            start = e.select(first, 0, e.select(middle, work.inner_start, work.inner_stop))
            stop = e.select(first, work.inner_start, e.select(middle, work.inner_stop, work.width))
            rows = e.select(middle, work.inner_rows, work.rows)
            limit = e.select(part < 2, stop - self.lanes.bytes, last)
            self._tiles(tile, SimpleNamespace(**vars(work) | {"rows": rows}), start, stop, limit)

    def _tiles(self, tile: Tile, work: SimpleNamespace, start: Value, stop: Value, last: Value) -> None:
        """Cover bytes start to stop with the widest tile that fits, the last one overlapping the one before.

        Single vectors, if not even they fit, start at `last` at most.
        """
        e, write = self.e, tile.begin(self.e, self.lanes, work)
        for vectors in tile.vectors:
            step = vectors * self.lanes.bytes
            fits = stop - start >= step
            end, limit = (stop, last) if vectors == 1 else (e.select(fits, stop, start), stop - step)
            with e.loop(start, end, step) as x:
                write(e.least(x, limit), vectors)
            start = end
