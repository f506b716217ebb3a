"""Rows of the image on their way to the tiles: slots hold what lies outside, is converted or is strided; see `driver`.

A row whose elements already are neighbouring accumulators is *borrowed*: tiles read it where it lies, and its slot
holds only both ends, as far as tiles there reach beyond the image.
"""

from types import SimpleNamespace

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.values import Lanes, Value

LINE = 64  # bytes of a cache line


class Slots:
    """Writes the code that loads one window row; `phased` where the horizontal stride is not 1."""

    def __init__(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, phased: bool):
        self.e, self.lanes, self.work, self.phased = e, lanes, work, phased
        self.beyond: Value | None = None  # of a volume: whether this slice lies outside, where the fill value stands
        self.ahead: Value | None = None  # bytes to the row that will be loaded next but some
        work.pixel = work.inner * lanes.size
        if not phased:
            work.stride_w = e.number(1)

    def enter(self, x0: Value, x1: Value) -> None:
        """Note where a block of pixels x0 to x1 of the output begins and ends, in window pixels and in bytes."""
        e, work, lanes = self.e, self.work, self.lanes
        work.width = (x1 - x0) * work.pixel
        work.first = x0 * work.stride_w
        work.columns = (x1 - x0 - 1) * work.stride_w + work.reach_w + 1
        work.left, work.right = (self._within(edge - work.first) for edge in (work.inside_w0, work.inside_w1))
        work.lead = (work.left * work.pixel * -1) % lanes.bytes + lanes.bytes  # the first pixel inside is aligned
        start = (work.left * work.pixel + lanes.bytes - 1) // lanes.bytes * lanes.bytes
        stop = (work.right - work.reach_w) * work.pixel
        stop = e.select(work.right.equals(work.columns), work.width, e.least(stop, work.width - lanes.bytes))
        borrowed = e.select(work.borrow.equals(0), -1, stop - start) >= lanes.bytes
        work.inner_start, work.inner_stop = e.select(borrowed, start, 0), e.select(borrowed, stop, 0)
        head = (work.inner_start + work.pixel - 1) // work.pixel + work.reach_w
        work.head = e.select(work.inner_start.equals(0), 0, head)
        tail = work.inner_stop // work.pixel
        work.tail = e.select(work.inner_stop.equals(work.width), work.columns, tail)

    def _within(self, pixel: Value) -> Value:
        return self.e.least(self.e.most(pixel, 0), self.work.columns)

    def load(self, j: Value, slot: Value) -> Value:
        """Load window row j into a slot; where tiles that stay inside the image may read it."""
        e, work = self.e, self.work
        row = self._outside(j, work.inside_h0, work.inside_h1, work.before_h, work.outside_h)
        row = row if self.beyond is None else e.select(self.beyond, -1, row)
        source = work.source + row * work.image_row
        with e.loop(0, work.planes) as plane:
            part = slot + plane * work.stride_w * work.part_bytes
            fill = work.fill + plane * self.lanes.size
            with e.when(row < 0):
                self._fill(part, fill)
            with e.when(row >= 0), e.loop(0, 2) as end:
                start, stop = e.select(end.equals(0), 0, work.tail), e.select(end.equals(0), work.head, work.columns)
                self._load_pixels(part + work.lead, source + plane * work.image_plane, fill, start, stop)
        start = source + (work.first - work.before_w) * work.image_pixel
        if self.ahead is not None:
            with e.loop(0, work.columns * work.image_pixel, LINE) as i:
                e.prefetch(start + self.ahead + i)
        return e.select(row < 0, slot + work.lead, start)

    def _outside(self, i: Value, start: Value, stop: Value, before: Value, table: Value) -> Value:
        """Where in the image window row or pixel i comes from; -1 for the fill value."""
        e = self.e
        found = e.variable(i - before)
        with e.when(i < start):
            found.value = e.integer(table + i * 8)
        with e.when(i >= stop):
            found.value = e.integer(table + (i - stop + start) * 8)
        return found.value

    def _fill(self, part: Value, fill: Value) -> None:
        """Fill a whole row of one plane."""
        value = self.e.broadcast(self.lanes, fill)
        with self.e.loop(0, self.work.stride_w * self.work.part_bytes, self.lanes.bytes) as i:
            self.e.store(value, part + i)

    def _place(self, part: Value, i: Value) -> Value:
        """Where window pixel i stands in a slot."""
        work = self.work
        phase, position = (i % work.stride_w, i // work.stride_w) if self.phased else (0, i)
        place: Value = part + work.part_bytes * phase + position * work.pixel
        return place

    def _load_pixels(self, part: Value, row: Value, fill: Value, start: Value, stop: Value) -> None:
        """Load window pixels start to stop of one plane, phase by phase."""
        e, work = self.e, self.work
        for first, last in ((start, e.least(stop, work.left)), (e.most(start, work.right), stop)):
            with e.loop(first, last) as i:
                self._load_outside(self._place(part, i), row, i, fill)
        left, right = e.most(start, work.left), e.least(stop, work.right)
        with e.loop(left, e.least(left + work.stride_w, right)) as i:  # the first of each phase
            count = (right - i + work.stride_w - 1) // work.stride_w if self.phased else right - i
            source = row + (work.first + i - work.before_w) * work.image_pixel
            e.call(work.load, self._place(part, i), source, work.image_element, count * work.inner)

    def _load_outside(self, to: Value, row: Value, i: Value, fill: Value) -> None:
        """Load one pixel that lies outside the image."""
        e, work = self.e, self.work
        column = self._outside(work.first + i, work.inside_w0, work.inside_w1, work.before_w, work.outside_w)
        with e.when(column < 0), e.loop(0, work.inner) as c:
            e.store(e.load(self.lanes.element, fill), to + c * self.lanes.size)
        with e.when(column >= 0):
            e.call(work.load, to, row + column * work.image_pixel, work.image_element, work.inner)
