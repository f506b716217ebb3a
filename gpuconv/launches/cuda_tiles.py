"""Tiles of the fast kernels for single-channel images: what a block computes, and the launch of one for each tile."""

from dataclasses import dataclass

from gpuconv.dtypes import is_integer
from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import INT_LIMIT, array, fill, ints, pitches, too_long
from gpuconv.planning.facts import DeviceLimits
from gpuconv.problem import DType, Problem

CHUNK = 32  # columns of a filter that conv2d_large unrolls
GRID_Y = 65535
STATIC_BYTES = 48 * 1024  # of shared memory, on every device
FIXED, LOOP = 150, 5  # other instructions of a thread: once, and for each row of a filter
STREAMING, SQUARE = (1, 32), (8, 4)  # how the threads of a warp lie, (down, across)


@dataclass(frozen=True)
class Tile:
    """Threads of a block, and outputs of a thread: `down` rows of `across` values, which are `vectors` of 16 bytes."""

    block_h: int
    block_w: int
    down: int
    across: int
    lanes: tuple[int, int] = STREAMING
    vectors: int = 1

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
        taps = ceil_div(self.vectors * columns, self.across)
        return sums + filter_h * ceil_div(filter_w, columns) * (self.vectors + 2 * taps + LOOP)


def no_tiles(kernel: str, problem: Problem, sums: DType, *, wide: bool = False) -> str | None:
    """Why a problem is not one dense 2D filter over single-channel images that the fast kernels take, or None.

    `wide`: the kernel adds up in 64 bits, too.
    """
    if problem.rank != 2 or not problem.is_filter:
        return f"{kernel} filters images of two axes, one channel at a time"
    if max(problem.stride + problem.dilation) > 1:
        return f"{kernel} needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    if is_integer(sums) and sums.itemsize > 4 and not wide:
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
