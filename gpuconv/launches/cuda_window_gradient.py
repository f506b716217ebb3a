"""Launch of the kernel for the gradient of small filters between many channels."""

import math

from gpuconv.dtypes import accumulator
from gpuconv.launches import Argument, LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import array, as_planes, fill, ints, launch, shared_refusal, specialize
from gpuconv.launches.cuda_gradient import LEAST_CHUNKS, SIDE, WAVES, all_weights, no_gradient, summed
from gpuconv.launches.cuda_layers import channel_counts, geometry
from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Ints, Problem

INPUTS, OUTPUTS = 32, 64  # channels of a block
TAPS, STRIDE = 9, 2  # taps that a thread has sums of, strides that are compiled, at most
LEAST_USED = 0.7  # share of a block's channels that there must be
VECTOR = 4  # positions of a vector
MOST_VECTORS, MOST_POSITIONS = 8, 128  # of a rectangle: across, and in all
SHARED_BYTES = 96 * 1024  # of a block, at most: one runs on a multiprocessor at a time


def conv2d_window_gradient(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The gradient of a layer with small filters: partial sums over parts of the batch, and their sum."""
    problem, sums = as_planes(problem), accumulator(problem, facts)
    refusal = _not_here(problem, sums)
    if refusal:
        return refusal
    rectangle = _rectangle(problem, max(facts.device.shared_bytes, min(facts.device.most_shared_bytes, SHARED_BYTES)))
    shared_bytes = _shared_bytes(problem, rectangle)
    if shared_bytes > facts.device.most_shared_bytes:
        return shared_refusal("conv2d_window_gradient", shared_bytes, facts.device)
    compiled = specialize("conv2d_window_gradient", problem, facts, **_sizes(problem, rectangle))
    tiles_h, tiles_w = (ceil_div(n, size) for n, size in zip(problem.out_extent, rectangle, strict=True))
    blocks, tiles = _blocks(problem), problem.images * tiles_h * tiles_w
    chunks = max(LEAST_CHUNKS, ceil_div(tiles, ceil_div(WAVES * facts.device.multiprocessors, blocks)))
    parts = max(1, ceil_div(tiles, chunks))
    workspace = Argument("partial", "workspace", dict(compiled.types)["acc_t"], parts * all_weights(problem))
    names = ("height", "width", "out_h", "out_w", "pad_h", "pad_w")
    products = launch(
        compiled,
        blocks * parts,
        (INPUTS * OUTPUTS // SIDE, 1, 1),
        shared_bytes,
        *(array("image", "image", compiled), array("grad", "weights", compiled), workspace),
        *ints(**channel_counts(problem), images=problem.images),
        *ints(**{name: geometry(problem)[name] for name in names}),
        *ints(tiles_h=tiles_h, tiles_w=tiles_w, chunks=chunks),
        fill(problem, compiled),
    )
    return summed(products, problem, facts, workspace, parts)


def _not_here(problem: Problem, sums: DType) -> str | None:
    """Why a problem is no gradient of small filters between many channels, or None."""
    if problem.op != "weight_gradient" or sums != "float32" or not 1 < math.prod(problem.filter) <= TAPS:
        return f"conv2d_window_gradient computes gradients of filters of 2 to {TAPS} taps, and adds up in float32"
    if max(problem.stride) > STRIDE or max(problem.dilation) > 1:
        return (
            f"conv2d_window_gradient takes strides up to {STRIDE} and dilation 1; "
            f"got {problem.stride} and {problem.dilation}"
        )
    if _used(problem) < LEAST_USED:
        return (
            f"conv2d_window_gradient computes {INPUTS} by {OUTPUTS} channels of a group at a time; "
            f"got {problem.channels_in // problem.groups} and {problem.channels_out // problem.groups}"
        )
    return no_gradient(problem)


def _used(problem: Problem) -> float:
    """Share of the pairs of channels of all blocks that there are."""
    pairs = problem.channels_in // problem.groups * problem.channels_out
    return pairs / max(1, _blocks(problem) * INPUTS * OUTPUTS)


def _blocks(problem: Problem) -> int:
    """Blocks that each rectangle is for."""
    inputs, outputs = problem.channels_in // problem.groups, problem.channels_out // problem.groups
    return ceil_div(inputs, INPUTS) * ceil_div(outputs, OUTPUTS) * problem.groups


def _rectangle(problem: Problem, room: int) -> Ints:
    """Positions (high, wide) of a chunk: of rows as long as may be, as many as fit, all alike."""
    out_h, out_w = problem.out_extent
    vectors = ceil_div(out_w, VECTOR)
    wide = VECTOR * ceil_div(vectors, max(1, ceil_div(vectors, MOST_VECTORS)))
    high = max(1, min(out_h, MOST_POSITIONS // max(1, wide)))
    while high > 1 and _shared_bytes(problem, (high, wide)) > room:
        high -= 1
    return ceil_div(out_h, max(1, ceil_div(out_h, high))), wide


def _shared_bytes(problem: Problem, rectangle: Ints) -> int:
    """Shared memory of two chunks; window_stage.cuh has the names."""
    high, wide = rectangle[0], rectangle[1] // VECTOR
    (filter_h, filter_w), (stride_h, stride_w) = problem.filter, problem.stride
    in_w = wide * stride_w + ceil_div(max(0, filter_w - stride_w), VECTOR)
    plane = ((high - 1) * stride_h + filter_h) * in_w | 1
    return 2 * 16 * (OUTPUTS * high * wide + INPUTS * plane)


def _sizes(problem: Problem, rectangle: Ints) -> dict[str, int]:
    sizes = {"FILTER_H": problem.filter[0], "FILTER_W": problem.filter[1]}
    sizes |= {"STRIDE_H": problem.stride[0], "STRIDE_W": problem.stride[1], "INPUTS": INPUTS, "OUTPUTS": OUTPUTS}
    return sizes | {"TILE_H": rectangle[0], "TILE_W": rectangle[1] // VECTOR}
