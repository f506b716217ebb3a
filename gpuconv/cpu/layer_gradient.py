"""The kernel of a layer's gradient with respect to its weights.

    for each block of output and input channels: for each image and block of positions: load the patches of the image
    and of the gradient, then for each tap: sums[channel, output] += image[position at the tap, channel] * grad[output]

Every sum is one thread's, in one order. A channel of the image is broadcast and multiplied by vectors of output
channels, for several channels at once, or where there are few for several pairs of tap and channel ("listed"); in a
"depthwise" layer vectors are multiplied lane by lane, for several taps and positions at once.
"""

from types import SimpleNamespace

from gpuconv.cpu.dense import source_at
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_gradient_store import Store
from gpuconv.cpu.layer_job import each_item
from gpuconv.cpu.layer_patch import Patch, Room, Source
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value, Variable

VECTORS = 2  # of output channels at once; 1 in a depthwise layer
TAPS = 4  # at once in a depthwise layer
POSITIONS = 2


def gradient_kernel(code: str, image: str, kind: str) -> Kernel:
    """Return the kernel of one kind ("dense", "listed", "depthwise") for accumulators and arrays of two dtypes."""
    return Kernel(_write, (code, image, kind))


def at_once(target: Target, lanes: int, kind: str) -> int:
    """Taps, or input channels of a tap, that are summed at once."""
    return TAPS if kind == "depthwise" else min(lanes, 8 if target.registers >= 32 else 4)


def _write(target: Target, code: str, image: str, kind: str) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    return each_item(e, Gradient(e, lanes, image, at_once(target, lanes.count, kind), kind).block)


class Gradient:
    """Writes the loops over a block."""

    def __init__(self, e: Emitter, lanes: Lanes, image: str, at_once: int, kind: str):
        self.e, self.lanes, self.image_code, self.at_once, self.kind = e, lanes, image, at_once, kind
        self.depthwise, self.vectors = kind == "depthwise", 1 if kind == "depthwise" else VECTORS

    def block(self, work: SimpleNamespace, item: Value) -> None:
        """Compute the weights between some output and some input channels."""
        e, lanes = self.e, self.lanes
        bk, rest = item % work.blocks_k, item // work.blocks_k
        bo, group = rest % work.wides, rest // work.wides
        k0, k1 = (part * work.depth_blocks // work.blocks_k * lanes.count for part in (bk, bk + 1))
        wide = self.vectors * lanes.count
        o = bo * wide
        outputs = e.least(e.least(work.outputs, work.all_outputs - group * work.outputs) - o, wide)
        depth = e.least(outputs if self.depthwise else work.depth, k1) - k0
        with e.loop(0, work.sums_bytes, lanes.bytes) as i:
            e.store(e.zero(lanes), work.sums + i)
        channels = work.channels + (group * work.depth_blocks * lanes.count + k0) * 8
        grads = work.grad_channels + (group * work.outputs + o) * 8
        with e.loop(0, work.images) as image, e.loop(0, work.blocks_h) as bh, e.loop(0, work.blocks_w) as bw:
            y0, y1 = (part * work.out_h // work.blocks_h for part in (bh, bh + 1))
            x0, x1 = (part * work.out_w // work.blocks_w for part in (bw, bw + 1))
            self._load(work, image, channels, depth, (y0, y1, x0, x1))
            self._load_grad(work, image, grads, outputs, (y0, y1, x0, x1))
            self._add(work, depth, y1 - y0, x1 - x0)
        to = work.out + (group * work.outputs + o) * work.out_channel + k0 * work.out_depth
        Store(e, lanes, work, self.vectors).store(to, depth if self.kind == "dense" else e.number(1), outputs)

    def _load(self, work: SimpleNamespace, image: Value, channels: Value, depth: Value, at: tuple[Value, ...]) -> None:
        source, rows, columns = source_at(self.e, work, image, channels, at)
        room = Room(work.patch, work.places, work.row_bytes, work.block_bytes)
        Patch(self.e, self.lanes, self.image_code, source, room).load(rows, columns, depth)

    def _load_grad(
        self, work: SimpleNamespace, image: Value, channels: Value, outputs: Value, at: tuple[Value, ...]
    ) -> None:
        """Load the gradient at the same positions."""
        e, (y0, y1, x0, x1) = self.e, at
        source = Source(
            image=work.grad + e.integer(work.grad_offsets + image * 8),
            channels=channels,
            row_sources=work.grad_rows + y0 * 8,
            column_sources=work.grad_columns + x0 * 8,
            left=e.number(0),
            right=x1 - x0,
            pixel=work.grad_pixel,
            beside=work.grad_beside,
            fill=work.fill,
        )
        room = Room(work.grad_patch, work.grad_places, work.grad_row_bytes, work.grad_block_bytes)
        Patch(e, self.lanes, self.image_code, source, room).load(y1 - y0, x1 - x0, outputs)

    def _add(self, work: SimpleNamespace, depth: Value, height: Value, width: Value) -> None:
        """Add the products of a patch."""
        e, size = self.e, self.lanes.size
        if self.depthwise:
            self._lanewise(work, height, width)
        elif self.kind == "listed":
            with e.loop(0, work.taps, self.at_once) as tap:
                places = [work.patch + e.integer(work.tap_offsets + (tap + c) * 8) for c in range(self.at_once)]
                self._crosswise(work, places, tap, height, width)
        else:
            with e.loop(0, work.taps) as tap, e.loop(0, depth, self.at_once) as k:
                place = k // self.lanes.count * work.block_bytes + k % self.lanes.count * size
                first = work.patch + e.integer(work.tap_offsets + tap * 8) + place
                places = [first + c * size for c in range(self.at_once)]
                self._crosswise(work, places, tap * work.depth_chunk + k, height, width)

    def _crosswise(self, work: SimpleNamespace, places: list[Value], first: Value, height: Value, width: Value) -> None:
        """Add the products of the samples at some places and all vectors of outputs."""
        e, lanes, wide = self.e, self.lanes, self.vectors * self.lanes.bytes
        vectors = [
            [work.sums + (first + c) * wide + v * lanes.bytes for v in range(self.vectors)] for c in range(len(places))
        ]
        sums = [[e.variable(e.load(lanes.type, address)) for address in row] for row in vectors]
        with e.loop(0, height) as y, e.loop(0, width) as x:
            pixel = y * work.stride_h * work.row_bytes + x * lanes.bytes
            grad = work.grad_patch + y * work.grad_row_bytes + x * lanes.bytes
            grads = [e.load(lanes.type, grad + work.grad_block_bytes * v) for v in range(self.vectors)]
            for place, row in zip(places, sums, strict=True):
                sample = e.broadcast(lanes, place + pixel)
                for variable, value in zip(row, grads, strict=True):
                    variable.value = e.muladd(sample, value, variable.value)
        for row, addresses in zip(sums, vectors, strict=True):
            for variable, address in zip(row, addresses, strict=True):
                e.store(variable.value, address)

    def _lanewise(self, work: SimpleNamespace, height: Value, width: Value) -> None:
        """Add the products of a vector of channels at some taps; the list of taps is a multiple of TAPS long."""
        e, lanes = self.e, self.lanes
        with e.loop(0, work.taps, TAPS) as tap:
            sums = [[e.variable(e.zero(lanes)) for _ in range(TAPS)] for _ in range(POSITIONS)]
            offsets = [e.integer(work.tap_offsets + (tap + t) * 8) for t in range(TAPS)]
            with e.loop(0, height) as y:
                pixels = work.patch + y * work.stride_h * work.row_bytes
                grads = work.grad_patch + y * work.grad_row_bytes
                whole = width // POSITIONS * POSITIONS
                with e.loop(0, whole, POSITIONS) as x:
                    self._positions(sums, pixels, offsets, grads, x * lanes.bytes)
                with e.loop(whole, width) as x:
                    self._positions(sums[:1], pixels, offsets, grads, x * lanes.bytes)
            for t, (a, b) in enumerate(zip(*sums, strict=True)):
                address = work.sums + (tap + t) * lanes.bytes
                e.store(e.load(lanes.type, address) + (a.value + b.value), address)

    def _positions(
        self, sums: list[list[Variable]], pixels: Value, offsets: list[Value], grads: Value, x: Value
    ) -> None:
        e, lanes = self.e, self.lanes
        for i, row in enumerate(sums):
            grad = e.load(lanes.type, grads + x + i * lanes.bytes)
            for variable, offset in zip(row, offsets, strict=True):
                sample = e.load(lanes.type, pixels + offset + x + i * lanes.bytes)
                variable.value = e.muladd(sample, grad, variable.value)
