"""Launches of the fast kernels for layers whose channels have filters of their own, and for banks of filters."""

import math
from dataclasses import replace
from functools import partial

from gpuconv.dtypes import accumulator
from gpuconv.launches import LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import array, ints, specialize
from gpuconv.launches.cuda_direct import Tile, large_tile, no_tiles, small_constants, tiled_launch
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Problem

SMALL = 11  # taps of a small filter along an axis, at most
WEIGHTS, FEW_WEIGHTS = 121, 81  # registers that a thread of depthwise_small has for weights, with fewer warps and more
REGISTERS, FEW_REGISTERS = 248, 168  # of a thread with as many; that leaves 8 and 12 warps a multiprocessor
FILTERS = 8  # of a block, where a channel has several


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
    tile = pick("depthwise_small", planes, sums, facts.device, small_tiles(words, sums, together), cost)
    registers = (FEW_REGISTERS if words <= FEW_WEIGHTS else REGISTERS) * tile.block_h * tile.block_w
    constants = {"FILTERS": together, "BLOCKS": 65536 // registers} | small_constants(problem.filter, tile)
    specialization = specialize("depthwise_small", problem, facts, **constants)
    parts = ceil_div(filters, together)
    blocks = replace(planes, batch=(problem.images * problem.groups * parts,))
    taps = array("weights", "weights", specialization), array("bias", "bias", specialization)
    sizes = ints(channels=problem.groups, filters=filters, parts=parts)
    return tiled_launch(blocks, specialization, tile, *taps, sizes=sizes)


def depthwise_large(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Filters of any size, one or several for each channel."""
    sums = accumulator(problem, facts)
    planes = _planes("depthwise_large", problem, sums)
    if isinstance(planes, str):
        return planes
    chosen = large_tile("depthwise_large", planes, sums, facts.device)
    if isinstance(chosen, str):
        return chosen
    tile, constants, sizes = chosen
    specialization = specialize("depthwise_large", problem, facts, **constants, CAPACITY=0)
    taps = array("weights", "weights", specialization), array("bias", "bias", specialization)
    channels = ints(channels=problem.groups, filters=problem.channels_out // problem.groups)
    return tiled_launch(planes, specialization, tile, *taps, sizes=channels + sizes)


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
