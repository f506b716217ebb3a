"""Launches of the kernels for the gradient of a layer with respect to its weights; see cuda_window_gradient, too."""

from dataclasses import replace
from functools import partial

from gpuconv.dtypes import accumulator
from gpuconv.launches import Argument, LaunchPlan, ceil_div
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
from gpuconv.launches.cuda_depthwise import STRIDE, WEIGHTS, strided_constants, strided_cost, strided_tiles
from gpuconv.launches.cuda_layers import channel_counts, geometry
from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Problem

SIDE = 8  # sums of a thread along each axis of the matrix product
TILE, THREADS, SLICES = 128, 64, 32  # largest tile along an axis, least threads of a block, most slices
POSITION_BYTES = 64  # of the positions of one row, at a time
WAVES, LEAST_CHUNKS = 3, 4  # blocks a multiprocessor, chunks a block
DEPTHWISE_WAVES, LEAST_TILES = 16, 2  # the same of depthwise_gradient, whose blocks are small
BLOCK = 256  # threads of sum_parts
FEW_REGISTERS = 128  # of a thread of depthwise_gradient with few weights
REACH = 2**30 - 1  # bytes of the channels of a group in an image


def conv2d_weight_gradient(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The gradient of a layer with respect to its weights: partial sums over parts of the batch, and their sum."""
    problem = as_planes(problem)
    refusal = no_gradient(problem)
    if refusal:
        return refusal
    sizes = _sizes(problem, accumulator(problem, facts).itemsize)
    shared_bytes, table = _shared_bytes(problem, sizes, accumulator(problem, facts).itemsize)
    if shared_bytes + table > facts.device.shared_bytes:
        return shared_refusal("conv2d_weight_gradient", shared_bytes + table, facts.device)
    compiled = specialize("conv2d_weight_gradient", problem, facts, **sizes)
    tiles = ceil_div(_weights(problem), sizes["WEIGHTS"]) * problem.groups
    tiles *= ceil_div(problem.channels_out // problem.groups, sizes["CHANNELS"])
    chunks = _chunks(problem, sizes["POSITIONS"], ceil_div(WAVES * facts.device.multiprocessors, max(1, tiles)))
    parts = max(1, ceil_div(_all_chunks(problem, sizes["POSITIONS"]), chunks))
    workspace = Argument("partial", "workspace", dict(compiled.types)["acc_t"], _partial(problem, sizes) * parts)
    products = launch(
        compiled,
        tiles * parts,
        (_threads(sizes), 1, 1),
        table,
        array("image", "image", compiled),
        array("grad", "weights", compiled),
        workspace,
        *ints(**_layer(problem), chunks=chunks),
        fill(problem, compiled),
    )
    return summed(products, problem, facts, workspace, parts * sizes["SLICES"])


def depthwise_gradient(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The same of a layer whose channels have small filters of their own."""
    problem, sums = as_planes(problem), accumulator(problem, facts)
    refusal = _not_depthwise(problem, sums)
    if refusal:
        return refusal
    planes = replace(problem, batch=(problem.images * problem.channels_out,))
    tile = min(strided_tiles(problem, sums), key=partial(strided_cost, planes, facts.device))
    constants = strided_constants(problem, tile, sums, FEW_REGISTERS)
    compiled = specialize("depthwise_gradient", problem, facts, **constants)
    tiles_h, tiles_w = tile.count(*problem.out_extent)
    tiles = problem.images * tiles_h * tiles_w
    wanted = ceil_div(DEPTHWISE_WAVES * facts.device.multiprocessors, problem.channels_out)
    count = max(LEAST_TILES, ceil_div(tiles, wanted))
    parts = max(1, ceil_div(tiles, count))
    workspace = Argument("partial", "workspace", dict(compiled.types)["acc_t"], parts * all_weights(problem))
    filters = problem.channels_out // problem.groups
    names = ("height", "width", "out_h", "out_w", "pad_h", "pad_w")
    products = launch(
        compiled,
        problem.channels_out * parts,
        (tile.block_w, tile.block_h, 1),
        0,
        *(array("image", "image", compiled), array("grad", "weights", compiled), workspace),
        *ints(images=problem.images, channels=problem.groups, filters=filters),
        *ints(**{name: geometry(problem)[name] for name in names}),
        *ints(tiles_h=tiles_h, tiles_w=tiles_w, count=count),
        fill(problem, compiled),
    )
    return summed(products, problem, facts, workspace, parts)


def _not_depthwise(problem: Problem, sums: DType) -> str | None:
    """Why a problem is no gradient of small filters of channels of their own, or None."""
    if problem.op != "weight_gradient" or problem.channels_in != problem.groups or sums.kind != "f":
        return "depthwise_gradient computes gradients of filters over single channels, in real floating point"
    words = problem.filter[0] * problem.filter[1] * sums.itemsize // 4
    if words > WEIGHTS or max(problem.stride) > STRIDE or max(problem.dilation) > 1 or problem.extent[0] == 1:
        return (
            f"depthwise_gradient takes images, filters of at most {WEIGHTS} words, strides up to {STRIDE} and "
            f"dilation 1; got {problem.extent}, {problem.filter}, {problem.stride} and {problem.dilation}"
        )
    return too_long("depthwise_gradient", problem)


def all_weights(problem: Problem) -> int:
    """Weights of all output channels."""
    return problem.channels_out * _weights(problem)


def no_gradient(problem: Problem) -> str | None:
    """Why a problem is no gradient that conv2d_weight_gradient computes, or None."""
    if problem.op != "weight_gradient":
        return "conv2d_weight_gradient computes gradients with respect to weights"
    if problem.compute_dtype.kind != "f":
        return f"conv2d_weight_gradient adds up in real floating point; got {problem.compute_dtype}"
    reach = max(_plane(problem), problem.out_extent[0] * problem.out_extent[1])
    if reach > REACH:
        return f"conv2d_weight_gradient takes groups of at most {REACH} bytes of an image; got {reach}"
    return too_long("conv2d_weight_gradient", problem)


def _plane(problem: Problem) -> int:
    """Bytes of the channels of a group in one image."""
    extent = problem.extent[0] * problem.extent[1]
    return problem.channels_in // problem.groups * extent * problem.image_dtype.itemsize


def _weights(problem: Problem) -> int:
    """Weights of an output channel."""
    return problem.channels_in // problem.groups * problem.filter[0] * problem.filter[1]


def _sizes(problem: Problem, itemsize: int) -> dict[str, int]:
    """The tile of a block: as large as the product; where that is small, threads share the positions."""
    rows = min(TILE, max(SIDE, power_of_two(problem.channels_out // problem.groups)))
    columns = min(TILE, max(SIDE, power_of_two(_weights(problem))))
    slices = min(SLICES, max(1, THREADS * SIDE * SIDE // (rows * columns)))
    positions = max(slices, POSITION_BYTES // itemsize)
    return {"CHANNELS": rows, "WEIGHTS": columns, "SLICES": slices, "POSITIONS": positions}


def _threads(sizes: dict[str, int]) -> int:
    return sizes["CHANNELS"] * sizes["WEIGHTS"] // (SIDE * SIDE) * sizes["SLICES"]


def _shared_bytes(problem: Problem, sizes: dict[str, int], itemsize: int) -> tuple[int, int]:
    """Shared memory of a block: static, and that of the tables."""
    row = (sizes["CHANNELS"] + sizes["WEIGHTS"]) * itemsize + 2 * 16
    table = sizes["POSITIONS"] + (8 if sizes["POSITIONS"] > 8 else 0)
    return 2 * sizes["POSITIONS"] * row, 2 * 4 * sum(problem.filter) * table


def _partial(problem: Problem, sizes: dict[str, int]) -> int:
    """Elements of the partial sums of one part."""
    return sizes["SLICES"] * all_weights(problem)


def _all_chunks(problem: Problem, positions: int) -> int:
    return problem.images * ceil_div(problem.out_extent[0] * problem.out_extent[1], positions)


def _chunks(problem: Problem, positions: int, parts: int) -> int:
    """Chunks of a part, where so many parts keep the device busy."""
    return max(LEAST_CHUNKS, ceil_div(_all_chunks(problem, positions), parts))


def _layer(problem: Problem) -> dict[str, int]:
    """The layer in the order of the kernel's signature."""
    return channel_counts(problem) | {"images": problem.images} | geometry(problem)


def summed(
    products: LaunchPlan | str, problem: Problem, facts: Facts, workspace: Argument, parts: int
) -> LaunchPlan | str:
    """Have partial sums added up after the launch that makes them."""
    compiled, size = specialize("sum_parts", problem, facts, BLOCK=BLOCK), all_weights(problem)
    out, blocks = array("out", "out", compiled), ceil_div(size, BLOCK)
    total = launch(compiled, blocks, (BLOCK, 1, 1), 0, workspace, out, *longs(size=size), *ints(parts=parts))
    return products if isinstance(products, str) else total if isinstance(total, str) else replace(products, then=total)
