"""Launches of the fast kernels for filters over volumes: which tile, and how many planes a block walks along."""

import math
from dataclasses import dataclass
from functools import cached_property

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import Kind, LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import array, fill, ints, launch, parameter_bytes, specialize, too_long
from gpuconv.launches.cuda_separable import STARTUP, resident_blocks, strip_rows
from gpuconv.launches.cuda_tiles import STATIC_BYTES
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import DType, Problem, same_pad

LONGEST = 31  # taps of a factor: more open sums do not stay in registers
THREADS = ((8, 32), (16, 16), (32, 8))  # of a block, (down, across)
SUMS = 80  # registers of a thread's open sums, where fewer outputs can spare them
PRODUCTS = 3000  # multiply-adds that conv3d_small unrolls, so that its code fits the cache
MOST_BLOCKS = 4  # of a multiprocessor at a time


@dataclass(frozen=True)
class VolumeTile:
    """Threads of a block, and outputs of a thread: `down` rows of `across` values in each plane."""

    block_h: int
    block_w: int
    down: int
    across: int


@dataclass(frozen=True)
class Walk:
    """A problem with a tile; `filtered`: along x, on the way."""

    problem: Problem
    sums: DType
    device: DeviceLimits
    filtered: bool
    tile: VolumeTile

    @property
    def outputs(self) -> tuple[int, int]:
        """Of a block in a plane, (rows, columns)."""
        return self.tile.block_h * self.tile.down, self.tile.block_w * self.tile.across

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles of a plane, (down, across)."""
        _, out_h, out_w = self.problem.out_extent
        return ceil_div(out_h, self.outputs[0]), ceil_div(out_w, self.outputs[1])

    @property
    def offset(self) -> int:
        """Columns in front of the first window: with the usual pad, vectors of the tile are those of the volume."""
        return -same_pad(self.problem.filter[2], 1) % self.tile.across

    @property
    def staged(self) -> tuple[int, int]:
        """Rows of a plane in shared memory, and vectors in each."""
        _, filter_h, filter_w = self.problem.filter
        window = ceil_div(self.offset + self.tile.across + filter_w - 1, self.tile.across)
        return self.outputs[0] + filter_h - 1, self.tile.block_w - 1 + window

    @property
    def shared_bytes(self) -> int:
        """Two planes; one as it is in memory; tables of rows and columns; one that is filtered along x."""
        (rows, vectors), itemsize = self.staged, self.problem.image_dtype.itemsize
        raw = 0 if self.problem.image_dtype == self.sums else itemsize * self.tile.across
        tables = 4 * (rows + vectors * self.tile.across)
        return rows * vectors * (2 * 16 + raw) + tables + 16 * rows * self.tile.block_w * self.filtered

    @property
    def products(self) -> int:
        """Multiply-adds of a thread for a plane, taken tap by tap."""
        return self.problem.taps * self.tile.down * self.tile.across * (4 if self.sums.kind == "c" else 1)

    @property
    def blocks(self) -> int:
        """Blocks of a multiprocessor at a time, by its 65536 registers: the open sums, and others."""
        image, out = self.problem.image_dtype, self.problem.out_dtype
        plain = bool(self.sums.itemsize == 4 and image == out == self.sums)
        others = (48 if self.filtered else 64) + (0 if plain else 16)  # conversions take some
        registers = 4 * self.problem.filter[0] * self.tile.down + others
        return max(1, min(65536 // (self.tile.block_h * self.tile.block_w * registers), MOST_BLOCKS))

    @cached_property
    def strip(self) -> int:
        """Planes of outputs that a block walks along."""
        columns = math.prod(self.tiles) * self.problem.images
        return strip_rows(self.kernel, self.problem, self.sums, self.device, columns, self.resident)

    @property
    def resident(self) -> int:
        """Blocks on the whole device at a time."""
        return resident_blocks(self.device, self.blocks, self.shared_bytes)

    @property
    def strips(self) -> int:
        """Of all tiles of all volumes."""
        return math.prod(self.tiles) * self.problem.images * ceil_div(self.problem.out_extent[0], self.strip)

    @property
    def cost(self) -> int:
        """Values that are staged and computed one after another, about."""
        values = math.prod(self.outputs) + math.prod(self.staged) * self.tile.across
        planes = self.strip + self.problem.filter[0] - 1 + STARTUP
        return ceil_div(self.strips, self.resident) * planes * values

    @property
    def kernel(self) -> str:
        """Name of the kernel."""
        return "separable_volume" if self.filtered else "conv3d_small"


def separable_volume(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The outer product of three 1D filters, compiled for the number of taps where it is used."""
    refusal = _no_volume("separable_volume", problem)
    if refusal:
        return refusal
    if not facts.separable:
        return "separable_volume needs weights that are the outer product of 1D factors"
    if max(problem.filter) > LONGEST:
        return f"separable_volume is compiled for factors of at most {LONGEST} taps; got {problem.filter}"
    walks = _walks(problem, facts, filtered=True)
    if not walks:
        return f"separable_volume has no tile that fits shared memory for factors of {problem.filter} taps"
    return _launch(walks, facts, sum(problem.filter))


def conv3d_small(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A small filter, known on the host; compiled for its size where it is used."""
    refusal = _no_volume("conv3d_small", problem)
    if refusal:
        return refusal
    sums = accumulator(problem, facts)
    if is_integer(sums) and sums.itemsize > 4:
        return f"conv3d_small adds up in 32 bits or in floating point; these sums need {sums}"
    if facts.weights_place == "device":
        return "conv3d_small takes its weights from the host, by value; these are on the device"
    if problem.filter[0] > LONGEST:
        return f"conv3d_small keeps the sums of at most {LONGEST} planes in registers; got {problem.filter[0]}"
    walks = _walks(problem, facts, filtered=False)
    if not walks:
        return f"conv3d_small is compiled for at most {PRODUCTS} products of a thread; got {problem.filter} taps"
    return _launch(walks, facts, problem.taps)


def _no_volume(kernel: str, problem: Problem) -> str | None:
    """Why a problem is not one dense 3D filter over single-channel volumes, or None."""
    if problem.rank != 3 or not problem.is_filter:
        return f"{kernel} filters volumes of three axes, one channel at a time"
    if max(problem.stride + problem.dilation) > 1:
        return f"{kernel} needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    return too_long(kernel, problem)


def volume_tiles(problem: Problem, facts: Facts, *, filtered: bool) -> list[VolumeTile]:
    """What separable_volume (`filtered`) or conv3d_small can be launched with."""
    return [walk.tile for walk in _walks(problem, facts, filtered=filtered)]


def _walks(problem: Problem, facts: Facts, *, filtered: bool) -> list[Walk]:
    """With the tiles that fit every device's shared memory, and registers and code; most outputs that a thread can."""
    sums = accumulator(problem, facts)
    sum_registers = 8 if sums.itemsize == 16 else 4  # of a row of outputs in a plane; complex windows take more
    few = [down for down in (4, 2, 1) if down == 1 or sum_registers * problem.filter[0] * down <= SUMS]
    tiles = [VolumeTile(*threads, down, 16 // sums.itemsize) for down in few for threads in THREADS]
    walks = [Walk(problem, sums, facts.device, filtered, tile) for tile in tiles]
    walks = [walk for walk in walks if walk.shared_bytes <= STATIC_BYTES and (filtered or walk.products <= PRODUCTS)]
    return [walk for walk in walks if walk.tile.down == walks[0].tile.down]


def _launch(walks: list[Walk], facts: Facts, taps: int) -> LaunchPlan | str:
    """A block for every strip of planes under the tile that is modelled fastest."""
    first = walks[0]
    problem, sums, device, kernel = first.problem, first.sums, first.device, first.kernel
    if parameter_bytes(taps, sums) > device.parameter_bytes:
        return f"{kernel} passes its taps by value, in {device.parameter_bytes} bytes; got {taps}"
    by_tile = {walk.tile: walk for walk in walks}
    walk = by_tile[pick(kernel, problem, sums, device, by_tile, lambda tile: by_tile[tile].cost)]
    tile, (depth, height, width), (out_d, out_h, out_w) = walk.tile, problem.extent, problem.out_extent
    sizes = dict(zip(("FILTER_D", "FILTER_H", "FILTER_W"), problem.filter, strict=True)) | {"TAPS": taps}
    sizes |= {"BLOCK_H": tile.block_h, "BLOCK_W": tile.block_w, "ROWS": tile.down}
    specialization = specialize(kernel, problem, facts, **sizes, BLOCKS=walk.blocks, OFFSET=walk.offset)
    kind: Kind = "factors" if walk.filtered else "weights"
    return launch(
        specialization,
        walk.strips,
        (tile.block_w, tile.block_h, 1),
        walk.shared_bytes,
        array("image", "image", specialization),
        array(kind, kind, specialization, by_value=True),
        array("out", "out", specialization),
        *ints(depth=depth, height=height, width=width, out_d=out_d, out_h=out_h, out_w=out_w),
        *ints(**dict(zip(("pad_d", "pad_h", "pad_w"), problem.pad_before, strict=True))),
        *ints(tiles_h=walk.tiles[0], tiles_w=walk.tiles[1], strips=ceil_div(out_d, walk.strip), strip_d=walk.strip),
        *ints(pitch=width, image_rows=height, out_pitch=out_w, out_image_rows=out_h),
        fill(problem, specialization),
    )
