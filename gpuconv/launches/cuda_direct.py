"""Launches of the fast kernels for one filter over single-channel images: which tile, which specialisation."""

from dataclasses import dataclass, replace

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import (
    INT_LIMIT,
    array,
    fill,
    ints,
    parameter_bytes,
    pitches,
    side_by_side,
    specialize,
    too_long,
    values_in_launch,
)
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import DType, Ints, Problem, same_pad

SMALL_SIZES = (3, 5, 7, 9, 11)  # of the square filters that conv2d_small is compiled for
COMPLEX_BYTES = 392  # of complex weights; beyond, conv2d_small spills registers
CHUNK = 32  # columns of a filter that conv2d_large unrolls
GRID_Y = 65535
STATIC_BYTES = 48 * 1024  # of shared memory, on every device
FIXED, LOOP = 150, 5  # other instructions of a thread: once, and for each row of a filter
STREAMING, SQUARE = (1, 32), (8, 4)  # how the threads of a warp lie, (down, across)


@dataclass(frozen=True)
class Tile:
    """Threads of a block, and outputs of a thread: `down` rows of `across` values."""

    block_h: int
    block_w: int
    down: int
    across: int
    lanes: tuple[int, int] = STREAMING

    @property
    def outputs(self) -> tuple[int, int]:
        """Outputs of a block, (rows, columns)."""
        down, across = self.lanes
        return self.block_h * down * self.down, self.block_w * across // 32 * self.across

    def count(self, out_h: int, out_w: int) -> tuple[int, int]:
        """Tiles of one image, (down, across)."""
        rows, columns = self.outputs
        return ceil_div(out_h, rows), ceil_div(out_w, columns)

    def cost(self, problem: Problem, device: DeviceLimits) -> int:
        """Instructions that a multiprocessor issues one after another for a problem, about.

        Half a block more than its share, for the time before the first block's samples have come.
        """
        down, across = self.count(*problem.out_extent)
        halves = 2 * ceil_div(down * across * problem.images, device.multiprocessors) + 1
        return halves * self.block_h * self.block_w * (self.instructions(*problem.filter) + FIXED)

    def instructions(self, filter_h: int, filter_w: int) -> int:
        """Multiply-adds of a thread, and loads of windows and, where the filter's rows are a loop, of taps."""
        sums, columns = self.down * self.across * filter_h * filter_w, min(filter_w, CHUNK)
        if self.lanes == STREAMING:
            return sums + (self.down + filter_h - 1) * (1 + ceil_div(columns, self.across))
        windows, taps = ceil_div(4 * (self.across + columns), self.across), ceil_div(4 * columns, self.across)
        return sums + filter_h * ceil_div(filter_w, columns) * (self.down * windows + taps + LOOP)


def conv2d_small(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A small square filter of a usual size, known on the host; or the magnitude of what two of them give."""
    filters = problem.channels_out if problem.op == "magnitude" else 1
    if filters == 2 and problem.channels_in == 1 and not problem.bias:
        problem = replace(problem, channels_out=1, op="forward")
    sums = accumulator(problem, facts)
    refusal = no_tiles("conv2d_small", problem, sums)
    if refusal:
        return refusal
    if facts.weights_place == "device":
        return "conv2d_small takes its weights from the host, by value; these are on the device"
    filter_h, filter_w = problem.filter
    if filter_h != filter_w or filter_h not in SMALL_SIZES or filters * problem.taps > SMALL_SIZES[-1] ** 2:
        return f"conv2d_small is compiled for square filters of {SMALL_SIZES} taps; got {problem.filter}"
    if sums.kind == "c" and problem.taps * sums.itemsize > COMPLEX_BYTES:
        return f"conv2d_small is compiled for at most {COMPLEX_BYTES} bytes of complex weights; got {problem.filter}"
    if parameter_bytes(filters * problem.taps, sums) > facts.device.parameter_bytes:
        return f"conv2d_small passes weights by value, in {facts.device.parameter_bytes} bytes; got {problem.filter}"
    pixel, _, columns = side_by_side(problem, facts)
    tiles = small_tiles(filter_h, sums, filters, pixel)
    tile = pick("conv2d_small", columns, sums, facts.device, tiles, lambda tile: tile.cost(columns, facts.device))
    constants = {"FILTERS": filters} | small_constants(problem.filter, tile, pixel)
    specialization = specialize("conv2d_small", problem, facts, **constants)
    return tiled_launch(columns, specialization, tile, array("weights", "weights", specialization, by_value=True))


def small_tiles(filter_: int, sums: DType, filters: int = 1, pixel: int = 1) -> list[Tile]:
    """What conv2d_small can be launched with; the larger ones issue fewer instructions for an output."""
    vector = 16 // sums.itemsize
    tallest = [(6, 32, 12)] if filter_ <= 9 and vector == 4 and filters == 1 else []  # no registers are spilled
    tall = [Tile(*sizes, vector) for sizes in (*tallest, (8, 32, 8), (6, 32, 8))]
    fitting = [tile for tile in tall if _small_bytes(filter_, tile, pixel) <= STATIC_BYTES]
    return [*fitting[:1], Tile(8, 32, 4, vector), Tile(8, 8, 4, vector)]


def _small_bytes(filter_: int, tile: Tile, pixel: int) -> int:
    """Shared memory of conv2d_small."""
    offset = small_constants((filter_, filter_), tile, pixel)["OFFSET"]
    vectors = tile.block_w + ceil_div(offset + (filter_ - 1) * pixel, tile.across)
    return 16 * vectors * (tile.outputs[0] + filter_ - 1)


def small_constants(filter_: Ints, tile: Tile, pixel: int = 1) -> dict[str, int]:
    """The sizes that a small filter is compiled for; with the pad of size="same" its loads are aligned."""
    sizes = {"FILTER_H": filter_[0], "FILTER_W": filter_[1], "PIXEL": pixel}
    sizes |= {"BLOCK_H": tile.block_h, "BLOCK_W": tile.block_w, "ROWS": tile.down}
    return sizes | {"OFFSET": -pixel * same_pad(filter_[1], 1) % tile.across}


def conv2d_large(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A filter of any size; by value where its weights are known on the host and fit the arguments of a launch."""
    sums, device = accumulator(problem, facts), facts.device
    refusal = no_tiles("conv2d_large", problem, sums)
    if refusal:
        return refusal
    capacity = values_in_launch(problem.taps, sums, device) if facts.weights_place == "host" else 0
    chosen = large_tile("conv2d_large", problem, sums, device, problem)
    if isinstance(chosen, str):
        return chosen
    tile, constants, sizes = chosen
    pixel, images, _ = side_by_side(problem, facts)
    specialization = specialize("conv2d_large", problem, facts, **constants | {"PIXEL": pixel}, CAPACITY=capacity)
    weights = array("weights", "weights", specialization, by_value=capacity > 0)
    return tiled_launch(images, specialization, tile, weights, sizes=sizes, planes=pixel)


def large_tile(
    kernel: str, problem: Problem, sums: DType, device: DeviceLimits, planes: Problem
) -> tuple[Tile, dict[str, int], tuple[Argument, ...]] | str:
    """The best tile for a filter of any size over `planes`, what is compiled for it, and the filter's arguments."""
    filter_h, filter_w = problem.filter
    fitting = large_tiles(filter_w, sums, device)
    if not fitting:
        return f"{kernel} needs shared memory for 8 rows of a filter; a block has {device.shared_bytes} bytes"
    tile, piece_h = pick(kernel, problem, sums, device, fitting, lambda fit: fit[0].cost(planes, device))
    pieces = ceil_div(filter_h, piece_h)
    sizes = ints(filter_h=filter_h, filter_w=filter_w, piece_h=ceil_div(filter_h, pieces))
    return tile, large_constants(filter_w, tile) | {"PIECE_H": piece_h}, sizes


def large_tiles(filter_w: int, sums: DType, device: DeviceLimits) -> list[tuple[Tile, int]]:
    """What conv2d_large can be launched with: the tile, and the rows of the filter whose samples fit beside it."""
    vector, fitting = 16 // sums.itemsize, []
    columns = min(filter_w, CHUNK)
    for down in (4, 3, 1):
        tile = Tile(4, 32, down, 4 * vector, lanes=SQUARE)
        offset = large_constants(filter_w, tile)["OFFSET"]
        pitch = ceil_div(offset + tile.outputs[1] + columns - 1, vector) | 1
        row = 16 * (pitch + ceil_div(columns, vector))  # of the tile and of the taps
        rows = (device.shared_bytes - 16 * pitch * (tile.outputs[0] - 1)) // row
        if rows >= 8:
            fitting.append((tile, min(rows, 16)))
    return fitting


def large_constants(filter_w: int, tile: Tile) -> dict[str, int]:
    """The sizes that conv2d_large is compiled for, beside the piece."""
    wide = filter_w > CHUNK
    sizes = {"BLOCK_H": tile.block_h, "BLOCK_W": tile.block_w, "ROWS": tile.down}
    sizes |= {"CHUNK": CHUNK * wide, "REST": filter_w % CHUNK if wide else filter_w, "PIXEL": 1}
    return sizes | {"OFFSET": -same_pad(filter_w, 1) % (tile.across // 4)}


def no_tiles(kernel: str, problem: Problem, sums: DType) -> str | None:
    """Why a problem is not one dense 2D filter over single-channel images that the fast kernels take, or None."""
    if problem.rank != 2 or not problem.is_filter:
        return f"{kernel} filters images of two axes, one channel at a time"
    if max(problem.stride + problem.dilation) > 1:
        return f"{kernel} needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    if is_integer(sums) and sums.itemsize > 4:
        return f"{kernel} adds up in 32 bits or in floating point; these sums need {sums}"
    rows = problem.images * max(problem.extent[0], problem.out_extent[0] + 1024)
    if rows >= INT_LIMIT:
        return f"{kernel} counts at most {INT_LIMIT} rows of all images; got {rows}"
    return too_long(kernel, problem)


def tiled_launch(
    problem: Problem,
    specialization: Specialization,
    tile: Tile,
    *taps: Argument,
    sizes: tuple[Argument, ...] = (),
    planes: int = 1,
) -> LaunchPlan:
    """A block for every tile of every image; `taps` are weights and bias, `sizes` the kernel's own integers.

    Of an image with several planes, whose samples stand side by side, a block takes one.
    """
    (height, width), (out_h, out_w), (pad_h, pad_w) = problem.extent, problem.out_extent, problem.pad_before
    down, across = tile.count(out_h, out_w)
    return LaunchPlan(
        specialization,
        (across * planes, *_folded(down * problem.images)),
        (tile.block_w, tile.block_h, 1),
        0,
        (
            array("image", "image", specialization),
            *taps,
            array("out", "out", specialization),
            *ints(height=height, width=width, out_h=out_h, out_w=out_w, pad_h=pad_h, pad_w=pad_w),
            *ints(images=problem.images, tiles_h=down),
            *pitches(problem, planes),
            *sizes,
            fill(problem, specialization),
        ),
    )


def _folded(count: int) -> tuple[int, int]:
    """Grid (y, z) of at least `count` blocks, and of one."""
    z = ceil_div(max(count, 1), GRID_Y)
    return ceil_div(max(count, 1), z), z
