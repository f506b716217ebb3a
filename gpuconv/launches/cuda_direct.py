"""Launches of the fast kernels for one filter over single-channel images: which tile, which specialisation."""

from dataclasses import dataclass

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.facts import DeviceLimits, Facts
from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import INT_LIMIT, array, fill, ints, parameter_bytes, specialize, too_long
from gpuconv.problem import DType, Problem, same_pad

SMALL_SIZES = (3, 5, 7, 9, 11)  # of the square filters that conv2d_small is compiled for
GRID_Y = 65535
RESIDENT = 2  # blocks at a time on a multiprocessor, at least
FIXED = 100  # instructions of a thread that are neither multiply-adds nor loads of windows


@dataclass(frozen=True)
class Tile:
    """Threads of a block, and outputs of a thread: `down` rows of `across` values."""

    block_h: int
    block_w: int
    down: int
    across: int

    @property
    def outputs(self) -> tuple[int, int]:
        """Outputs of a block, (rows, columns)."""
        return self.block_h * self.down, self.block_w * self.across

    def count(self, out_h: int, out_w: int) -> tuple[int, int]:
        """Tiles of one image, (down, across)."""
        rows, columns = self.outputs
        return ceil_div(out_h, rows), ceil_div(out_w, columns)

    def cost(self, problem: Problem, device: DeviceLimits) -> float:
        """Instructions that a multiprocessor issues one after another for a problem, about."""
        filter_h, filter_w = problem.filter
        down, across = self.count(*problem.out_extent)
        rounds = ceil_div(down * across * problem.images, RESIDENT * device.multiprocessors)
        loads = (self.down + filter_h - 1) * (1 + ceil_div(filter_w, self.across))
        thread = self.down * self.across * filter_h * filter_w + loads + FIXED
        return float(rounds * thread * self.block_h * self.block_w)


def conv2d_small(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A small square filter of a usual size, known on the host."""
    refusal = _not_here("conv2d_small", problem, facts)
    if refusal:
        return refusal
    if facts.weights_place == "device":
        return "conv2d_small takes its weights from the host, by value; these are on the device"
    filter_h, filter_w = problem.filter
    if filter_h != filter_w or filter_h not in SMALL_SIZES:
        return f"conv2d_small is compiled for square filters of {SMALL_SIZES} taps; got {problem.filter}"
    sums = accumulator(problem, facts)
    if parameter_bytes(filter_h * filter_w, sums) > facts.device.parameter_bytes:
        return f"conv2d_small passes weights by value, in {facts.device.parameter_bytes} bytes; got {problem.filter}"
    tile = min(small_tiles(filter_h, sums), key=lambda tile: tile.cost(problem, facts.device))
    constants = small_constants(filter_h, tile)
    specialization = specialize("conv2d_small", problem, facts, **constants)
    return _launch(problem, specialization, tile, array("weights", "weights", specialization, by_value=True))


def small_tiles(filter_: int, sums: DType) -> list[Tile]:
    """What conv2d_small can be launched with; the larger ones issue fewer instructions for an output."""
    vector = 16 // sums.itemsize
    tall = (6, 32, 12) if filter_ <= 7 else (8, 32, 8)
    return [Tile(*sizes, vector) for sizes in (tall, (8, 32, 4), (4, 32, 4), (8, 16, 4), (8, 8, 4))]


def small_constants(filter_: int, tile: Tile) -> dict[str, int]:
    """The sizes that conv2d_small is compiled for; with the pad of size="same" its loads are aligned."""
    sizes = {"FILTER_H": filter_, "FILTER_W": filter_}
    sizes |= {"BLOCK_H": tile.block_h, "BLOCK_W": tile.block_w, "ROWS": tile.down}
    return sizes | {"OFFSET": -same_pad(filter_, 1) % tile.across}


def _not_here(kernel: str, problem: Problem, facts: Facts) -> str | None:
    """Why a problem is not one dense 2D filter over single-channel images that the fast kernels take, or None."""
    if problem.rank != 2 or not problem.is_filter:
        return f"{kernel} filters images of two axes, one channel at a time"
    if max(problem.stride + problem.dilation) > 1:
        return f"{kernel} needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    sums = accumulator(problem, facts)
    if is_integer(sums) and sums.itemsize > 4:
        return f"{kernel} adds up in 32 bits or in floating point; these sums need {sums}"
    rows = problem.images * max(problem.extent[0], problem.out_extent[0] + 1024)
    if rows >= INT_LIMIT:
        return f"{kernel} counts at most {INT_LIMIT} rows of all images; got {rows}"
    return too_long(kernel, problem)


def _launch(problem: Problem, specialization: Specialization, tile: Tile, weights: Argument) -> LaunchPlan:
    """A block for every tile of every image."""
    (height, width), (out_h, out_w), (pad_h, pad_w) = problem.extent, problem.out_extent, problem.pad_before
    down, across = tile.count(out_h, out_w)
    return LaunchPlan(
        specialization,
        (across, *_folded(down * problem.images)),
        (tile.block_w, tile.block_h, 1),
        0,
        (
            array("image", "image", specialization),
            weights,
            array("out", "out", specialization),
            *ints(height=height, width=width, out_h=out_h, out_w=out_w, pad_h=pad_h, pad_w=pad_w),
            *ints(images=problem.images, tiles_h=down),
            fill(problem, specialization),
        ),
    )


def _folded(count: int) -> tuple[int, int]:
    """Grid (y, z) of at least `count` blocks."""
    z = ceil_div(count, GRID_Y)
    return ceil_div(count, z), z
