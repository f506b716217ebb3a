"""The kernel of layers: a tile of neighbouring outputs x vectors of output channels stays in registers.

    for each block of outputs: load its patch, then for each vector (or two) of output channels, row and tile:
        for each block of input channels, tap and channel: sums[p, v] += patch[pixel of p at the tap, channel] * weights

A channel of a pixel is broadcast; in a depthwise layer the channels of a pixel are multiplied lane by lane instead.
The weights lie in the order in which they are read, see `layer_weights`.
"""

from types import SimpleNamespace

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_job import each_item
from gpuconv.cpu.layer_patch import Patch, Room, Source
from gpuconv.cpu.layer_store import Stage
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value, Variable

SHALLOW = 4  # input channels that are compiled in


def dense_kernel(code: str, image: str, vectors: int, kind: str) -> Kernel:
    """Return the kernel of layers with accumulators and images of two dtypes, `vectors` of output channels at once.

    The kind is "dense", "depthwise", or "listed": few input channels, whose every pair of tap and channel is listed.
    """
    return Kernel(_write, (code, image, vectors, kind))


def pixel_bytes(lanes: int, size: int, depth: int) -> int:
    """Bytes from one pixel of a patch to the next: a vector, of which few channels need a part only."""
    return min(lanes, SHALLOW if 0 < depth <= SHALLOW else lanes) * size


def widest(target: Target, vectors: int) -> int:
    """Outputs of a tile: their sums, the weights of a channel and one sample fill the registers."""
    return min((target.registers - 2 - vectors) // vectors, 16)


def _write(target: Target, code: str, image: str, vectors: int, kind: str) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    return each_item(e, Dense(e, lanes, image, vectors, widest(target, vectors), kind).block)


class Dense:
    """Writes the loops over a block."""

    def __init__(self, e: Emitter, lanes: Lanes, image: str, vectors: int, widest: int, kind: str):
        self.e, self.lanes, self.image_code = e, lanes, image
        self.vectors, self.widest, self.kind, self.depthwise = vectors, widest, kind, kind == "depthwise"
        self.pixel = pixel_bytes(lanes.count, lanes.size, 1) if kind == "listed" else lanes.bytes

    def block(self, work: SimpleNamespace, item: Value) -> None:
        """Compute one block."""
        e = self.e
        bw, rest = item % work.blocks_w, item // work.blocks_w
        bh, rest = rest % work.blocks_h, rest // work.blocks_h
        bo, rest = rest % work.blocks_o, rest // work.blocks_o
        bg, image = rest % work.blocks_g, rest // work.blocks_g
        y0, y1 = (part * work.out_h // work.blocks_h for part in (bh, bh + 1))
        x0, x1 = (part * work.out_w // work.blocks_w for part in (bw, bw + 1))
        first, last = (part * work.groups // work.blocks_g for part in (bg, bg + 1))
        missing = work.all_outputs - first * work.outputs
        depth = e.least((last - first) * work.depth, missing) if self.depthwise else work.depth
        few = SHALLOW if self.kind == "listed" else 0
        load_patch(e, self.lanes, self.image_code, work, image, first, (y0, y1, x0, x1), depth, few)
        target = work.out + e.integer(work.out_offsets + image * 8) + x0 * work.out_pixel
        if self.depthwise:
            with e.loop(y0, y1) as y, e.loop(first, last) as group:
                source = work.patch + (group - first) * work.block_bytes + (y - y0) * work.stride_h * work.row_bytes
                self._outputs(work, source, target + y * work.out_row, group, e.number(0), x1 - x0)
            return
        wide = self.vectors * self.lanes.count
        o0, o1 = (part * work.wides // work.blocks_o * wide for part in (bo, bo + 1))
        with e.loop(o0, e.least(o1, work.outputs), wide) as o, e.loop(y0, y1) as y:
            source = work.patch + (y - y0) * work.stride_h * work.row_bytes
            self._outputs(work, source, target + y * work.out_row, first, o, x1 - x0)

    def _outputs(
        self, work: SimpleNamespace, source: Value, target: Value, group: Value, first: Value, width: Value
    ) -> None:
        """Compute a row of the outputs of a group from `first` on, as many channels as are computed at once."""
        e, wide = self.e, self.vectors * self.lanes.count
        channel = group * work.outputs + first
        weights = work.weights + group * work.weights_group + first // wide * work.weights_block
        stage = Stage(e, self.lanes, work, self.vectors)
        count = e.least(e.least(work.outputs - first, wide), work.all_outputs - channel)
        stage.begin(target + channel * work.out_channel, count)
        self.row(work, stage, source, weights, work.bias + channel * self.lanes.size, width)
        stage.end(width)

    def row(
        self, work: SimpleNamespace, stage: Stage, source: Value, weights: Value, bias: Value | None, width: Value
    ) -> None:
        """Cover a row with tiles of nearly equal width."""
        e = self.e
        tiles = (width + self.widest - 1) // self.widest
        narrow, wider = width // tiles, width % tiles  # the first few are wider by one
        x = e.variable(0)
        with e.loop(0, tiles) as tile:
            x0, x1 = x.value, x.value + narrow + e.select(tile < wider, 1, 0)
            for count in range(1, self.widest + 1):
                with e.when((x1 - x0).equals(count)):
                    sums = self._tile(work, source + x0 * self.pixel, weights, bias, count)
                    stage.put(x0, sums)
            x.value = x1

    def _tile(
        self, work: SimpleNamespace, source: Value, weights: Value, bias: Value | None, count: int
    ) -> list[list[Value]]:
        """Sum up one tile; the sums of each output."""
        e, lanes = self.e, self.lanes
        at_once = range(self.vectors)
        initial = [e.load(lanes.type, bias + v * lanes.bytes) if bias else e.zero(lanes) for v in at_once]
        sums = [[e.variable(value) for value in initial] for _ in range(count)]
        at = e.variable(weights)
        with e.loop(0, work.depth_blocks) if self.kind == "dense" else e.single() as block:
            depth = e.least(work.depth - block * lanes.count, lanes.count)
            with e.loop(0, work.taps) as tap:
                pixels = source + block * work.block_bytes + e.integer(work.tap_offsets + tap * 8)
                with e.loop(0, depth) if self.kind == "dense" else e.single() as k:
                    self._multiply(sums, pixels + k * lanes.size, at)
        return [[variable.value for variable in row] for row in sums]

    def _multiply(self, sums: list[list[Variable]], pixels: Value, at: Variable) -> None:
        """Add the products of one channel (or of a vector of them) of each pixel."""
        e, lanes = self.e, self.lanes
        factors = [e.load(lanes.type, at.value + v * lanes.bytes) for v in range(self.vectors)]
        at.value = at.value + self.vectors * lanes.bytes
        for p, row in enumerate(sums):
            address = pixels + p * self.pixel
            sample = e.load(lanes.type, address) if self.depthwise else e.broadcast(lanes, address)
            for variable, factor in zip(row, factors, strict=True):
                variable.value = e.muladd(sample, factor, variable.value)


def load_patch(
    e: Emitter,
    lanes: Lanes,
    image_code: str,
    work: SimpleNamespace,
    image: Value,
    group: Value,
    outputs: tuple[Value, ...],
    depth: Value,
    few: int = 0,
) -> None:
    """Load what outputs y0 to y1 and x0 to x1 of one group of channels need."""
    channels = work.channels + group * work.depth_blocks * (lanes.count * 8)
    source, rows, columns = source_at(e, work, image, channels, outputs)
    room = Room(work.patch, work.places, work.row_bytes, work.block_bytes)
    Patch(e, lanes, image_code, source, room, few).load(rows, columns, depth)


def source_at(
    e: Emitter, work: SimpleNamespace, image: Value, channels: Value, outputs: tuple[Value, ...]
) -> tuple[Source, Value, Value]:
    """Where the patch under outputs y0 to y1 and x0 to x1 comes from, its rows and its columns."""
    y0, y1, x0, x1 = outputs
    rows, columns = (y1 - y0 - 1) * work.stride_h + work.reach_h + 1, (x1 - x0 - 1) * work.stride_w + work.reach_w + 1
    first = x0 * work.stride_w
    left, right = (e.least(e.most(edge - first, 0), columns) for edge in (work.inside_w0, work.inside_w1))
    source = Source(
        image=work.image + e.integer(work.image_offsets + image * 8),
        channels=channels,
        row_sources=work.row_sources + y0 * work.stride_h * 8,
        column_sources=work.column_sources + first * 8,
        left=left,
        right=right,
        pixel=work.image_pixel,
        beside=work.beside,
        fill=work.fill,
    )
    return source, rows, columns
