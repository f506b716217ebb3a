"""The loops around the transforms: tiles of the output, loaded, filtered and stored, and threads.

A worker takes tiles until none is left. Two tiles of a real image share one transform, as the real and the imaginary
part of its points: the filter is real, so they do not mix. A tile holds the image that its outputs need, with what the
boundary puts around it, and zeros beyond; its outputs come back at its start.

A tile of a 2D filter is a part of the image. Where the filter runs along one axis only, a tile is a piece of one line
of the image, cut into rows that follow each other; or, where the filter runs down the rows, pieces of some columns
beside each other, which are transformed down only.

A transform spreads nan and infinities over the whole tile, so every output is looked at: where one is not finite, the
call is marked as spoiled, and what is left of it skipped.
"""

from typing import ClassVar, Self

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.job import ALIGNMENT, COUNTERS, FIELDS, Job
from gpuconv.cpu.slots import Slots
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value, Variable
from gpuconv.cpu.worker import work_through

TILES = (
    *("tiles", "shared", "parts"),  # tiles in all, those that share a transform, planes that come from the image
    *("height", "width", "reach_down", "reach_along"),  # points; of the filter
    *(
        "direct",
        "row",
        "copied",
    ),  # whether tiles are read in the image, bytes of a row there; whether outputs are copied
    *("pitch", "plane"),  # bytes of a tile's row and plane
    *("image_part", "out_part", "fill_part"),  # bytes from the real to the imaginary part; 0 for real numbers
    *("columns", "rows_kernel", "inverse", "columns_table", "rows_table"),  # kernels (or 0) and their roots of unity
    *("spectrum", "twist", "used"),  # tables; bytes of a tile's row that are outputs
    *("sum", "rows_back"),  # kernels of volumes
    *("spectra", "sums", "offsets", "positions", "sum_bytes"),  # of slices: scratch memory; vectors and size of one
    "spoiled",  # written: whether a result is not finite
)


class TileJob(Job):
    """A job with the fields of the tiles, too."""

    INDEX: ClassVar[dict[str, int]] = Job.INDEX | {
        name: len(COUNTERS) + len(FIELDS) + i for i, name in enumerate(TILES)
    }

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return a job with the fields of another one."""
        made = cls(alive=job.alive)
        made.set(**{name: job[name] for name in FIELDS})
        return made


def tiles_kernel(code: str, *, linear: bool) -> Kernel:
    """Return the kernel tiles(job, scratch, spins), as a driver's."""
    return Kernel(_write, (code, int(linear)))


def _write(target: Target, code: str, linear: int) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    tiles = Tiles(e, Lanes(code, target.lanes(int(code[1]))), linear=bool(linear))

    def compute(item: Value) -> None:
        with e.when(e.shared(tiles.spoiled).equals(0)):
            tiles.compute(item)

    work_through(e, tiles.work.items, compute)
    return e.text()


class Tiles:
    """Writes the loops of one driver."""

    def __init__(self, e: Emitter, lanes: Lanes, *, linear: bool):
        self.e, self.lanes, self.linear = e, lanes, linear
        self.work = e.fields(e.job + 8 * len(COUNTERS), FIELDS)
        self.own = e.fields(e.job + 8 * TileJob.INDEX[TILES[0]], TILES)
        self.slots = Slots(e, lanes, self.work, phased=False)
        self.sources, self.tile = e.scratch, e.scratch + ALIGNMENT
        self.panel = self.tile + self.own.plane * 2
        self.spoiled = e.job + 8 * TileJob.INDEX["spoiled"]

    def compute(self, item: Value) -> None:
        """Compute the tiles that share one transform."""
        e, work, own = self.e, self.work, self.own
        fill = work.fill
        with e.loop(0, 2) as part:
            self._enter(item * own.shared + e.least(part, own.shared - 1))
            work.source, work.fill = work.source + own.image_part * part, fill + own.fill_part * part
            self._point(part)
        tile = (self.tile, own.pitch, own.plane, self.panel)
        e.call(own.columns, *tile, own.columns_table, own.width * self.lanes.size, self.sources, own.spectrum)
        with e.when(own.rows_kernel.differs(0)):
            e.call(own.rows_kernel, *tile, own.rows_table, own.height, own.spectrum, own.twist)
            e.call(own.inverse, *tile, own.columns_table, own.used)
        trace = e.variable(e.zero(self.lanes))
        with e.loop(0, 2) as part:
            self._enter(item * own.shared + e.least(part, own.shared - 1))
            self._store(self.tile + own.plane * part, work.target + own.out_part * part, trace)
        self._judge(trace.value)

    def _judge(self, trace: Value) -> None:
        """Mark the call as spoiled where some element of a trace is nan."""
        e, lanes, spoiled = self.e, self.lanes, self.e.variable(0)
        e.store(trace, self.panel)
        with e.loop(0, lanes.count) as i:
            element = e.load(lanes.element, self.panel + i * lanes.size)
            spoiled.value = e.select(element.equals(element), spoiled.value, 1)
        with e.when(spoiled.value > 0):
            e.store(spoiled.value, self.spoiled)

    def _enter(self, tile: Value) -> None:
        """Note which outputs a tile computes; the last tile stands in for one that is missing."""
        e, work = self.e, self.work
        tile = e.least(tile, self.own.tiles - 1)
        image, rest = tile // (work.blocks_h * work.blocks_w), tile % (work.blocks_h * work.blocks_w)
        by, bx = rest // work.blocks_w, rest % work.blocks_w
        work.y0, work.y1 = (part * work.out_h // work.blocks_h for part in (by, by + 1))
        work.x0, work.x1 = (part * work.out_w // work.blocks_w for part in (bx, bx + 1))
        work.source = work.image + e.integer(work.image_offsets + image * 8)
        work.target = work.out + e.integer(work.out_offsets + image * 8)

    def _point(self, part: Value) -> None:
        """Point to the image under the outputs: where it lies, if no row leaves it, else in the tile, loaded."""
        e, work, own = self.e, self.work, self.own
        down, along = (1, own.height * own.width) if self.linear else (own.height, own.width)
        room = e.least(work.inside_h1 - down - work.y0, work.inside_w1 - along - work.x0)
        room = e.least(room, e.least(work.y0 - work.inside_h0, work.x0 - work.inside_w0))
        room = e.select(own.direct.equals(0), -1, e.least(room, own.parts - part - 1))
        room = room if self.slots.beyond is None else e.select(self.slots.beyond, -1, room)
        inside, loaded = room >= 0, self.tile + own.plane * part
        there = (work.y0 - work.before_h) * work.image_row + (work.x0 - work.before_w) * work.image_pixel
        e.store(e.select(inside, work.source + there, loaded), self.sources + part * 16)
        e.store(e.select(inside, own.row, own.pitch), self.sources + part * 16 + 8)
        with e.when(room < 0):
            self._load(loaded, part < own.parts)

    def _load(self, tile: Value, present: Value) -> None:
        """Load the image under the outputs, and zeros."""
        e, work, own, lanes = self.e, self.work, self.own, self.lanes
        bottom, right = work.y1 + own.reach_down, work.x1 + own.reach_along
        if not self.linear:
            self._slot(work.x0, right)
        with e.loop(0, own.height) as r:
            y, x = self._place(r)
            inside = e.select(y < bottom, e.most(e.least(right - x, own.width), 0), 0)
            count, row = e.select(present, inside, 0), tile + r * own.pitch
            with e.loop(count // lanes.count * lanes.bytes, own.width * lanes.size, lanes.bytes) as i:
                e.store(e.zero(lanes), row + i)
            with e.when(count > 0):
                if self.linear:
                    self._slot(x, x + count)
                self.slots.load(y, row)

    def _slot(self, x0: Value, x1: Value) -> None:
        """Load window pixels x0 to x1 from now on, to the start of a row."""
        self.slots.enter(x0, x1)
        self.work.lead = self.e.number(0)

    def _place(self, r: Value) -> tuple[Value, Value]:
        """Where a tile's row begins: row and pixel, of the window or of the output."""
        work = self.work
        return (work.y0, work.x0 + r * self.own.width) if self.linear else (work.y0 + r, work.x0)

    def _store(self, tile: Value, target: Value, trace: Variable) -> None:
        """Store the outputs of one plane; what is not finite leaves its trace, nan.

        Where no kernel is needed, the last vector of a row overlaps the one before; else what is looked at is not kept.
        """
        e, work, own, lanes = self.e, self.work, self.own, self.lanes
        with e.loop(0, own.height) as r:
            y, x = self._place(r)
            count = e.select(y < work.y1, e.least(work.x1 - x, own.width), 0)
            row, to = tile + r * own.pitch, target + y * work.out_row + x * work.out_pixel
            copied = e.select(count < lanes.count, 0, own.copied)
            last = e.select(copied > 0, count - lanes.count, own.width) * lanes.size
            with e.loop(0, count * lanes.size, lanes.bytes) as i:
                start = e.least(i, last)
                values = e.load(lanes.type, row + start)
                trace.value = e.muladd(values, e.zero(lanes), trace.value)
                e.store(values, e.select(copied > 0, to + start, self.panel))
            with e.when(e.select(copied > 0, 0, count) > 0):
                e.call(work.store, to, work.out_element, row, count)
