"""Stores a row of a layer's outputs: from vectors of channels to any layout and dtype."""

from types import SimpleNamespace

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.layer_patch import transpose
from gpuconv.cpu.values import Lanes, Value


class Stage:
    """Writes the code that collects a row of sums, as pixels of channels, and stores it.

    Where the outputs of one channel are to lie together, the row is transposed. Whole vectors go straight to their
    place if it takes accumulators that are neighbours (`work.straight`); what else there is goes through `work.store`.
    """

    def __init__(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, vectors: int):
        self.e, self.lanes, self.work, self.vectors = e, lanes, work, vectors
        self.pixel = vectors * lanes.bytes

    def begin(self, to: Value, channels: Value) -> None:
        """Begin the row that goes to an address, so many channels of it."""
        e, work = self.e, self.work
        whole = e.select(channels.equals(self.vectors * self.lanes.count), work.straight, 0)
        self.to, self.channels, self.through = to, channels, e.select(work.planes.equals(1), 0, whole)
        through = self.through.equals(1)
        self.base, self.step = e.select(through, to, work.stage), e.select(through, work.out_pixel, self.pixel)

    def collect(self, base: Value) -> None:
        """Begin a row that stays where it is collected."""
        self.base, self.step = base, self.e.number(self.pixel)

    def put(self, x: Value, sums: list[list[Value]]) -> None:
        """Collect neighbouring outputs, each a few vectors of channels."""
        address = self.base + x * self.step
        for row in sums:
            for v, value in enumerate(row):
                self.e.store(value, address + v * self.lanes.bytes)
            address = address + self.step

    def end(self, width: Value) -> None:
        """Store the row, if it is not where it belongs yet."""
        with self.e.when(self.through.equals(0)):
            self.store(self.to, self.work.stage, self.channels, width)

    def store(self, to: Value, row: Value, channels: Value, width: Value) -> None:
        """Store a collected row."""
        e, work = self.e, self.work
        with e.when(work.planes.equals(1)), e.loop(0, channels, self.lanes.count) as c:
            count = e.least(channels - c, self.lanes.count)
            self._planes(to + c * work.out_channel, row + c * self.lanes.size, count, width)
        whole = e.select(channels.equals(self.vectors * self.lanes.count), work.straight, 0).equals(1)
        pixels = e.select(work.planes.equals(1), 0, width)
        with e.loop(0, e.select(whole, pixels, 0)) as x:
            for v in range(self.vectors):
                value = e.load(self.lanes.type, row + x * self.pixel + v * self.lanes.bytes)
                e.store(value, to + x * work.out_pixel + v * self.lanes.bytes)
        with e.loop(0, e.select(whole, 0, pixels)) as x:
            e.call(work.store, to + x * work.out_pixel, work.out_channel, row + x * self.pixel, channels)

    def _planes(self, to: Value, row: Value, count: Value, width: Value) -> None:
        """Store a vector of channels, each a row; the last square overlaps the one before or is wider than the row."""
        e, lanes, work = self.e, self.lanes, self.work
        through = e.select(count.equals(lanes.count), work.straight, 0).equals(1)
        base, step = e.select(through, to, work.turned), e.select(through, work.out_channel, work.turned_row)
        narrow = e.select(through, width, lanes.count) < lanes.count
        with e.loop(0, width, lanes.count) as x:
            at = e.most(e.least(x, width - lanes.count), 0)
            source = row + at * self.pixel
            square = transpose(e, lanes, [e.load(lanes.type, source + i * self.pixel) for i in range(lanes.count)])
            with e.when(narrow):
                mask, address = e.first_lanes(lanes, width), base
                for value in square:
                    e.store_some(value, address, mask)
                    address = address + step
            with e.when(narrow.equals(0)):
                address = base + at * lanes.size
                for value in square:
                    e.store(value, address)
                    address = address + step
        with e.loop(0, e.select(through, 0, count)) as c:
            e.call(work.store, to + c * work.out_channel, work.out_pixel, work.turned + c * work.turned_row, width)
