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
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.job import COUNTERS, FIELDS, INDEX, LINE, SCRATCH
from gpuconv.cpu.slots import Slots
from gpuconv.cpu.sums import Tile
from gpuconv.cpu.target import Target, host
from gpuconv.cpu.tiles import compiled_sizes, lines_of, short_line, tile_of
from gpuconv.cpu.values import Lanes, Value
from gpuconv.cpu.worker import work_through

FOREVER = 1 << 62


def filter_kernel(
    code: str,
    kind: str,
    filter_h: int,
    filter_w: int,
    *,
    line: int = 0,
    terms: int = 1,
    checked: bool = False,
    phased: bool = False,
    near: bool = False,
) -> tuple[Kernel, Tile]:
    """Return the kernel that computes blocks of a filter, and its tile.

    Parameters
    ----------
    code : str
        Dtype of the accumulators: f4, f8, i4, i8 (or u8).
    kind : {"sliding", "taps", "line"}
        The tile.
    filter_h, filter_w : int
        Rows and columns of the weights; compiled in where the tile gains by it.
    line : int
        Taps of the filter along rows that comes before the tile (separable weights); 0: none.
    terms : int
        Filters along rows that come before the tile, which has a column of weights for each.
    checked : bool
        Whether outputs that are not finite are noted in the job.
    phased : bool
        Whether the horizontal stride is not 1.
    near : bool
        Whether the taps of a row read neighbouring samples.
    """
    target, sizes = host(), compiled_sizes(filter_h, filter_w) if kind == "sliding" else (0, 0)
    in_line = line or (filter_w if kind == "line" else 0)
    short = short_line(target, int(code[1]), in_line) if near and terms == 1 else 0
    lines = terms if line else 0
    kernel = Kernel(_write, (code.replace("u", "i"), kind, *sizes, lines, int(checked), int(phased), short))
    return kernel, tile_of(target, kind, *sizes, short=0 if line else short)


def _write(
    target: Target,
    code: str,
    kind: str,
    filter_h: int,
    filter_w: int,
    lines: int,
    checked: int,
    phased: int,
    short: int,
) -> str:
    """Return kernel(job, scratch, spins).

    `spins` is how often to look, at the end, whether the other workers have finished their blocks too.
    """
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    tile = tile_of(target, kind, filter_h, filter_w, 0 if lines else short)
    before = (lines_of(target, lines) if lines > 1 else tile_of(target, "line", short=short)) if lines else None
    driver = Driver(e, lanes, tile, before, checked=bool(checked), phased=bool(phased))
    work_through(e, driver.work.items, driver.block)
    return e.text()


class Driver:
    """Writes the loops of one driver."""

    def __init__(self, e: Emitter, lanes: Lanes, tile: Tile, line: Tile | None, *, checked: bool, phased: bool):
        self.e, self.lanes, self.tile, self.line = e, lanes, tile, line
        self.work = e.fields(e.job + 8 * len(COUNTERS), FIELDS)
        for name in SCRATCH:
            setattr(self.work, name, e.scratch + getattr(self.work, name))
        self.work.trace = e.variable(e.zero(lanes)) if checked else None
        self.slots = Slots(e, lanes, self.work, phased)

    def block(self, item: Value) -> None:
        """Compute one block of one image."""
        e, work = self.e, self.work
        image, rest = item // (work.blocks_h * work.blocks_w), item % (work.blocks_h * work.blocks_w)
        by, bx = rest // work.blocks_w, rest % work.blocks_w
        top, bottom = (part * work.groups // work.blocks_h * self.tile.rows for part in (by, by + 1))
        work.bottom = e.least(bottom, work.out_h)
        x0, x1 = (part * work.out_w // work.blocks_w for part in (bx, bx + 1))
        work.source = work.image + e.integer(work.image_offsets + image * 8)
        work.target = work.out + e.integer(work.out_offsets + image * 8) + x0 * work.out_pixel
        self.slots.enter(x0, x1)
        loaded = e.variable(0)
        with e.loop(top, work.bottom, self.tile.rows) as y:
            start = y * work.stride_h
            stop = (e.least(y + self.tile.rows, work.bottom) - 1) * work.stride_h + work.reach_h + 1
            slot = e.variable(e.most(loaded.value, start) % work.slots)
            with e.loop(e.most(loaded.value, start), stop) as j:
                self._load(j, slot.value)
                slot.value = self._following(slot.value)
            loaded.value = stop
            self._compute(y, start, stop)
        if self.work.trace:
            self._judge(self.work.trace.value)

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

    def _compute(self, y: Value, start: Value, stop: Value) -> None:
        """Compute output rows y ... from window rows start to stop."""
        e, work = self.e, self.work
        direct = work.store.equals(0)
        self._point(y, start, stop, direct)
        last = e.select(direct, work.width - self.lanes.bytes, FOREVER)
        if self.line:
            self._tiles(self.tile, work, e.number(0), work.width, last)
        else:
            self._segments(self.tile, work, last)
        rows = e.select(direct, 0, e.least(self.tile.rows, work.bottom - y))
        with e.loop(0, rows) as o:
            to, staged = work.target + (y + o) * work.out_row, work.stage + o * work.stage_bytes
            e.call(work.store, to, work.out_element, staged, work.width // self.lanes.size)

    def _point(self, y: Value, start: Value, stop: Value, direct: Value) -> None:
        """Point the tables at window rows `start` ... and at output rows y ...; what is beyond the block, anywhere."""
        e, work = self.e, self.work
        slot = e.variable(start % work.slots)
        ring = work.ring if self.line else work.ring + work.lead
        with e.loop(0, work.span) as i:
            e.store(ring + slot.value * work.slot_bytes, work.rows + i * 8)
            e.store(e.integer(work.borrowed + slot.value * 8), work.inner_rows + i * 8)
            slot.value = e.select(start + i + 1 < stop, self._following(slot.value), slot.value)
        for o in range(self.tile.rows):
            wanted = e.select(direct, y + o, FOREVER) < work.bottom
            staged = work.stage + work.stage_bytes * o
            e.store(e.select(wanted, work.target + (y + o) * work.out_row, staged), work.outs + 8 * o)

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
