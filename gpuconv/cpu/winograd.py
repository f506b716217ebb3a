r"""Winograd's F(4x4, 3x3): 4 x 4 outputs from 36 products instead of 144, for 3 x 3 layers of stride 1.

.. math:: Y = A^T \, [\, \sum_k (G \, w_k \, G^T) \odot (B^T x_k B) \,] \, A

For a block of tiles: transform the patch under each tile, multiply each of the 36 coefficients as a 1 x 1 layer from
channels to channels (`dense`), and transform the sums back. The points are 0, +-1/sqrt(2), +-sqrt(2) and infinity,
whose rounding errors grow the least of those with cheap transforms.

A sample that is nan or infinite would reach all outputs of its tile, and large ones might overflow on the way: then
`work.spoilt` is set, and the outputs are not to be used.

A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, 2015.
"""

from types import SimpleNamespace

import numpy as np

from gpuconv.cpu.dense import Dense, load_patch, widest
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_job import each_item
from gpuconv.cpu.layer_store import Stage
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value

SIZE = 6  # samples of a tile down and across
STEP = 4  # outputs
VECTORS = 2  # of output channels at once
MIXED = (0, 1, 5)  # coefficients of B^T x that every sample takes part in
ROOT = 2**0.5
G = np.array(
    [[1, 0, 0]]
    + [[-2 / 3, sign * ROOT / 3, -1 / 3] for sign in (-1, 1)]
    + [[1 / 6, sign * ROOT / 6, 1 / 3] for sign in (1, -1)]
    + [[0, 0, 1]]
)


def winograd_kernel(code: str, image: str) -> Kernel:
    """Return the kernel for accumulators and images of two dtypes."""
    return Kernel(_write, (code, image))


def transformed(weights: np.ndarray, lanes: int) -> np.ndarray:
    """Return G w G^T of (channels_out, channels_in, 3, 3), ordered by outputs, coefficient, channel, output."""
    outputs, depth = weights.shape[:2]
    wide = lanes * VECTORS
    padded = np.zeros((-(-outputs // wide) * wide, depth, 9))
    padded[:outputs] = weights.reshape(outputs, depth, 9)
    spectrum = padded.reshape(-1, wide, depth, 9) @ np.kron(G, G).T
    return np.ascontiguousarray(spectrum.transpose(0, 3, 2, 1), weights.dtype)


def _write(target: Target, code: str, image: str) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    return each_item(e, Winograd(e, lanes, image, widest(target, VECTORS)).block)


class Winograd:
    """Writes the loops over a block of tiles."""

    def __init__(self, e: Emitter, lanes: Lanes, image: str, widest: int):
        self.e, self.lanes, self.image_code = e, lanes, image
        self.spoilt = e.variable(e.zero(lanes))  # nan once there was something else than finite numbers
        self.dense = Dense(e, lanes, image, VECTORS, widest, "dense")

    def block(self, work: SimpleNamespace, item: Value) -> None:
        """Compute one block."""
        e = self.e
        bw, rest = item % work.blocks_w, item // work.blocks_w
        bh, rest = rest % work.blocks_h, rest // work.blocks_h
        bo, image = rest % work.blocks_o, rest // work.blocks_o
        r0, r1 = (part * work.tiles_h // work.blocks_h for part in (bh, bh + 1))
        c0, c1 = (part * work.tiles_w // work.blocks_w for part in (bw, bw + 1))
        load_patch(
            *(e, self.lanes, self.image_code, work, image, e.number(0)),
            *((r0 * STEP, r1 * STEP, c0 * STEP, c1 * STEP), work.depth),
        )
        self._transform(work, r1 - r0, c1 - c0)
        wide = VECTORS * self.lanes.count
        o0, o1 = (part * work.wides // work.blocks_o for part in (bo, bo + 1))
        with e.loop(o0, o1) as o:
            self._multiply(work, work.weights + o * work.weights_block, (r1 - r0) * (c1 - c0))
            to = work.out + e.integer(work.out_offsets + image * 8) + o * wide * work.out_channel
            to = to + r0 * STEP * work.out_row + c0 * STEP * work.out_pixel
            bias, channels = work.bias + o * wide * self.lanes.size, e.least(work.outputs - o * wide, wide)
            height, width = work.out_h - r0 * STEP, work.out_w - c0 * STEP
            self._outputs(work, to, bias, channels, (r1 - r0, c1 - c0), (height, width))
        for lane in range(self.lanes.count):
            element = e.emit(
                self.lanes.element, f"extractelement {self.lanes.type} {self.spoilt.value.name}, i64 {lane}"
            )
            with e.when(element.equals(element).equals(0)):
                e.store(e.number(1), work.spoilt)

    def _watch(self, values: list[Value]) -> None:
        """Note whether all values are finite."""
        total = values[0]
        for value in values[1:]:
            total = total + value
        self.spoilt.value = self.e.muladd(total, self.e.zero(self.lanes), self.spoilt.value)

    def _transform(self, work: SimpleNamespace, rows: Value, columns: Value) -> None:
        """Transform what is under each tile: B^T x B, a vector of channels at a time."""
        e, lanes = self.e, self.lanes
        with e.loop(0, work.depth_blocks) as block, e.loop(0, rows) as r, e.loop(0, columns) as c:
            source = work.patch + block * work.block_bytes + r * STEP * work.row_bytes + c * (STEP * lanes.bytes)
            to = work.spectrum + (block * work.tiles + r * columns + c) * lanes.bytes
            across = []
            for i in range(SIZE):
                row = source + work.row_bytes * i
                across.append(self._forward([e.load(lanes.type, row + j * lanes.bytes) for j in range(SIZE)]))
            down = [self._forward([row[j] for row in across]) for j in range(SIZE)]
            self._watch([down[j][i] for i in MIXED for j in MIXED])
            for i in range(SIZE):
                for j in range(SIZE):
                    e.store(down[j][i], to + work.spectrum_bytes * (SIZE * i + j))

    def _multiply(self, work: SimpleNamespace, weights: Value, tiles: Value) -> None:
        """Multiply each coefficient, from channels to channels."""
        e = self.e
        stage = Stage(e, self.lanes, work, VECTORS)
        layer = SimpleNamespace(**vars(work) | {"block_bytes": work.tiles * self.lanes.bytes})
        with e.loop(0, SIZE * SIZE) as f:
            stage.collect(work.products + f * work.products_bytes)
            source = work.spectrum + f * work.spectrum_bytes
            self.dense.row(layer, stage, source, weights + f * work.weights_group, None, tiles)

    def _outputs(
        self,
        work: SimpleNamespace,
        to: Value,
        bias: Value,
        channels: Value,
        tiles: tuple[Value, Value],
        extent: tuple[Value, Value],
    ) -> None:
        """Transform the sums of each tile back, A^T m A, and store the outputs that there are."""
        e, lanes, (rows, columns), (height, width) = self.e, self.lanes, tiles, extent
        stage = Stage(e, lanes, work, VECTORS)
        row_bytes = columns * (STEP * stage.pixel)
        with e.loop(0, rows) as r:
            with e.loop(0, columns) as c:
                for v in range(VECTORS):
                    source = work.products + (r * columns + c) * stage.pixel + v * lanes.bytes
                    result = self._tile(source, work.products_bytes, e.load(lanes.type, bias + v * lanes.bytes))
                    for i, row in enumerate(result):
                        at = work.stage + row_bytes * i + c * (STEP * stage.pixel) + v * lanes.bytes
                        for j, value in enumerate(row):
                            e.store(value, at + j * stage.pixel)
            with e.loop(0, e.least(STEP, height - r * STEP)) as y:
                collected = work.stage + row_bytes * y
                stage.store(to + (r * STEP + y) * work.out_row, collected, channels, e.least(columns * STEP, width))

    def _tile(self, source: Value, step: Value, bias: Value) -> list[list[Value]]:
        """Return the 4 x 4 outputs of the 36 sums that lie `step` apart."""
        e = self.e
        across = []
        for i in range(SIZE):
            sums = [e.load(self.lanes.type, source + step * (SIZE * i + j)) for j in range(SIZE)]
            across.append(self._back(sums))
        down = [self._back([row[j] for row in across]) for j in range(STEP)]
        self._watch([down[j][i] for i in (0, STEP - 1) for j in (0, STEP - 1)])
        return [[down[j][i] + bias for j in range(STEP)] for i in range(STEP)]

    def _forward(self, x: list[Value]) -> list[Value]:
        """Return B^T x."""
        e, lanes = self.e, self.lanes
        u, v = self._add(x[4], -2.0, x[2]), self._add(x[3] * number(e, lanes, ROOT / 2), -ROOT, x[1])
        p, q = self._add(x[4], -0.5, x[2]), self._add(x[3] * number(e, lanes, ROOT), -ROOT / 2, x[1])
        first, last = self._add(x[0] + x[4], -2.5, x[2]), self._add(x[1] + x[5], -2.5, x[3])
        return [first, u + v, u - v, p + q, p - q, last]

    def _back(self, m: list[Value]) -> list[Value]:
        """Return A^T m."""
        e, lanes = self.e, self.lanes
        s, d, u, v = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
        odd, even = self._add(d * number(e, lanes, ROOT / 2), ROOT, v), self._add(s * number(e, lanes, 0.5), 2.0, u)
        return [m[0] + s + u, odd, even, self._add(self._add(m[5], ROOT / 4, d), 2 * ROOT, v)]

    def _add(self, a: Value, factor: float, b: Value) -> Value:
        """Return a + factor * b."""
        return self.e.muladd(b, number(self.e, self.lanes, factor), a)


def number(e: Emitter, lanes: Lanes, value: float) -> Value:
    """Return a vector of one number, rounded to the dtype."""
    bits = int(np.array(np.array(value, lanes.code), "f8").view("u8"))
    return e.splat(lanes, Value(e, lanes.element, f"0x{bits:016X}"))
