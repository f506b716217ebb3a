"""Launches of the fast kernels for layers whose channels have filters of their own, and for banks of filters."""

import math
from dataclasses import replace
from functools import partial

from gpuconv.dtypes import accumulator
from gpuconv.launches import LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import array, ints, specialize
from gpuconv.launches.cuda_direct import large_tile, small_constants
from gpuconv.launches.cuda_tiles import Tile, no_tiles, tiled_launch
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import DType, Problem, same_pad

SMALL = 11  # taps of a small filter along an axis, at most
WEIGHTS, FEW_WEIGHTS = 121, 81  # registers that a thread of depthwise_small has for weights, with fewer warps and more
REGISTERS, FEW_REGISTERS = 248, 168  # of a thread with as many; that leaves 8 and 12 warps a multiprocessor
FILTERS = 8  # of a block, where a channel has several
STRIDE = 2  # of depthwise_strided
FEW_STRIDED_WEIGHTS, FEW_STRIDED = 26, 80  # words of weights, and registers of a thread with as many
COPY, FIXED = 4, 120  # instructions of depthwise_strided for a sample that is copied, and once


def depthwise_small(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Small filters, one or several for each channel; also one whose weights are on the device."""
    sums = accumulator(problem, facts)
    planes = _planes("depthwise_small", problem, sums)
    if isinstance(planes, str):
        return planes
    words = math.prod(problem.filter) * sums.itemsize // 4
    if max(problem.filter) > SMALL or words > WEIGHTS:
        return f"depthwise_small keeps filters of at most {WEIGHTS} words in registers; got {problem.filter} of {sums}"
    if problem.is_filter and facts.weights_place == "host":
        return "depthwise_small reads its weights on the device; one filter from the host travels with a launch"
    filters = problem.channels_out // problem.groups
    together = FILTERS if filters > 1 else 1
    cost = partial(Tile.cost, problem=planes, device=facts.device)
    tile = pick("depthwise_small", problem, sums, facts.device, small_tiles(words, sums, together), cost)
    registers = (FEW_REGISTERS if words <= FEW_WEIGHTS else REGISTERS) * tile.block_h * tile.block_w
    constants = {"FILTERS": together, "BLOCKS": 65536 // registers} | small_constants(problem.filter, tile)
    specialization = specialize("depthwise_small", problem, facts, **constants)
    parts = ceil_div(filters, together)
    blocks = replace(planes, batch=(problem.images * problem.groups * parts,))
    taps = array("weights", "weights", specialization), array("bias", "bias", specialization)
    sizes = ints(channels=problem.groups, filters=filters, parts=parts)
    return tiled_launch(blocks, specialization, tile, *taps, sizes=sizes)


def depthwise_strided(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Small filters, one or several for each channel, that keep every second output."""
    sums, vector = accumulator(problem, facts), 16 // accumulator(problem, facts).itemsize
    planes = _planes("depthwise_strided", replace(problem, stride=(1,) * problem.rank), sums)
    if isinstance(planes, str):
        return planes
    words = math.prod(problem.filter) * sums.itemsize // 4
    if max(problem.stride) != STRIDE or words > WEIGHTS:
        return (
            f"depthwise_strided takes strides up to {STRIDE} and filters of at most {WEIGHTS} words; "
            f"got {problem.stride}, and {problem.filter} of {sums}"
        )
    if vector % problem.stride[1]:
        return f"depthwise_strided reads {STRIDE} samples or more at a time; got {sums}"
    planes = replace(planes, stride=problem.stride)
    tiles = strided_tiles(problem, sums)
    tile = pick("depthwise_strided", problem, sums, facts.device, tiles, partial(strided_cost, planes, facts.device))
    specialization = specialize("depthwise_strided", problem, facts, **strided_constants(problem, tile, sums))
    taps = array("weights", "weights", specialization), array("bias", "bias", specialization)
    channels = ints(channels=problem.groups, filters=problem.channels_out // problem.groups)
    return tiled_launch(planes, specialization, tile, *taps, sizes=channels)


def strided_tiles(problem: Problem, sums: DType) -> list[Tile]:
    """What depthwise_strided can be launched with."""
    across = 16 // sums.itemsize // problem.stride[1]
    narrow = (8, 4, STRIDE // problem.stride[0])  # short rows of threads meet no bank conflicts so
    return [Tile(*sizes, across) for sizes in ((8, 16, 4), (4, 16, 4), (8, 8, 2), narrow)]


def strided_constants(problem: Problem, tile: Tile, sums: DType, few: int = FEW_STRIDED) -> dict[str, int]:
    """The sizes that a kernel with strides is compiled for."""
    words, vector = math.prod(problem.filter) * sums.itemsize // 4, 16 // sums.itemsize
    (filter_h, filter_w), (stride_h, stride_w) = problem.filter, problem.stride
    sizes = {"FILTER_H": filter_h, "FILTER_W": filter_w, "STRIDE_H": stride_h, "STRIDE_W": stride_w}
    sizes |= {"BLOCK_H": tile.block_h, "BLOCK_W": tile.block_w, "ROWS": tile.down}
    registers = few if words <= FEW_STRIDED_WEIGHTS else REGISTERS
    warps = 65536 // (32 * registers) // 4 * 4  # as many on each of a multiprocessor's four schedulers
    sizes["BLOCKS"] = min(32, 32 * warps // (tile.block_h * tile.block_w))
    return sizes | {"OFFSET": -same_pad(filter_w, 1) % vector}


def strided_cost(planes: Problem, device: DeviceLimits, tile: Tile) -> float:
    """Instructions that a multiprocessor issues one after another, about; half a block more for the start."""
    down, across = tile.count(*planes.out_extent)
    (filter_h, filter_w), (stride_h, stride_w) = planes.filter, planes.stride
    rows, columns = (n * s + k for n, s, k in zip(tile.outputs, planes.stride, planes.filter, strict=True))
    copies = COPY * rows * columns / (tile.block_h * tile.block_w)
    windows = (tile.down - 1) * stride_h + filter_h
    loads = windows * ceil_div(tile.across * stride_w + filter_w, 4)
    thread = tile.down * tile.across * filter_h * filter_w + loads + copies + FIXED
    halves = 2 * ceil_div(down * across * planes.images, device.multiprocessors) + 1
    return halves * tile.block_h * tile.block_w * thread


def depthwise_large(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Filters of any size, one or several for each channel."""
    sums = accumulator(problem, facts)
    planes = _planes("depthwise_large", problem, sums)
    if isinstance(planes, str):
        return planes
    chosen = large_tile("depthwise_large", problem, sums, facts.device, planes)
    if isinstance(chosen, str):
        return chosen
    tile, constants, sizes = chosen
    specialization = specialize("depthwise_large", problem, facts, **constants, CAPACITY=0)
    taps = array("weights", "weights", specialization), array("bias", "bias", specialization)
    channels = ints(channels=problem.groups, filters=problem.channels_out // problem.groups)
    return tiled_launch(planes, specialization, tile, *taps, sizes=channels + sizes)


def small_choices(problem: Problem, sums: DType) -> list[Tile]:
    """What depthwise_small can be launched with for a problem."""
    words = math.prod(problem.filter) * sums.itemsize // 4
    return small_tiles(words, sums, FILTERS if problem.channels_out > problem.groups else 1)


def small_tiles(words: int, sums: DType, filters: int) -> list[Tile]:
    """What depthwise_small can be launched with; the small ones are for the small images of deep layers."""
    rows = 12 if filters == 1 else 8  # the loop over filters takes registers, too
    tall = (6 if words <= FEW_WEIGHTS else 4, 32, rows)
    return [Tile(*sizes, 16 // sums.itemsize) for sizes in (tall, (8, 16, 8), (8, 8, 4), (8, 4, 2))]


def _planes(kernel: str, problem: Problem, sums: DType) -> Problem | str:
    """Every output channel of every image as an image of its own, where each is of one input channel."""
    if problem.op != "forward" or problem.channels_in != problem.groups:
        return f"{kernel} takes filters over single channels; got {problem.channels_in} in {problem.groups} groups"
    images = problem.images * problem.channels_out
    planes = replace(problem, batch=(images,), channels_in=1, channels_out=1, groups=1, bias=False)
    return no_tiles(kernel, planes, sums) or planes
