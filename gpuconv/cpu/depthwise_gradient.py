"""Gradients of depthwise layers with respect to a few taps, which read image and gradient where they lie.

    sums[tap] += image[position at the tap] * grad[position]

The sums of all taps stay in registers while a few rows of a column are passed. Over planes their lanes are positions,
which are added up in the end; over pixels they are channels. Every sum is one thread's, in one order.
"""

from functools import partial
from types import SimpleNamespace

from gpuconv.cpu.depthwise import ROWS, Filter, InPlace, Tile
from gpuconv.cpu.depthwise_pixels import Pixels
from gpuconv.cpu.depthwise_planes import Planes
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_job import each_item
from gpuconv.cpu.layer_patch import transpose
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value, Variable

MOST_TAPS = 9  # whose sums leave registers for a few rows


def gradient_kernel(code: str, kind: str, filter_: Filter) -> Kernel:
    """Return the kernel of a dtype over "planes" or "pixels"."""
    return Kernel(_write, (code, kind, filter_.rows, filter_.stride, filter_.dilation, filter_.columns))


def _write(target: Target, code: str, kind: str, *sizes: int) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    made = (PlanesGradient if kind == "planes" else PixelsGradient)(e, lanes, counts_of(target), Filter(*sizes))
    return each_item(e, made.block)


def counts_of(target: Target) -> tuple[int, ...]:
    """Columns of tiles, whose gradients fit the registers beside the sums."""
    return (2, 1) if target.registers >= 32 else (1,)


def add_tile(
    part: InPlace,
    work: SimpleNamespace,
    tile: Tile,
    grads: tuple[list[Value], Value],
    masks: list[Value | None],
    sums: list[Variable],
) -> None:
    """Add the products of a tile, and ask for what later ones need.

    Gradients: the address of each row, and bytes from column to column, of which `masks` leave some lanes. Sums: by row
    and column of the filter.
    """
    e, across, (at, step) = part.e, part.filter.columns, grads
    touched = part.touched(tile.rows)
    lines = part.lines(work, tile, touched)
    columns = [part.columns(work, tile, e.number(s)) for s in range(across)]
    for line, address in zip(list(lines.values())[-tile.rows :], at, strict=False):
        for p, (place, _) in enumerate(columns[0]):
            e.prefetch(line + place + work.ahead)
            e.prefetch(address + step * p + work.out_ahead)
    found = [[part.sample(address + step * p, mask) for p, mask in enumerate(masks)] for address in at]
    for j, line in lines.items():
        with e.apart():
            samples = [[part.sample(line + place, mask) for place, mask in column] for column in columns]
            for p in range(tile.columns):
                for o, r in touched[j]:
                    for sample, total in zip(samples, sums[r * across :], strict=False):
                        total.value = e.muladd(sample[p], found[o][p], total.value)


class PlanesGradient(Planes):
    """Writes the loops over the planes of a channel."""

    def block(self, work: SimpleNamespace, item: Value) -> None:
        """Compute the weights of one channel."""
        e, lanes = self.e, self.lanes
        sums = [e.variable(e.zero(lanes)) for _ in range(self.filter.rows * self.filter.columns)]
        with e.loop(0, work.images) as image:
            plane = e.integer(work.image_offsets + image * 8) + e.integer(work.channels + item * 8)
            work.source = work.image + plane + work.origin
            grad = work.grad + e.integer(work.grad_offsets + image * 8) + e.integer(work.grad_channels + item * 8)
            x = e.variable(0)
            for count in self.counts:
                with e.repeat(partial(self._left, work, x, count)):
                    self._columns(work, x.value, count, grad + x.value * lanes.size, sums)
                    x.value = x.value + count * lanes.count
        self._store(work, work.out + item * work.out_channel, [variable.value for variable in sums])

    def _columns(self, work: SimpleNamespace, x: Value, count: int, grad: Value, sums: list[Variable]) -> None:
        """Add the products of some columns, of the lanes that are inside."""
        e, lanes, nothing = self.e, self.lanes, self.e.number(0)
        stop = x + count * lanes.count
        inside = e.least(e.select(x >= work.inside_w0, work.inside_w1 - work.reach_w, 0), work.out_w) >= stop
        for edge in (False, True):
            height = e.select(inside, *((0, work.out_h) if edge else (work.out_h, 0)))
            masks = [e.lanes_below(lanes, x + p * lanes.count, work.out_w) if edge else None for p in range(count)]
            whole = height // ROWS * ROWS
            for start, end, rows in ((nothing, whole, ROWS), (whole, height, 1)):
                with e.loop(start, end, rows) as y:
                    at = [grad + e.integer(work.grad_rows + (y + o) * 8) for o in range(rows)]
                    tile = Tile(y, x, nothing, nothing, rows, count, edge)
                    add_tile(self, work, tile, (at, e.number(lanes.bytes)), masks, sums)

    def _store(self, work: SimpleNamespace, to: Value, sums: list[Value]) -> None:
        """Add up the lanes of each sum, and store the totals."""
        e, lanes = self.e, self.lanes
        for first in range(0, len(sums), lanes.count):
            square = sums[first : first + lanes.count]
            square += [e.zero(lanes)] * (lanes.count - len(square))
            total, *others = transpose(e, lanes, square)
            for other in others:
                total = total + other
            e.store(total, work.sums + first * lanes.size)
        with e.loop(0, work.taps) as tap:
            weight = e.load(lanes.element, work.sums + tap * lanes.size)
            e.store(weight, to + e.integer(work.tap_outs + tap * 8))


class PixelsGradient(Pixels):
    """Writes the loops over the pixels of some channels."""

    def block(self, work: SimpleNamespace, item: Value) -> None:
        """Compute the weights of some vectors of channels."""
        e, bytes_ = self.e, self.lanes.bytes
        first, last = (part * work.groups // work.items for part in (item, item + 1))
        taps = range(self.filter.rows * self.filter.columns)
        with e.loop(0, (last - first) * (len(taps) * bytes_), bytes_) as i:
            e.store(e.zero(self.lanes), work.sums + i)
        whole = work.out_h // ROWS * ROWS
        with e.loop(0, work.images) as image:
            work.source = work.image + e.integer(work.image_offsets + image * 8)
            grad = work.grad + e.integer(work.grad_offsets + image * 8)
            for start, stop, rows in ((e.number(0), whole, ROWS), (whole, work.out_h, 1)):
                with e.loop(start, stop, rows) as y, e.loop(first, last) as v:
                    at = [work.sums + ((v - first) * len(taps) + t) * bytes_ for t in taps]
                    sums = [e.variable(e.load(self.lanes.type, address)) for address in at]
                    self._columns(work, (y, rows), v * bytes_, grad + v * bytes_, sums)
                    for variable, address in zip(sums, at, strict=True):
                        e.store(variable.value, address)
        with e.loop(first, last) as v:
            self._store(work, work.out + v * self.lanes.count * work.out_channel, (v - first) * (len(taps) * bytes_))

    def _columns(
        self, work: SimpleNamespace, at: tuple[Value, int], channel: Value, grad: Value, sums: list[Variable]
    ) -> None:
        """Add the products of all columns of some rows of a vector of channels."""
        e, (y, rows) = self.e, at
        top, height = y * self.filter.stride, work.reach_h + (rows - 1) * self.filter.stride
        inside = e.select(top >= work.inside_h0, work.inside_h1 - top, 0) > height
        left = (work.inside_w0 + work.stride_w - 1) // work.stride_w
        right = (work.inside_w1 - work.reach_w + work.stride_w - 1) // work.stride_w
        right = e.most(e.least(e.select(inside, right, 0), work.out_w), 0)
        left = e.least(left, right)
        lines = [grad + e.integer(work.grad_rows + (y + o) * 8) for o in range(rows)]
        parts = [(e.number(0), left, 1, True)]
        for count in self.counts:
            stop = left + (right - left) // count * count
            parts.append((left, stop, count, False))
            left = stop
        for start, stop, count, edge in (*parts, (right, work.out_w, 1, True)):
            with e.loop(start, stop, count) as x:
                grads = [line + x * work.grad_pixel for line in lines], work.grad_pixel
                add_tile(self, work, Tile(y, x, channel, channel, rows, count, edge), grads, [None] * count, sums)

    def _store(self, work: SimpleNamespace, to: Value, first: Value) -> None:
        """Store the sums of a vector of channels."""
        e, lanes = self.e, self.lanes
        with e.loop(0, work.taps) as tap, e.loop(0, lanes.count) as lane:
            weight = e.load(lanes.element, work.sums + first + tap * lanes.bytes + lane * lanes.size)
            e.store(weight, to + e.integer(work.tap_outs + tap * 8) + lane * work.out_channel)
