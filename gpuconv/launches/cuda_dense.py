"""Launches of the fast kernel for layers whose groups have many channels: which tile, which specialisation."""

from dataclasses import replace

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import (
    array,
    as_planes,
    fill,
    ints,
    launch,
    longs,
    shared_refusal,
    specialize,
    too_long,
)
from gpuconv.launches.dense_tile import CHANNELS, Tile
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import DType, Ints, Problem

FILTERS, STRIDES = 7, 2  # that are compiled, at most
STEPS = (16, 8, 4, 2, 1)  # input channels at a time, the first for single taps
RESERVED = 1024  # bytes of shared memory that a block takes beside its own
REACH = 2**31 - 1  # bytes from the first sample of a tile's images to the last

FLAT_TILES = tuple(
    Tile(strips, 1, 1, rows, threads) for strips in (8, 16, 32) for rows in (4, 2) for threads in (256, 128, 64)
)
SHAPES = ((4, 8, 1), (8, 4, 1), (4, 4, 2), (4, 2, 4), (4, 2, 1))  # strips down, across, bands
SEVENS = ((4, 8, 1), (2, 4, 4), (1, 2, 16), (1, 2, 8), (1, 1, 32), (1, 1, 8))  # the same: rows of 56, 28, 14, 7 outputs
TILES = tuple(Tile(*shape, rows, threads) for shape in SHAPES for rows in (4, 2) for threads in (256, 128, 64))
TILES += tuple(Tile(*shape, rows, threads, 7) for shape in SEVENS for rows in (2, 1) for threads in (256, 128, 64))


def conv2d_dense(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A layer with at least eight output channels a group and a small filter."""
    sums, layer, problem = accumulator(problem, facts), problem, as_planes(problem)
    refusal = _not_here(problem, sums)
    if refusal:
        return refusal
    problem = in_vectors(problem, facts, sums) or problem
    last = facts.image_layout == "channels_last"
    fitting = dense_tiles(problem, facts)
    if not fitting:
        smallest = TILES[-1].shared_bytes(problem, sums, 1, last)
        return shared_refusal("conv2d_dense", smallest, facts.device)
    tile, step = pick("conv2d_dense", layer, sums, facts.device, fitting)
    return _launch(problem, _specialization(problem, facts, tile, step, last), facts, tile)


def _not_here(problem: Problem, sums: DType) -> str | None:
    """Why a problem is no dense layer with a filter that is compiled, or None."""
    inputs, outputs = problem.channels_in // problem.groups, problem.channels_out // problem.groups
    if problem.op != "forward" or inputs < 1 or outputs < CHANNELS:
        return f"conv2d_dense computes layers of at least {CHANNELS} output channels a group; got {outputs}"
    if max(problem.filter) > FILTERS or max(problem.stride) > STRIDES or _dilated(problem):
        return (
            f"conv2d_dense is compiled for filters of at most {FILTERS} x {FILTERS} taps, strides of at most {STRIDES} "
            f"and dilation 1; got {problem.filter}, {problem.stride} and {problem.dilation}"
        )
    if sums.kind == "c" or (is_integer(sums) and sums.itemsize > 4):
        return f"conv2d_dense adds up in 32 bits or in real floating point; these sums need {sums}"
    return too_long("conv2d_dense", problem) or _too_far(problem)


def in_vectors(problem: Problem, facts: Facts, sums: DType) -> Problem | None:
    """A layer of single taps over images whose rows are vectors, which to it is the same; None where it is not."""
    vector, plane = 16 // sums.itemsize, problem.extent[0] * problem.extent[1]
    moved = max(problem.filter + problem.stride) > 1 or any(problem.pad_before + problem.pad_after)
    last = "channels_last" in (facts.image_layout, facts.out_layout)
    if moved or last or plane % vector or plane == 0:
        return None
    return replace(problem, extent=(plane // vector, vector))


def _dilated(problem: Problem) -> bool:
    return any(d > 1 < n for d, n in zip(problem.dilation, problem.filter, strict=True))


def _too_far(problem: Problem) -> str | None:
    """Why a place in an image does not fit the int that the kernel keeps it in, or None."""
    reach = problem.channels_in * problem.extent[0] * problem.extent[1] * problem.image_dtype.itemsize
    if reach <= REACH:
        return None
    return f"conv2d_dense counts at most {REACH} bytes of an image; got {reach}"


def dense_tiles(problem: Problem, facts: Facts) -> list[tuple[Tile, int]]:
    """What conv2d_dense can be launched with: tiles and their steps, in the order of their modelled time."""
    sums, device = accumulator(problem, facts), facts.device
    flat = in_vectors(as_planes(problem), facts, sums)
    problem = flat or as_planes(problem)
    last = facts.image_layout == "channels_last"
    reach = problem.channels_in * problem.extent[0] * problem.extent[1] * problem.image_dtype.itemsize
    inputs = problem.channels_in // problem.groups
    fitting = [
        (tile, step)
        for tile in (FLAT_TILES if flat else TILES)
        for step in [_step(tile, problem, sums, device, last, inputs)]
        if step and tile.images(problem, sums) * reach <= REACH and (not tile.run or sums.itemsize == 4)
    ]

    def order(fit: tuple[Tile, int]) -> tuple[float, int]:
        tile, step = fit
        return tile.cost(problem, sums, step, device), tile.blocks(problem, sums) * tile.threads

    return sorted(fitting, key=order)


def _step(tile: Tile, problem: Problem, sums: DType, device: DeviceLimits, last: bool, inputs: int) -> int:
    """Input channels of a step: the most that fit, no more than there are; 0 if one is too many."""
    steps = STEPS if problem.filter == (1, 1) else STEPS[1:]
    a_block = device.multiprocessor_shared_bytes // _blocks(tile, problem, last) - RESERVED
    room = max(device.shared_bytes, min(device.most_shared_bytes, a_block))
    fitting = (step for step in steps if tile.shared_bytes(problem, sums, step, last) <= room)
    most = next(fitting, 0)
    while most > 1 and most >= 2 * inputs:
        most //= 2
    return most


def _specialization(problem: Problem, facts: Facts, tile: Tile, step: int, last: bool) -> Specialization:
    sizes = {"FILTER_H": problem.filter[0], "FILTER_W": problem.filter[1]}
    sizes |= {"STRIDE_H": problem.stride[0], "STRIDE_W": problem.stride[1], "THREADS": tile.threads}
    sizes |= {"STRIPS_H": tile.strips_h, "STRIPS_W": tile.strips_w, "BANDS": tile.bands, "ROWS": tile.rows}
    sizes["RUN"] = tile.across(accumulator(problem, facts))
    sizes["BLOCKS"] = _blocks(tile, problem, last)
    sizes |= {"STEP": step, "CHANNELS_LAST": int(last), "WHOLE": int(tile.whole)}
    return specialize("conv2d_dense", problem, facts, **sizes)


def _blocks(tile: Tile, problem: Problem, last: bool) -> int:
    """Blocks that a multiprocessor has registers for; a thread that has few sums and copies little does with less."""
    if tile.rows * (tile.run or 4) > 8 or max(problem.stride) > 1 or last:
        return 256 // tile.threads
    return (512 if tile.threads == 256 and tile.bands == 1 and problem.filter[0] > 1 else 384) // tile.threads


def _launch(problem: Problem, compiled: Specialization, facts: Facts, tile: Tile) -> LaunchPlan | str:
    sums, groups = accumulator(problem, facts), problem.groups
    (height, width), (out_h, out_w), (pad_h, pad_w) = problem.extent, problem.out_extent, problem.pad_before
    tiles_h, tiles_w = (ceil_div(n, size) for n, size in zip((out_h, out_w), tile.size(sums), strict=True))
    image_n, image_k, image_y, image_x = _strides(problem.channels_in, height, width, facts.image_layout)
    out_n, out_c, out_y, out_x = _strides(problem.channels_out, out_h, out_w, facts.out_layout)
    channels = {"channels_in": problem.channels_in // groups, "channels_out": problem.channels_out // groups}
    return launch(
        compiled,
        tile.blocks(problem, sums),
        (tile.threads, 1, 1),
        tile.shared_bytes(problem, sums, compiled.constant("STEP"), facts.image_layout == "channels_last"),
        replace(array("image", "image", compiled), layout=facts.image_layout),
        array("weights", "weights", compiled),
        array("bias", "bias", compiled),
        replace(array("out", "out", compiled), layout=facts.out_layout),
        *ints(groups=groups, **channels, images=problem.images, height=height, width=width, out_h=out_h, out_w=out_w),
        *ints(pad_h=pad_h, pad_w=pad_w, tiles_h=tiles_h, tiles_w=tiles_w),
        *longs(image_n=image_n, image_k=image_k),
        *ints(image_y=image_y, image_x=image_x),
        *longs(out_n=out_n, out_c=out_c, out_y=out_y, out_x=out_x),
        fill(problem, compiled),
    )


def _strides(channels: int, height: int, width: int, layout: str) -> Ints:
    """Elements from an image, a channel, a row and a sample to the next."""
    if layout == "channels_last":
        return channels * height * width, 1, channels * width, channels
    return channels * height * width, height * width, width, 1
