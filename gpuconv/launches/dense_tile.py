"""The tiles of conv2d_dense: what a block computes, the shared memory that it takes, and about how long it takes."""

from dataclasses import dataclass

from gpuconv.launches import ceil_div
from gpuconv.planning.facts import DeviceLimits
from gpuconv.problem import DType, Ints, Problem

CHANNELS = 8  # output channels of a thread
FIXED, STEP, LOOK = 600, 80, 40  # other instructions of a thread: once, for each step, for each place looked up


@dataclass(frozen=True)
class Tile:
    """What a block computes: strips of rows of `run` outputs (or of 16 bytes); dense_tile.cuh has the names."""

    strips_h: int
    strips_w: int
    bands: int
    rows: int
    threads: int
    run: int = 0

    @property
    def whole(self) -> bool:
        """Whether rows are vectors."""
        return self.strips_w == 1 and not self.run

    @property
    def channels(self) -> int:
        """Output channels of a block."""
        return self.threads // (self.strips_h * self.strips_w * self.bands) * CHANNELS

    def across(self, sums: DType) -> int:
        """Outputs of a strip in a row."""
        return self.run or 16 // sums.itemsize

    def size(self, sums: DType) -> Ints:
        """Outputs (high, wide) of a band."""
        return self.strips_h * self.rows, self.strips_w * self.across(sums)

    def images(self, problem: Problem, sums: DType) -> int:
        """Images that a block has bands of, at most."""
        in_image = ceil_div(problem.out_extent[0], self.size(sums)[0])
        return min(problem.images, 1 + ceil_div(self.bands - 1, in_image)) if in_image else 1

    def window(self, problem: Problem, sums: DType) -> int:
        """Vectors of 16 bytes that the taps of a row of a strip meet."""
        return ceil_div(self.across(sums) + (problem.filter[1] - 1) // problem.stride[1], 16 // sums.itemsize)

    def neighbours(self, problem: Problem) -> bool:
        """Whether the rows of a strip are."""
        usable = self.strips_w >= self.rows or self.strips_h == 1
        return problem.filter[0] <= 3 and problem.stride[0] == 1 and usable

    def plane(self, problem: Problem, sums: DType) -> int:
        """Vectors of 16 bytes that one input channel takes."""
        window, step = self.window(problem, sums), min(problem.stride[0], problem.filter[0])
        pitch = (self.strips_w - 1) * (window | 1 if self.run else 1) + window
        pitch *= min(problem.stride[1], problem.filter[1])
        if self.strips_h > 1 and self.strips_w < 8:
            below = step * (self.rows if self.neighbours(problem) else 1)
            pitch = _with_rest(pitch, below, self.strips_w)
        band = ((self.size(sums)[0] - 1) * step + problem.filter[0]) * pitch
        if self.bands > 1 and self.strips_w * self.strips_h < 8:
            band = _with_rest(band, 1, self.strips_w * self.strips_h)
        return self.bands * band

    def shared_bytes(self, problem: Problem, sums: DType, step: int, last: bool) -> int:
        """Shared memory of a block."""
        plane, taps, vector = self.plane(problem, sums), problem.filter[0] * problem.filter[1], 16 // sums.itemsize
        lanes = min(step, 8) if last else 1
        while lanes > 1 and plane % 8 != 8 // lanes:
            plane += 1
        if self.whole:
            lanes = min(step, ceil_div(self.threads, plane))
        samples = self.threads // lanes
        places = ceil_div(plane if self.whole else plane * vector, samples) * samples
        return 2 * 16 * step * (plane + taps * (self.channels // vector + 1)) + 4 * places

    def blocks(self, problem: Problem, sums: DType) -> int:
        """Blocks for a problem."""
        (high, wide), (out_h, out_w) = self.size(sums), problem.out_extent
        parts = ceil_div(problem.channels_out // problem.groups, self.channels) * problem.groups
        return ceil_div(out_w, wide) * ceil_div(problem.images * ceil_div(out_h, high), self.bands) * parts

    def cost(self, problem: Problem, sums: DType, step: int, device: DeviceLimits) -> float:
        """Instructions that a scheduler issues one after another for a problem, about; a warp's half for the start."""
        most, all_ = ceil_div(self.blocks(problem, sums), device.multiprocessors), self.blocks(problem, sums)
        warps = ceil_div(most * self.threads, 128) + 0.5 * all_ * self.threads / 128 / device.multiprocessors
        (filter_h, filter_w), vector, inputs = problem.filter, 16 // sums.itemsize, problem.channels_in
        rows = self.rows + filter_h - 1 if self.neighbours(problem) else self.rows * filter_h
        loads = rows * self.window(problem, sums) * min(problem.stride[1], filter_w)
        channel = filter_h * filter_w * CHANNELS * (self.rows * self.across(sums) + 1 / vector) + loads + 5
        values = ceil_div(self.plane(problem, sums) * (1 if self.whole else vector), self.threads)
        weights = ceil_div(step * filter_h * filter_w, 8) * ceil_div(8 * self.channels, self.threads)
        steps = ceil_div(inputs // problem.groups, step)
        copies = (3 * step + 4) * values + weights + STEP
        return warps * (steps * (step * channel + copies) + LOOK * values + FIXED)


def _with_rest(n: int, factor: int, rest: int) -> int:
    """The first number from n on that times `factor` leaves this rest when divided by twice as much."""
    while n * factor % (2 * rest) != rest:
        n += 1
    return n
