"""Launches of the kernels for layers, which also take the filters that no other kernel takes."""

import itertools
from dataclasses import dataclass

from gpuconv.dtypes import accumulator
from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import (
    array,
    as_planes,
    fill,
    ints,
    launch,
    longs,
    power_of_two,
    shared_refusal,
    specialize,
    too_long,
)
from gpuconv.planning.facts import Facts
from gpuconv.problem import Ints, Problem

BLOCK = 256
STEP_CHANNELS = 8  # input channels a step, at most


@dataclass(frozen=True)
class Tile:
    """How conv2d_layer cuts a problem: see its file for the names."""

    problem: Problem
    positions: int
    channels: int

    @property
    def block(self) -> Ints:
        """Threads (high, wide): rows of a warp, fewer where the output is narrow, longer ones where it is low."""
        out_h, out_w = self.problem.out_extent
        high = min(8, power_of_two(out_h))
        wide = max(8, min(BLOCK // high, power_of_two(out_w)))
        return BLOCK // wide, wide

    @property
    def spread(self) -> Ints:
        """Distance (down, across) between the positions of a thread."""
        high, wide = self.block
        return (high, 0) if self.problem.out_extent[0] > high else (0, wide)

    @property
    def size(self) -> Ints:
        """Outputs (high, wide) of a block."""
        (high, wide), (down, across) = self.block, self.spread
        return high + (self.positions - 1) * down, wide + (self.positions - 1) * across

    def values(self, step_k: int, step_r: int) -> int:
        """Elements of shared memory for a step."""
        problem, (high, wide) = self.problem, self.size
        in_h = (high - 1) * problem.stride[0] + (step_r - 1) * problem.dilation[0] + 1
        in_w = (wide - 1) * problem.stride[1] + (problem.filter[1] - 1) * problem.dilation[1] + 1
        return step_k * (step_r * problem.filter[1] * self.channels + in_h * in_w)

    def steps(self, room: int) -> tuple[int, int] | None:
        """(input channels, filter rows) of a step: as many as fit half the room, or one channel's in all of it."""
        rows = self.problem.filter[0]
        most = min(STEP_CHANNELS, max(1, self.problem.channels_in // self.problem.groups))
        for step_k in range(most, 0, -1):
            if self.values(step_k, rows) <= room // 2:
                return step_k, rows
        one, two = self.values(1, 1), self.values(1, 2)
        step_r = min(rows, 1 + (room - one) // (two - one))
        return (1, step_r) if step_r > 0 else None


def conv2d_layer(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A layer, or a filter of any size, stride and dilation whose tile fits."""
    if problem.op != "forward":
        return f"conv2d_layer computes layers, not the {problem.op}"
    problem = as_planes(problem)
    refusal = too_long("conv2d_layer", problem)
    if refusal:
        return refusal
    sums = accumulator(problem, facts)
    device = facts.device
    wide = 32 // sums.itemsize
    channels = wide if problem.channels_out // problem.groups > wide // 2 else 1
    for room, positions in itertools.product((device.shared_bytes, device.most_shared_bytes), (4, 1)):
        tile = Tile(problem, positions, channels)
        steps = tile.steps(room // sums.itemsize)
        if steps and (positions == 1 or problem.out_extent[0] * problem.out_extent[1] > BLOCK):
            specialization = specialize(
                "conv2d_layer", problem, facts, BLOCK=BLOCK, POSITIONS=positions, CHANNELS=channels
            )
            return _layer(tile, specialization, facts, steps)
    return shared_refusal("conv2d_layer", tile.values(1, 1) * sums.itemsize, facts.device)


def _layer(tile: Tile, specialization: Specialization, facts: Facts, steps: tuple[int, int]) -> LaunchPlan | str:
    problem, sums = tile.problem, accumulator(tile.problem, facts)
    (high, wide), (block_h, block_w) = tile.size, tile.block
    tiles_h, tiles_w = ceil_div(problem.out_extent[0], high), ceil_div(problem.out_extent[1], wide)
    parts = ceil_div(problem.channels_out // problem.groups, tile.channels)
    return launch(
        specialization,
        tiles_h * tiles_w * parts * problem.groups * problem.images,
        (block_w, block_h, 1),
        tile.values(*steps) * sums.itemsize,
        *_arrays(specialization),
        *ints(**channel_counts(problem), **geometry(problem), tiles_h=tiles_h, tiles_w=tiles_w),
        *ints(spread_h=tile.spread[0], spread_w=tile.spread[1], step_k=steps[0], step_r=steps[1]),
        fill(problem, specialization),
    )


def conv2d_direct(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Everything of one or two axes."""
    if problem.op != "forward":
        return f"conv2d_direct computes layers, not the {problem.op}"
    problem = as_planes(problem)
    specialization = specialize("conv2d_direct", problem, facts, BLOCK=BLOCK)
    outputs = problem.images * problem.channels_out * problem.out_extent[0] * problem.out_extent[1]
    return launch(
        specialization,
        ceil_div(outputs, BLOCK),
        (BLOCK, 1, 1),
        0,
        *_arrays(specialization),
        *longs(outputs=outputs, **channel_counts(problem), **geometry(problem)),
        fill(problem, specialization),
    )


def _arrays(specialization: Specialization) -> tuple[Argument, ...]:
    names = ("image", "weights", "bias", "out")
    return tuple(array(name, name, specialization) for name in names)  # type: ignore[arg-type]


def channel_counts(problem: Problem) -> dict[str, int]:
    """Groups, and the channels of one."""
    groups = problem.groups
    return {
        "groups": groups,
        "channels_in": problem.channels_in // groups,
        "channels_out": problem.channels_out // groups,
    }


def geometry(problem: Problem) -> dict[str, int]:
    """Extents and the rest by axis, in the order of the kernels' signatures."""
    names = {"": "extent", "out": "out_extent", "filter": "filter", "pad": "pad_before"}
    names |= {"stride": "stride", "dilation": "dilation"}
    axes = {"": ("height", "width")}
    return {
        name: value
        for prefix, attribute in names.items()
        for name, value in zip(
            axes.get(prefix, (f"{prefix}_h", f"{prefix}_w")), getattr(problem, attribute), strict=True
        )
    }
