"""Launches of the Numba CUDA kernels, one planning function per kernel.

All kernels take arrays (N, C, H, W) with any strides, a signal as an image of one row; see their headers in kernels/.
"""

import math
from collections.abc import Callable

import numpy as np

from gpuconv.dtypes import accumulator, is_bfloat16, is_integer
from gpuconv.launches import Argument, LaunchPlan, Specialization, Triple, ceil_div
from gpuconv.launches.numba_staging import staging
from gpuconv.planning.facts import Facts
from gpuconv.problem import BOUNDARIES, OVERFLOWS, ROUNDINGS, DType, Ints, Problem

TILED_FILTERS = (3, 5, 7, 9, 11, 13, 15)  # square filters that conv2d_tiled is compiled for
TILED_BLOCK, TILED_ROWS = (8, 32), 4  # threads (down, across); outputs a thread, below each other
CONV1D_THREADS, CONV1D_OUTPUTS = 128, 4
CONV1D_TAPS, CONV1D_TILE = 512, 3072  # staged at once
SEPARABLE_TAPS = tuple(range(3, 33, 2))  # of both factors
LAYER_BLOCK, LAYER_BLOCK_1D = (8, 32), (1, 256)
LAYER_ROWS, LAYER_CHANNELS = 4, 8  # outputs a thread: below each other, and channels where a group has several
LAYER_TAPS, LAYER_TILE = 512, 4096
COPY_THREADS = 128
GRID_LIMIT = 2**31 - 1  # blocks along x


def conv2d_separable(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Plan both passes of a separable filter whose factors have a compiled size."""
    height, width = problem.filter[0], problem.filter[-1]
    if not facts.separable or problem.rank != 2:
        return "conv2d_separable needs the two factors of the weights"
    if height != width or height not in SEPARABLE_TAPS:
        return f"conv2d_separable takes factors of one odd length from 3 to 31; got {problem.filter}"
    if refusal := _not_plain("conv2d_separable", problem, facts):
        return refusal
    return _tiles("conv2d_separable", problem, facts, {"TAPS": height}, problem.images)


def conv2d_tiled(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Plan a filter of a compiled size, one or one for each channel, without stride or dilation."""
    height, width = problem.filter[0], problem.filter[-1]
    if problem.groups != problem.channels_in:
        return "conv2d_tiled filters every channel for itself"
    if problem.rank != 2 or height != width or height not in TILED_FILTERS:
        compiled = ", ".join(map(str, TILED_FILTERS))
        return f"conv2d_tiled takes square filters of size {compiled}; got {problem.filter}"
    if refusal := _not_plain("conv2d_tiled", problem, facts):
        return refusal
    sizes = {"FILTER_H": height, "FILTER_W": width, "BIASED": int(problem.bias)}
    return _tiles("conv2d_tiled", problem, facts, sizes, problem.images * problem.channels_out)


def _not_plain(kernel: str, problem: Problem, facts: Facts) -> str | None:
    """Why a kernel without strides does not take a problem, or None."""
    if max(problem.stride + problem.dilation) > 1:
        return f"{kernel} has neither stride nor dilation"
    return unsupported(problem, facts)


def _tiles(kernel: str, problem: Problem, facts: Facts, sizes: dict[str, int], planes: int) -> LaunchPlan | str:
    """Launch a kernel whose blocks compute TILED_ROWS outputs a thread, below each other."""
    (block_h, block_w), rows = TILED_BLOCK, TILED_ROWS
    sizes |= {"BLOCK_H": block_h, "BLOCK_W": block_w, "ROWS": rows}
    blocks = ceil_div(problem.out_extent[0], block_h * rows) * ceil_div(problem.out_extent[1], block_w) * planes
    scalars = {"pad_y": problem.pad_before[0], "pad_x": problem.pad_before[1]}
    return _launch(kernel, problem, facts, sizes, blocks, (block_w, block_h, 1), scalars)


def conv1d(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Plan a 1D filter of any length, stride and dilation."""
    if problem.rank != 1 or not problem.is_filter:
        return "conv1d filters single channels along one axis"
    if reason := unsupported(problem, facts):
        return reason
    (width,), (stride,), (dilation,) = problem.out_extent, problem.stride, problem.dilation
    outputs = CONV1D_OUTPUTS if width > CONV1D_THREADS else 1
    tile = CONV1D_THREADS * outputs
    staged = staging(tile, problem.filter[0], stride, dilation, CONV1D_TILE, CONV1D_TAPS)
    sizes = {"THREADS": CONV1D_THREADS, "OUTPUTS": outputs, "TAPS": CONV1D_TAPS, "TILE": CONV1D_TILE}
    scalars = {"pad": problem.pad_before[0], "step": staged.step, "near": staged.near}
    scalars |= {"dilation": dilation, "far": staged.far, "piece": staged.piece}
    blocks = ceil_div(width, tile) * problem.images
    return _launch("conv1d", problem, facts, sizes, blocks, (CONV1D_THREADS, 1, 1), scalars)


def conv2d_layer(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Plan a layer, or a filter that the other kernels do not take."""
    if reason := unsupported(problem, facts):
        return reason
    block_h, block_w = LAYER_BLOCK if problem.rank == 2 else LAYER_BLOCK_1D
    per_group = problem.channels_out // problem.groups
    several = LAYER_CHANNELS * 4 // accumulator(problem, facts).itemsize  # as many as the registers hold
    channels = several if per_group > several // 2 else 1
    out_h, out_w = _rows_and_columns(problem.out_extent, 1)
    rows = LAYER_ROWS if out_h > block_h else 1
    sizes = {"BLOCK_H": block_h, "BLOCK_W": block_w, "ROWS": rows, "CHANNELS": channels}
    sizes |= {"TAPS": LAYER_TAPS, "TILE": LAYER_TILE}
    planes = problem.images * problem.groups * ceil_div(per_group, channels)
    blocks = ceil_div(out_h, block_h * rows) * ceil_div(out_w, block_w) * planes
    scalars = _layer_scalars(problem, (block_h * rows, block_w), LAYER_TAPS // channels)
    return _launch("conv2d_layer", problem, facts, sizes, blocks, (block_w, block_h, 1), scalars)


LAUNCHERS: tuple[Callable[[Problem, Facts], LaunchPlan | str], ...] = (
    conv2d_separable,
    conv2d_tiled,
    conv1d,
    conv2d_layer,
)
VOLUME_LAUNCHERS = LAUNCHERS  # which refuse volumes; those are computed slice by slice: see planning.sliced


def copy_launch(source: DType, target: DType, shape: Ints, *, add: bool = False) -> LaunchPlan:
    """Launch of the copy, with a cast, of an array (N, C, H, W); or of its addition."""
    types, constants = (
        (("source", source.name), ("target", target.name)),
        (("THREADS", COPY_THREADS), ("ADD", int(add))),
    )
    arguments = (Argument("source", "image", source.name), Argument("target", "out", target.name))
    blocks = math.prod(shape[:3]) * ceil_div(shape[3], COPY_THREADS)
    return LaunchPlan(Specialization("copy", types, constants), (blocks, 1, 1), (COPY_THREADS, 1, 1), 0, arguments)


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no Numba kernel computes a problem, or None."""
    if problem.op == "weight_gradient":
        return "no Numba CUDA kernel computes gradients of weights"
    if problem.op == "magnitude":
        return "no Numba CUDA kernel takes the magnitude of a gradient in one pass"
    if problem.rank not in (1, 2):
        return f"the Numba CUDA kernels have one or two spatial axes; got {problem.rank}"
    if is_bfloat16(problem.image_dtype) or is_bfloat16(problem.out_dtype):
        return "the Numba CUDA kernels have no bfloat16"
    if problem.compute_dtype.kind == "c" or problem.out_dtype.kind == "c":
        return f"the Numba CUDA kernels compute real numbers; got {problem.compute_dtype} into {problem.out_dtype}"
    if problem.overflow == "raise" and not _always_fits(problem, accumulator(problem, facts)):
        return "a CUDA kernel cannot raise; overflow='raise' needs a backend on the CPU"
    return None


def _layer_scalars(problem: Problem, tile: Ints, taps: int) -> dict[str, int]:
    """Scalars of conv2d_layer, down (y, h) and across (x, w)."""
    filters, strides, dilations = (
        _rows_and_columns(sizes, 1) for sizes in (problem.filter, problem.stride, problem.dilation)
    )
    across = staging(tile[1], filters[1], strides[1], dilations[1], LAYER_TILE // tile[0], taps)
    rows = LAYER_TILE // across.span(tile[1])
    down = staging(tile[0], filters[0], strides[0], dilations[0], rows, taps // across.piece)
    pads = _rows_and_columns(problem.pad_before, 0)
    scalars = {"groups": problem.groups, "pad_y": pads[0], "pad_x": pads[1]}
    scalars |= {"step_y": down.step, "step_x": across.step, "near_y": down.near, "near_x": across.near}
    scalars |= {"dilation_y": dilations[0], "dilation_x": dilations[1], "far_y": down.far, "far_x": across.far}
    return scalars | {"piece_h": down.piece, "piece_w": across.piece}


def _rows_and_columns(values: Ints, one_row: int) -> Ints:
    """(down, across), with a value for the rows of a 1D problem."""
    return values if len(values) == 2 else (one_row, *values)


def _launch(
    kernel: str,
    problem: Problem,
    facts: Facts,
    sizes: dict[str, int],
    blocks: int,
    block: Triple,
    scalars: dict[str, int],
) -> LaunchPlan | str:
    """Put a launch together; weights and bias are of the accumulator's dtype, all blocks along grid x."""
    if blocks > GRID_LIMIT:
        return f"{kernel} launches at most {GRID_LIMIT} blocks; this would take {blocks}"
    acc = accumulator(problem, facts)
    image = "uint8" if problem.image_dtype.kind == "b" else problem.image_dtype.name
    types = (("image", image), ("acc", acc.name), ("out", problem.out_dtype.name))
    skip = int(problem.skip_zero_taps and facts.zero_taps)
    constants = (*sizes.items(), ("SKIP_ZERO_TAPS", skip), *_conversion(problem, acc))
    fill = int(problem.fill.real) if is_integer(acc) else float(problem.fill.real)
    arguments = (
        Argument("image", "image", image),
        *_weights(kernel, problem, acc.name),
        Argument("out", "out", problem.out_dtype.name),
        Argument("boundary", "scalar", "int32", BOUNDARIES.index(problem.boundary)),
        Argument("fill", "scalar", acc.name, fill),
        *(Argument(name, "scalar", "int64", value) for name, value in scalars.items()),
    )
    return LaunchPlan(Specialization(kernel, types, constants), (blocks, 1, 1), block, 0, arguments)


def _weights(kernel: str, problem: Problem, acc: str) -> tuple[Argument, ...]:
    """What is between image and out; where there is no bias to be read, the weights stand in for it."""
    if kernel == "conv2d_separable":
        return (Argument("factors", "factors", acc),)
    weights = Argument("weights", "weights", acc)
    if kernel == "conv2d_layer" or problem.bias:
        return weights, Argument("bias", "bias", acc)
    return (weights, Argument("bias", "weights", acc)) if kernel == "conv2d_tiled" else (weights,)


def _conversion(problem: Problem, acc: DType) -> tuple[tuple[str, int], ...]:
    """Rounding and overflow by number; 0 wherever they make no difference, so that nothing is compiled twice."""
    rounds = is_integer(problem.out_dtype) and not is_integer(acc)
    rounding = ROUNDINGS.index(problem.rounding) if rounds else 0
    overflow = 0 if _always_fits(problem, acc) else OVERFLOWS.index(problem.overflow)
    return ("ROUNDING", rounding), ("OVERFLOW", overflow)


def _always_fits(problem: Problem, acc: DType) -> bool:
    """Whether the output dtype holds every sum."""
    return not is_integer(problem.out_dtype) or np.can_cast(acc, problem.out_dtype)
