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
from gpuconv.cpu.job import COUNTERS, FIELDS, LINE
from gpuconv.cpu.target import Target, host
from gpuconv.cpu.tiles import Tile, tile
from gpuconv.cpu.values import Lanes, Value

FOREVER = 1 << 62
LARGEST_COMPILED = 7  # rows of a filter that are compiled in


def filter_kernel(code: str, kind: str, filter_h: int, filter_w: int, line: bool) -> Kernel:
    """Return the kernel that computes blocks of a filter.

    Parameters
    ----------
    code : str
        Dtype of the accumulators: f4, f8, i4, i8 (or u8).
    kind : {"sliding", "taps", "line"}
        The tile.
    filter_h, filter_w : int
        Rows and columns of the weights; compiled in where a sliding tile needs it or gains much.
    line : bool
        Whether rows are filtered before the tile sees them (separable weights).
    """
    sizes = (0, 0)
    if kind == "sliding":
        sizes = (filter_h if filter_h <= LARGEST_COMPILED else 0, int(filter_w == 1))
    return Kernel(_write, (code.replace("u", "i"), kind, *sizes, int(line)))


def _write(target: Target, code: str, kind: str, filter_h: int, filter_w: int, line: int) -> str:
    """Return kernel(job, scratch, spins).

    `spins` is how often to look, at the end, whether the other workers have finished their blocks too.
    """
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    before = tile(target, code, "line") if line else None
    driver = Driver(e, Lanes(code, target.lanes(int(code[1]))), tile(target, code, kind, filter_h, filter_w), before)
    item = e.variable(e.count_up(e.job))
    with e.repeat(lambda: item.value < driver.work.items):
        driver.block(item.value)
        e.count_up(e.job + 8)
        item.value = e.count_up(e.job)
    spins = e.variable(e.spins)
    with e.repeat(lambda: spins.value > 0):
        finished = e.shared(e.job + 8) >= driver.work.items
        spins.value = e.select(finished, 0, spins.value - 1)
    return e.text()


class Driver:
    """Writes the loops of one driver."""

    def __init__(self, e: Emitter, lanes: Lanes, tile: Tile, line: Tile | None):
        self.e, self.lanes, self.tile, self.line = e, lanes, tile, line
        self.work = e.fields(e.job + 8 * len(COUNTERS), FIELDS)
        for name in ("rows", "outs", "stage", "line", "ring"):  # offsets in the scratch memory
            setattr(self.work, name, e.scratch + getattr(self.work, name))

    def block(self, item: Value) -> None:
        """Compute one block of one image."""
        e, work = self.e, self.work
        image, rest = item // (work.blocks_h * work.blocks_w), item % (work.blocks_h * work.blocks_w)
        by, bx = rest // work.blocks_w, rest % work.blocks_w
        top, bottom = (by * work.groups // work.blocks_h, (by + 1) * work.groups // work.blocks_h)
        work.top, work.bottom = top * self.tile.rows, e.least(bottom * self.tile.rows, work.out_h)
        x0, x1 = bx * work.out_w // work.blocks_w, (bx + 1) * work.out_w // work.blocks_w
        work.width = (x1 - x0) * work.inner
        work.first = x0 * work.stride_w  # window pixel
        work.columns = (x1 - x0 - 1) * work.stride_w + work.reach_w + 1
        work.left = e.least(e.most(work.inside_w0 - work.first, 0), work.columns)
        work.right = e.least(e.most(work.inside_w1 - work.first, 0), work.columns)
        work.lead = (work.left * work.inner * -self.lanes.size) % self.lanes.bytes + self.lanes.bytes
        work.source = work.image + e.integer(work.image_offsets + image * 8)
        work.target = work.out + e.integer(work.out_offsets + image * 8) + x0 * work.out_pixel
        loaded = e.variable(0)
        with e.loop(work.top, work.bottom, self.tile.rows) as y:
            start = y * work.stride_h
            stop = (e.least(y + self.tile.rows, work.bottom) - 1) * work.stride_h + work.reach_h + 1
            with e.loop(e.most(loaded.value, start), stop) as j:
                self._load(j)
            loaded.value = stop
            self._point(y, start, stop)
            direct = e.select(work.store.equals(0), work.width * self.lanes.size - self.lanes.bytes, FOREVER)
            self._tiles(self.tile, work, direct)
            self._store(y)

    def _load(self, j: Value) -> None:
        """Load window row j into its slot."""
        e, work = self.e, self.work
        slot = work.ring + j % work.slots * work.slot_bytes
        target = work.line if self.line else slot
        row = self._outside(j, work.inside_h0, work.inside_h1, work.before_h, work.outside_h)
        with e.loop(0, work.planes) as plane:
            part = target + plane * work.stride_w * work.part_bytes
            fill = work.fill + plane * self.lanes.size
            with e.when(row < 0):
                self._fill(part, work.stride_w * work.part_bytes, fill)
            with e.when(row >= 0):
                self._load_pixels(part + work.lead, work.source + row * work.image_row + plane * work.image_plane, fill)
        if self.line:
            e.store(slot, work.outs)
            e.store(target + work.lead, work.rows)
            line = SimpleNamespace(**vars(work) | {name: getattr(work, f"line_{name}") for name in LINE})
            self._tiles(self.line, line, e.number(FOREVER))

    def _outside(self, i: Value, start: Value, stop: Value, before: Value, table: Value) -> Value:
        """Where in the image window row or pixel i comes from; -1 for the fill value."""
        e = self.e
        found = e.variable(i - before)
        with e.when(i < start):
            found.value = e.integer(table + i * 8)
        with e.when(i >= stop):
            found.value = e.integer(table + (i - stop + start) * 8)
        return found.value

    def _fill(self, address: Value, size: Value, fill: Value) -> None:
        value = self.e.broadcast(self.lanes, fill)
        with self.e.loop(0, size, self.lanes.bytes) as i:
            self.e.store(value, address + i)

    def _load_pixels(self, part: Value, row: Value, fill: Value) -> None:
        """Load one row of one plane, phase by phase."""
        e, work = self.e, self.work
        pixel = work.inner * self.lanes.size
        left, right = work.left, work.right
        for start, stop in ((e.number(0), left), (right, work.columns)):
            with e.loop(start, stop) as i:
                self._load_outside(part + i % work.stride_w * work.part_bytes + i // work.stride_w * pixel, row, i, fill)
        with e.loop(0, work.stride_w) as phase:
            i = left + (phase - left % work.stride_w + work.stride_w) % work.stride_w  # first of this phase
            count = (right - i + work.stride_w - 1) // work.stride_w * work.inner
            to = part + phase * work.part_bytes + i // work.stride_w * pixel
            e.call(work.load, to, row + (work.first + i - work.before_w) * work.image_pixel, work.image_element, count)

    def _load_outside(self, to: Value, row: Value, i: Value, fill: Value) -> None:
        """Load one pixel that lies outside the image."""
        e, work = self.e, self.work
        column = self._outside(work.first + i, work.inside_w0, work.inside_w1, work.before_w, work.outside_w)
        with e.when(column < 0), e.loop(0, work.inner) as c:
            e.store(e.load(self.lanes.element, fill), to + c * self.lanes.size)
        with e.when(column >= 0):
            e.call(work.load, to, row + column * work.image_pixel, work.image_element, work.inner)

    def _point(self, y: Value, start: Value, stop: Value) -> None:
        """Point the tables at the slots of window rows `start` ... and at the output rows y ...; spare ones anywhere."""
        e, work = self.e, self.work
        slot = e.variable(start % work.slots)
        ring = work.ring if self.line else work.ring + work.lead
        with e.loop(0, work.span) as i:
            e.store(ring + slot.value * work.slot_bytes, work.rows + i * 8)
            following = e.select((slot.value + 1).equals(work.slots), 0, slot.value + 1)
            slot.value = e.select(start + i + 1 < stop, following, slot.value)
        for o in range(self.tile.rows):
            staged = work.stage + work.stage_bytes * o
            wanted = e.select(work.store.equals(0), y + o, FOREVER) < work.bottom
            e.store(e.select(wanted, work.target + (y + o) * work.out_row, staged), work.outs + 8 * o)

    def _tiles(self, tile: Tile, work: SimpleNamespace, last: Value) -> None:
        """Cover work.width elements with tiles, wide ones first; the last vector starts at `last` at most."""
        e, size = self.e, work.width * self.lanes.size
        start = e.number(0)
        for vectors in tile.vectors:
            step = vectors * self.lanes.bytes
            stop = size if vectors == 1 else start + (size - start) // step * step
            with e.loop(start, stop, step) as x:
                tile.write(e, self.lanes, work, x if vectors > 1 else e.least(x, last), vectors)
            start = stop

    def _store(self, y: Value) -> None:
        """Convert staged rows into the output."""
        e, work = self.e, self.work
        rows = e.select(work.store.equals(0), 0, e.least(self.tile.rows, work.bottom - y))
        with e.loop(0, rows) as o:
            to = work.target + (y + o) * work.out_row
            e.call(work.store, to, work.out_element, work.stage + o * work.stage_bytes, work.width)
