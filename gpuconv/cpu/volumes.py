"""The loops of filters of volumes: of slices above each other, which are images.

A volume's window slices are numbered as its window rows are. Which slice of the volume each of them is, and in which
slot of the ring, is decided beforehand (`schedule`): where a boundary shows a slice again, it is not loaded again.

The direct sum goes up the slices for a tile's height of rows at a time; a slot holds the rows that it needs of a slice.
Separable weights filter each slice as an image, once; a slot holds the result, and rows are then filtered across slots.
"""

from gpuconv.cpu.driver import Driver
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.job import HELD, SLICE
from gpuconv.cpu.sums import Tile
from gpuconv.cpu.values import Lanes, Value


class DirectVolume(Driver):
    """Writes the loops of a sum over all taps."""

    def __init__(self, e: Emitter, lanes: Lanes, tile: Tile, *, phased: bool):
        super().__init__(e, lanes, tile, None, checked=False, phased=phased)
        self.in_slots = True
        self.slots.ahead = self.work.image_slice  # whose rows are not neighbours to this one's

    def go_down(self, top: Value) -> None:
        """Compute the block that was entered: the slices of some rows, then those of the next."""
        e, work = self.e, self.work
        volume, out = work.source, work.target
        with e.loop(top, work.bottom, self.tile.rows) as y:
            loaded = e.variable(0)
            with e.loop(0, work.out_d) as z:
                start = z * work.stride_d
                stop = start + work.reach_d + 1
                with e.loop(e.most(loaded.value, start), stop) as j:
                    self._load_slice(volume, j, *self.window(y))
                loaded.value = stop
                self._point_at_slices(start)
                work.target = out + z * work.out_slice
                self.compute(y)

    def _load_slice(self, volume: Value, j: Value, start: Value, stop: Value) -> None:
        """Load window rows start to stop of window slice j, unless they are there."""
        e, work = self.e, self.work
        source = e.integer(work.slice_source + j * 8)
        slot = work.ring + e.integer(work.slice_slot + j * 8) * work.slice_bytes
        work.source = volume + source * work.image_slice
        self.slots.beyond = source < 0
        with e.when(source > HELD), e.loop(start, stop) as row:
            self.slots.load(row, slot + (row - start) * work.slot_bytes)

    def _point_at_slices(self, start: Value) -> None:
        """Point the table at the rows of each slice that has taps; what is beyond the block, anywhere."""
        e, work = self.e, self.work
        with e.loop(0, work.filter_d) as d:
            slot = e.integer(work.slice_slot + (start + d * work.dilation_d) * 8)
            first = work.ring + work.lead + slot * work.slice_bytes
            with e.loop(0, work.span) as i:
                e.store(first + i * work.slot_bytes, work.rows + (d * work.span + i) * 8)


class SeparableVolume:
    """Writes the loops of passes: along rows and down each slice, then across slices."""

    def __init__(self, e: Emitter, lanes: Lanes, tile: Tile, line: Tile, across: Tile, *, phased: bool):
        self.e, self.lanes = e, lanes
        self.image = Driver(e, lanes, tile, line, checked=False, phased=phased)  # a slice into its slot
        self.across = Driver(e, lanes, across, None, checked=False, phased=False)  # its rows are those of the slots
        self.across.in_slots = True
        self.work = self.image.work
        self.image.slots.ahead = self.work.image_slice
        self.out_row = self.work.out_row
        self.work.store, self.work.out_row = e.number(0), self.work.slice_row
        work = self.across.work
        for name in SLICE:
            setattr(work, name, getattr(work, f"slice_{name}"))
        work.bottom, work.out_row = work.out_d, work.out_slice
        work.filter_h, work.stride_h, work.reach_h = work.filter_d, work.stride_d, work.reach_d

    def block(self, item: Value) -> None:
        """Compute one block of one volume: some rows of all slices."""
        e, work, height = self.e, self.work, self.across.tile.rows
        top, loaded = self.image.enter(item), e.variable(0)
        volume, out = work.source, work.target + top * self.out_row
        self.across.work.width = work.width
        with e.loop(0, work.out_d, height) as z:
            start, stop = self.across.window(z)
            with e.loop(e.most(loaded.value, start), stop) as j:
                self._load_slice(volume, top, j)
            loaded.value = stop
            with e.loop(0, work.bottom - top) as y:
                self._point_at_slices(start, stop, y)
                self.across.work.target = out + y * self.out_row
                self.across.compute(z)

    def _load_slice(self, volume: Value, top: Value, j: Value) -> None:
        """Filter window slice j as an image, unless that has been done."""
        e, work = self.e, self.work
        source = e.integer(work.slice_source + j * 8)
        slot = work.slices + e.integer(work.slice_slot + j * 8) * work.slice_bytes
        with e.when(source > HELD):
            work.source, work.target = volume + source * work.image_slice, slot - top * work.slice_row
            self.image.slots.beyond = source < 0
            self.image.go_down(top)

    def _point_at_slices(self, start: Value, stop: Value, y: Value) -> None:
        """Point the table at row y of window slices `start` ...; of those that no output needs, at the last."""
        e, work = self.e, self.work
        with e.loop(0, work.slice_span) as i:
            slot = e.integer(work.slice_slot + e.least(start + i, stop - 1) * 8)
            e.store(work.slices + slot * work.slice_bytes + y * work.slice_row, work.slice_rows + i * 8)
