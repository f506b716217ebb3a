"""Launches of the kernels for signals: filters of any length along the last axis, or one along columns of images."""

from dataclasses import replace

from gpuconv.dtypes import accumulator
from gpuconv.launches import LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import GRID_LIMIT, array, fill, ints, launch, longs, specialize, too_long
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import Facts
from gpuconv.problem import Problem

THREADS, FEW_THREADS = 128, 32  # a block; where signals are short or few
BLOCKS = (THREADS, FEW_THREADS)
OUTPUT_BYTES = 64  # outputs of a thread
COLUMN_THREADS = 256
PIECE_BYTES = 4096  # taps staged at a time


def conv1d_rows(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A filter along rows; or a filter or several for each channel of signals."""
    signals = _rows(problem)
    if signals is None:
        return "conv1d_rows filters signals, or the rows of images, one channel at a time"
    if signals.images > GRID_LIMIT:
        return f"conv1d_rows counts at most {GRID_LIMIT} signals; got {signals.images}"
    if max(problem.stride + problem.dilation) > 1:
        return f"conv1d_rows needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    (taps,), (width,), (out_w,) = signals.filter, signals.extent, signals.out_extent
    sums = accumulator(problem, facts)
    itemsize = sums.itemsize
    outputs = OUTPUT_BYTES // itemsize
    modelled = _threads(signals, outputs, facts.device.multiprocessors)
    threads = pick("conv1d_rows", problem, sums, facts.device, BLOCKS, lambda threads: threads != modelled)
    blocks = ceil_div(out_w, threads * outputs)
    piece = min(ceil_div(taps, outputs) * outputs, PIECE_BYTES // itemsize)
    sizes = {"THREADS": threads, "OUTPUTS": outputs, "LAYER": int(not problem.is_filter)}
    specialization = specialize("conv1d_rows", problem, facts, **sizes)
    return launch(
        specialization,
        blocks * signals.images,
        (threads, 1, 1),
        (piece + (threads * outputs + piece) * 5 // 4) * itemsize,
        array("signal", "image", specialization),
        array("weights", "weights", specialization),
        array("bias", "bias", specialization),
        array("out", "out", specialization),
        *longs(width=width, out_w=out_w, taps=taps, pad=signals.pad_before[0], pitch=width, out_pitch=out_w),
        *ints(blocks=blocks, channels=problem.channels_out, filters=problem.channels_out // problem.groups),
        *ints(piece=piece),
        fill(problem, specialization),
    )


def conv1d_columns(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A filter along the columns of images."""
    if problem.rank != 2 or not problem.is_filter or problem.filter[1] > 1:
        return "conv1d_columns filters the columns of images, one channel at a time"
    if max(problem.stride + problem.dilation) > 1 or problem.pad_before[1] or problem.pad_after[1]:
        return "conv1d_columns needs stride and dilation 1, and rows without pads"
    refusal = too_long("conv1d_columns", problem)
    if refusal:
        return refusal
    itemsize = accumulator(problem, facts).itemsize
    outputs = OUTPUT_BYTES // itemsize
    (taps, _), (height, width), (out_h, _) = problem.filter, problem.extent, problem.out_extent
    tile_h = COLUMN_THREADS // 32 * outputs
    piece = min(ceil_div(taps, outputs) * outputs, tile_h)
    tiles_h, tiles_w = ceil_div(out_h, tile_h), ceil_div(width, 32)
    specialization = specialize("conv1d_columns", problem, facts, THREADS=COLUMN_THREADS, OUTPUTS=outputs)
    return launch(
        specialization,
        tiles_h * tiles_w * problem.images,
        (COLUMN_THREADS, 1, 1),
        (piece + (tile_h + piece) * 32) * itemsize,
        array("image", "image", specialization),
        array("weights", "weights", specialization),
        array("out", "out", specialization),
        *ints(height=height, width=width, out_h=out_h, taps=taps, pad=problem.pad_before[0]),
        *ints(tiles_h=tiles_h, tiles_w=tiles_w, piece=piece),
        *longs(image_pitch=height * width, pitch=width, out_image_pitch=out_h * width, out_pitch=width),
        fill(problem, specialization),
    )


def _threads(signals: Problem, outputs: int, multiprocessors: int) -> int:
    """Large blocks, unless they leave many of their outputs or of the device's multiprocessors idle."""
    (out_w,) = signals.out_extent
    large, small = (ceil_div(out_w, threads * outputs) * threads for threads in (THREADS, FEW_THREADS))
    idle = large > 1.25 * small or large * signals.images < 2 * multiprocessors * THREADS
    return FEW_THREADS if idle else THREADS


def _rows(problem: Problem) -> Problem | None:
    """The problem as one over signals, if that is what it is: every output channel is one."""
    if problem.rank == 1 and problem.op == "forward" and problem.channels_in == problem.groups:
        signals = problem.images * problem.channels_out
        return replace(problem, batch=(signals,), channels_in=1, channels_out=1, groups=1, bias=False)
    if not problem.is_filter or problem.rank != 2:
        return None
    if problem.filter[0] > 1 or problem.pad_before[0] or problem.pad_after[0] or problem.stride[0] > 1:
        return None
    names = ("extent", "filter", "pad_before", "pad_after", "stride", "dilation")
    last = {name: getattr(problem, name)[1:] for name in names}
    return replace(problem, batch=(*problem.batch, problem.extent[0]), **last)
