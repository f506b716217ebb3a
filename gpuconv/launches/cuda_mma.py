"""Launch of the kernel for layers on tensor cores."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gpuconv.dtypes import is_bfloat16
from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import array, as_planes, ints, launch, longs, power_of_two, specialize, too_long
from gpuconv.launches.cuda_layers import channel_counts, geometry
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import DeviceLimits, Facts, Layout
from gpuconv.problem import Ints, Problem

THREADS = 256
FETCH = 2  # steps of products that the fetch of an input takes
STEP, WINDOW, COPY = 67, 140, 8  # instructions of conv2d_mma_last: a step beside its products, an input tile, a copy
STAGES = 3  # of weights in shared memory
ROW = 48  # bytes from row to row in shared memory
Cut = tuple[int, int, Ints, Ints, int]  # channels, positions, tile, window and shares of a Tile
SHARES = (4, 2)  # of 16 bytes of a row, where channels come last
SIZES = ((64, 256), (64, 128), (32, 128))  # (channels, positions) of a block, the preferred first


@dataclass(frozen=True)
class Tile:
    """How conv2d_mma cuts a problem: see its file for the names."""

    problem: Problem
    channels: int
    positions: int
    tile: Ints  # positions (high, wide) of an image
    window: Ints  # taps (high, wide) that an input tile serves
    shares: int = 0  # of 16 bytes of a row, where channels come last

    @property
    def last(self) -> bool:
        """Whether channels come last."""
        return self.shares > 0

    @property
    def cut(self) -> Cut:
        """Everything but the problem."""
        return self.channels, self.positions, self.tile, self.window, self.shares

    @property
    def images(self) -> int:
        """Images that a block has positions of."""
        return self.positions // (self.tile[0] * self.tile[1])

    @property
    def inputs(self) -> int:
        """Positions of an input tile."""
        axes = zip(self.tile, self.window, self.problem.dilation, strict=True)
        high, wide = (n + (taps - 1) * d for n, taps, d in axes)
        return self.images * high * wide

    @property
    def shared_bytes(self) -> int:
        """Weights and two input tiles (or three), or what the sums take at the end."""
        if self.last:
            return 16 * (self.shares + 1) * (STAGES * self.channels + (3 if self.window == (1, 1) else 2) * self.inputs)
        sums = 32 * (self.positions + 8) * self.problem.out_dtype.itemsize
        return max(ROW * (STAGES * self.channels + 2 * self.inputs), sums)

    @property
    def countable(self) -> bool:
        """Whether an int counts the values of the block's images."""
        return self.images * self.problem.channels_in * math.prod(self.problem.extent) < 2**31

    @property
    def cost(self) -> float:
        """Relative time: of a step of products at every position, and of the fetch of the inputs."""
        taps, served = math.prod(self.problem.filter), math.prod(self.window)
        if not self.last:
            return self.blocks * (taps * self.positions + taps // served * FETCH * self.inputs)
        depth = self.shares * 16 // self.problem.image_dtype.itemsize
        down, across = self.positions // 64, self.channels // 16  # matrices of a warp
        step = STEP + self.shares // 2 * (across / 2 + down * (1 + across))
        steps = ceil_div(self.problem.channels_in // self.problem.groups, depth)
        window = WINDOW + COPY * ceil_div(self.inputs * self.shares, THREADS)
        return self.blocks * steps * (taps * step + taps // served * window)

    @property
    def blocks(self) -> int:
        """Blocks of the launch."""
        problem = self.problem
        tiles = [ceil_div(n, step) for n, step in zip(problem.out_extent, self.tile, strict=True)]
        parts = ceil_div(problem.channels_out // problem.groups, self.channels)
        return tiles[0] * tiles[1] * ceil_div(problem.images, self.images) * parts * problem.groups


def conv2d_mma(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A layer with enough channels, of dtypes that tensor cores multiply."""
    return _planned("conv2d_mma", problem, facts)


def conv2d_mma_last(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The same where channels come last, in image and result."""
    if (facts.image_layout, facts.out_layout) != ("channels_last", "channels_last"):
        return "conv2d_mma_last takes images and results whose channels come last"
    return _planned("conv2d_mma_last", problem, facts)


def _planned(kernel: str, problem: Problem, facts: Facts) -> LaunchPlan | str:
    refusal = _refusal(problem, facts)
    if refusal:
        return refusal
    last = kernel == "conv2d_mma_last"
    fitting = mma_tiles(problem, facts.device, last=last)
    if not fitting:
        return f"{kernel} has no tile of this layer that fits its shared memory and images of 2^31 values"
    cut = pick(kernel, problem, problem.compute_dtype, facts.device, fitting)
    tile = Tile(as_planes(problem), *cut)
    sizes = {"CHANNELS": tile.channels, "POSITIONS": tile.positions} | ({"SHARES": tile.shares} if last else {})
    specialization = specialize(kernel, problem, facts, **sizes)
    types = dict(specialization.types)
    types["weights_t"] = types["image_t"]
    order = (*range(2, problem.rank + 2), 0, 1)
    return _launch(tile, Specialization(kernel, tuple(types.items()), specialization.constants), order)


def _refusal(problem: Problem, facts: Facts) -> str | None:
    """The sentence why the kernel does not take a problem, or None."""
    if problem.op != "forward" or problem.is_filter or problem.rank > 2:
        return "conv2d_mma computes layers"
    image, capability = problem.image_dtype, facts.device.compute_capability
    halves = image == np.float16 or is_bfloat16(image)
    if problem.compute_dtype != np.float32 or problem.weights_dtype != image or not (halves or image == np.float32):
        return f"conv2d_mma multiplies float16, bfloat16 or float32 with the same; got {image}, {problem.weights_dtype}"
    if facts.precision == "strict" or (facts.precision != "fast" and not halves):
        return "conv2d_mma rounds more than strict sums (float32 to 11 bits, which takes precision='fast')"
    if capability < ((7, 5) if image == np.float16 else (8, 0)):
        return f"tensor cores multiply {image} from compute capability 8.0 on; this device has {capability}"
    share = 16 // image.itemsize
    channels_in, channels_out = problem.channels_in // problem.groups, problem.channels_out // problem.groups
    if channels_in % share or min(channels_in, channels_out) < 16:
        return (
            f"conv2d_mma needs 16 channels a group or more, of inputs a multiple of {share}; "
            f"got {channels_in} inputs and {channels_out} outputs"
        )
    if problem.skip_zero_taps or (problem.boundary == "constant" and problem.fill != 0):
        return "conv2d_mma multiplies every tap, and has zeros outside"
    return too_long("conv2d_mma", as_planes(problem))


def mma_tiles(problem: Problem, device: DeviceLimits, *, last: bool = False) -> list[Cut]:
    """What conv2d_mma can be launched with.

    First the first size that gives every multiprocessor a block, else the one with the most blocks; of a size (and,
    where channels come last, of all sizes that give as many blocks), first what is modelled fastest.
    """
    two_blocks = device.multiprocessor_shared_bytes // 2 - 1024
    room = max(device.shared_bytes, min(device.most_shared_bytes, two_blocks))
    enough: list[Tile] = []
    few: list[Tile] = []
    for channels, positions in SIZES:
        if positions * problem.image_dtype.itemsize > 512:  # whose inputs do not leave registers for as many sums
            continue
        tiles = _tiles(as_planes(problem), channels, positions, SHARES if last else (0,))
        fitting = [tile for tile in tiles if tile.shared_bytes <= room and tile.countable]
        fitting.sort(key=lambda tile: tile.cost)
        if fitting and fitting[0].blocks >= device.multiprocessors:
            enough += fitting
        else:
            few = fitting + few
    if last:
        enough.sort(key=lambda tile: tile.cost)
    return [tile.cut for tile in enough + few]


def best_tiles(problem: Problem, device: DeviceLimits, *, last: bool = False) -> list[Cut]:
    """Of what conv2d_mma can be launched with, the first of each size and window."""
    best: dict[object, Cut] = {}
    for cut in mma_tiles(problem, device, last=last):
        channels, positions, _, window, shares = cut
        best.setdefault((channels, positions, window, shares), cut)
    return list(best.values())


def _tiles(problem: Problem, channels: int, positions: int, shares: tuple[int, ...]) -> Iterator[Tile]:
    """Every way to lay the positions of a block over an output, with the largest windows that the strides allow."""
    (filter_h, filter_w), (stride_h, stride_w) = problem.filter, problem.stride
    windows = {(1, 1)}
    if stride_w == 1:
        windows |= {(1, filter_w), (filter_h if stride_h == 1 else 1, filter_w)}
    high, wide = (power_of_two(n) for n in problem.out_extent)
    tile_w = 8  # rows of a matrix's positions lie in a row of the tile
    while tile_w <= min(max(8, wide), positions):
        tile_h = min(high, positions // tile_w)
        while tile_h:
            for window, share in itertools.product(windows, shares):
                yield Tile(problem, channels, positions, (tile_h, tile_w), window, share)
            tile_h //= 2
        tile_w *= 2


def _launch(tile: Tile, specialization: Specialization, order: Ints) -> LaunchPlan | str:
    problem = tile.problem
    weights = Argument("weights", "weights", dict(specialization.types)["weights_t"], order=order)
    layout: Layout = "channels_last" if tile.last else "channels_first"
    image, out = (replace(array(kind, kind, specialization), layout=layout) for kind in ("image", "out"))
    shifts = [n.bit_length() - 1 for n in tile.tile]
    out_plane = math.prod(problem.out_extent)
    steps = ints(image_planes=problem.channels_in)
    steps += longs(out_n=problem.channels_out * out_plane, out_c=out_plane)
    return launch(
        specialization,
        tile.blocks,
        (THREADS, 1, 1),
        tile.shared_bytes,
        *(image, weights, array("bias", "bias", specialization), out),
        *ints(**channel_counts(problem), **geometry(problem), images=problem.images),
        *ints(shift_h=shifts[0], shift_w=shifts[1], window_h=tile.window[0], window_w=tile.window[1]),
        *(() if tile.last else steps),
    )
