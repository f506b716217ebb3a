"""Launches of the fast kernels for one filter over single-channel images: which tile, which specialisation."""

from dataclasses import replace

from gpuconv.dtypes import accumulator
from gpuconv.launches import Argument, LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import (
    array,
    fits,
    ints,
    parameter_bytes,
    side_by_side,
    specialize,
    values_in_launch,
)
from gpuconv.launches.cuda_tiles import CHUNK, SQUARE, STATIC_BYTES, Tile, no_tiles, tiled_launch
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import DType, Ints, Problem, same_pad

SMALL_SIZES = (3, 5, 7, 9, 11)  # of the square filters that conv2d_small is compiled for
COMPLEX_BYTES = 392  # of complex weights; beyond, conv2d_small spills registers


def conv2d_small(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A small square filter of a usual size, known on the host; or the magnitude of what two of them give."""
    filters = problem.channels_out if problem.op == "magnitude" else 1
    if filters == 2 and problem.channels_in == 1 and not problem.bias:
        problem = replace(problem, channels_out=1, op="forward")
    sums = accumulator(problem, facts)
    refusal = no_tiles("conv2d_small", problem, sums, wide=filters == 1 and _has_wide_products(problem, facts))
    if refusal:
        return refusal
    if facts.weights_place == "device":
        return "conv2d_small takes its weights from the host, by value; these are on the device"
    filter_h, filter_w = problem.filter
    if filter_h != filter_w or filter_h not in SMALL_SIZES or filters * problem.taps > SMALL_SIZES[-1] ** 2:
        return f"conv2d_small is compiled for square filters of {SMALL_SIZES} taps; got {problem.filter}"
    if sums.kind == "c" and problem.taps * sums.itemsize > COMPLEX_BYTES:
        return f"conv2d_small is compiled for at most {COMPLEX_BYTES} bytes of complex weights; got {problem.filter}"
    if parameter_bytes(filters * problem.taps, sums) > facts.device.parameter_bytes:
        return f"conv2d_small passes weights by value, in {facts.device.parameter_bytes} bytes; got {problem.filter}"
    pixel, _, columns = side_by_side(problem, facts)
    tiles = small_tiles(filter_h, sums, filters, pixel)
    tile = pick("conv2d_small", columns, sums, facts.device, tiles, lambda tile: tile.cost(columns, facts.device))
    constants = {"FILTERS": filters} | small_constants(problem.filter, tile, pixel)
    specialization = specialize("conv2d_small", problem, facts, **constants)
    return tiled_launch(columns, specialization, tile, array("weights", "weights", specialization, by_value=True))


def _has_wide_products(problem: Problem, facts: Facts) -> bool:
    """Whether image and weights are integers of 32 bits, so that one instruction adds a product to a sum of 64."""
    image, taps = problem.image_dtype, facts.weights_range
    if image.itemsize != 4 or taps is None:
        return False
    return all(fits(value, image) for value in (*taps, int(problem.fill.real)))


def small_tiles(filter_: int, sums: DType, filters: int = 1, pixel: int = 1) -> list[Tile]:
    """What conv2d_small can be launched with; the larger ones issue fewer instructions for an output."""
    vector = 16 // sums.itemsize
    tallest = [(6, 32, 12)] if filter_ <= 9 and vector == 4 and filters == 1 else []  # no registers are spilled
    tall = [Tile(*sizes, vector) for sizes in (*tallest, (8, 32, 8), (6, 32, 8))]
    fitting = [tile for tile in tall if _small_bytes(filter_, tile, pixel) <= STATIC_BYTES]
    return [*fitting[:1], Tile(8, 32, 4, vector), Tile(8, 8, 4, vector)]


def _small_bytes(filter_: int, tile: Tile, pixel: int) -> int:
    """Shared memory of conv2d_small."""
    offset = small_constants((filter_, filter_), tile, pixel)["OFFSET"]
    vectors = tile.block_w + ceil_div(offset + (filter_ - 1) * pixel, tile.across)
    return 16 * vectors * (tile.outputs[0] + filter_ - 1)


def small_constants(filter_: Ints, tile: Tile, pixel: int = 1) -> dict[str, int]:
    """The sizes that a small filter is compiled for; with the pad of size="same" its loads are aligned."""
    sizes = {"FILTER_H": filter_[0], "FILTER_W": filter_[1], "PIXEL": pixel}
    sizes |= {"BLOCK_H": tile.block_h, "BLOCK_W": tile.block_w, "ROWS": tile.down}
    return sizes | {"OFFSET": -pixel * same_pad(filter_[1], 1) % tile.across}


def conv2d_large(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A filter of any size; by value where its weights are known on the host and fit the arguments of a launch."""
    sums, device = accumulator(problem, facts), facts.device
    refusal = no_tiles("conv2d_large", problem, sums)
    if refusal:
        return refusal
    capacity = values_in_launch(problem.taps, sums, device) if facts.weights_place == "host" else 0
    chosen = large_tile("conv2d_large", problem, sums, device, problem)
    if isinstance(chosen, str):
        return chosen
    tile, constants, sizes = chosen
    pixel, images, _ = side_by_side(problem, facts)
    specialization = specialize("conv2d_large", problem, facts, **constants | {"PIXEL": pixel}, CAPACITY=capacity)
    weights = array("weights", "weights", specialization, by_value=capacity > 0)
    return tiled_launch(images, specialization, tile, weights, sizes=sizes, planes=pixel)


def large_tile(
    kernel: str, problem: Problem, sums: DType, device: DeviceLimits, planes: Problem
) -> tuple[Tile, dict[str, int], tuple[Argument, ...]] | str:
    """The best tile for a filter of any size over `planes`, what is compiled for it, and the filter's arguments."""
    filter_h, filter_w = problem.filter
    fitting = large_tiles(filter_w, sums, device)
    if not fitting:
        return f"{kernel} needs shared memory for 8 rows of a filter; a block has {device.shared_bytes} bytes"
    tile, piece_h = pick(kernel, problem, sums, device, fitting, lambda fit: fit[0].cost(planes, device))
    pieces = ceil_div(filter_h, piece_h)
    sizes = ints(filter_h=filter_h, filter_w=filter_w, piece_h=ceil_div(filter_h, pieces))
    return tile, large_constants(filter_w, tile) | {"PIECE_H": piece_h}, sizes


def large_tiles(filter_w: int, sums: DType, device: DeviceLimits) -> list[tuple[Tile, int]]:
    """What conv2d_large can be launched with: the tile, and the rows of the filter whose samples fit beside it."""
    vector, fitting = 16 // sums.itemsize, []
    columns = min(filter_w, CHUNK)
    for down, vectors in ((2, 8), (2, 4), (1, 4)):
        tile = Tile(4, 32, down, vectors * vector, SQUARE, vectors)
        offset = large_constants(filter_w, tile)["OFFSET"]
        vectors = ceil_div(offset + tile.outputs[1] + columns - 1, vector)
        pitch = 16 * vectors + 8 if down > 1 else 16 * (vectors | 1)
        rows = (device.shared_bytes - pitch * (tile.outputs[0] - 1) - 8) // (pitch + 16 * ceil_div(columns, vector))
        if rows >= 8:
            fitting.append((tile, min(rows, 16)))
    return fitting


def large_constants(filter_w: int, tile: Tile) -> dict[str, int]:
    """The sizes that conv2d_large is compiled for, beside the piece."""
    wide = filter_w > CHUNK
    sizes = {"BLOCK_H": tile.block_h, "BLOCK_W": tile.block_w, "ROWS": tile.down, "ACROSS": tile.vectors}
    sizes |= {"CHUNK": CHUNK * wide, "REST": filter_w % CHUNK if wide else filter_w, "PIXEL": 1}
    return sizes | {"OFFSET": -same_pad(filter_w, 1) % (tile.across // tile.vectors)}
