"""Launches of the kernels for one filter over single-channel images or signals."""

from gpuconv.dtypes import accumulator
from gpuconv.launches import Argument, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import (
    array,
    fill,
    ints,
    launch,
    longs,
    parameter_bytes,
    pitches,
    shared_refusal,
    specialize,
    too_long,
)
from gpuconv.planning.facts import Facts
from gpuconv.problem import Problem

SIZES = (3, 5, 7, 9, 11, 13, 15)  # of the square filters that get a compilation of their own
TAPS, WIDE_TAPS = 480, 240  # capacity for the factors of all others, and for those of complex128
BLOCK_H, BLOCK_W = 8, 32
THREADS, OUTPUTS, PIECE = 256, 4, 256  # of conv1d


def conv2d_tiled(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A square filter of a usual size, known on the host."""
    refusal = _no_plain_filter("conv2d_tiled", problem)
    if refusal:
        return refusal
    if facts.weights_place == "device":
        return "conv2d_tiled takes its weights from the host, by value; these are on the device"
    filter_h, filter_w = problem.filter
    if filter_h != filter_w or filter_h not in SIZES:
        return f"conv2d_tiled is compiled for square filters of {SIZES} taps; got {problem.filter}"
    sums, rows = accumulator(problem, facts), 8
    if parameter_bytes(filter_h * filter_w, sums) > facts.device.parameter_bytes:
        return f"conv2d_tiled passes weights by value, in {facts.device.parameter_bytes} bytes; got {problem.filter}"
    shared_bytes = (BLOCK_H * rows + filter_h - 1) * (BLOCK_W + filter_w - 1) * sums.itemsize
    if shared_bytes > facts.device.shared_bytes:
        return shared_refusal("conv2d_tiled", shared_bytes, facts.device)
    constants = {"FILTER_H": filter_h, "FILTER_W": filter_w, "BLOCK_H": BLOCK_H, "BLOCK_W": BLOCK_W, "ROWS": rows}
    specialization = specialize("conv2d_tiled", problem, facts, **constants)
    return _launch_tiles(problem, specialization, 0, array("weights", "weights", specialization, by_value=True))


def conv2d_separable(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The outer product of two 1D filters."""
    if not facts.separable:
        return "conv2d_separable needs weights given as 1D factors"
    refusal = _no_plain_filter("conv2d_separable", problem)
    if refusal:
        return refusal
    (filter_h, filter_w), rows = problem.filter, 4
    sums = accumulator(problem, facts)
    special = filter_h == filter_w and filter_h in SIZES
    most = TAPS if sums.itemsize < 16 else WIDE_TAPS
    taps = filter_h + filter_w if special else most
    if filter_h + filter_w > taps or parameter_bytes(taps, sums) > facts.device.parameter_bytes:
        return f"conv2d_separable passes its factors by value, at most {most} taps; got {filter_h} + {filter_w}"
    strip = BLOCK_H * (BLOCK_W + filter_w - 1)
    shared_bytes = (strip + (BLOCK_H * rows + filter_h - 1) * BLOCK_W) * sums.itemsize
    if shared_bytes > facts.device.most_shared_bytes:
        return shared_refusal("conv2d_separable", shared_bytes, facts.device)
    constants = {"FILTER_H": filter_h * special, "FILTER_W": filter_w * special, "TAPS": taps}
    constants |= {"BLOCK_H": BLOCK_H, "BLOCK_W": BLOCK_W, "ROWS": rows}
    specialization = specialize("conv2d_separable", problem, facts, **constants)
    factors = array("factors", "factors", specialization, by_value=True)
    return _launch_tiles(problem, specialization, shared_bytes, factors, *ints(filter_h=filter_h, filter_w=filter_w))


def conv1d(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """One filter of any length over signals."""
    if problem.rank != 1 or not problem.is_filter:
        return "conv1d filters signals, one channel at a time"
    (taps,), (stride,), (dilation,) = problem.filter, problem.stride, problem.dilation
    (width,), (out_w,), (pad,) = problem.extent, problem.out_extent, problem.pad_before
    sums = accumulator(problem, facts)
    threads, piece = _window(problem, facts.device.shared_bytes // sums.itemsize)
    if piece < 1:
        threads, piece = _window(problem, facts.device.most_shared_bytes // sums.itemsize)
    if piece < 1:
        return shared_refusal("conv1d", ((OUTPUTS * threads - 1) * stride + 2) * sums.itemsize, facts.device)
    specialization = specialize("conv1d", problem, facts, OUTPUTS=OUTPUTS)
    window = (OUTPUTS * threads - 1) * stride + (piece - 1) * dilation + 1
    blocks = ceil_div(out_w, OUTPUTS * threads)
    return launch(
        specialization,
        blocks * problem.images,
        (threads, 1, 1),
        (piece + window) * sums.itemsize,
        array("signal", "image", specialization),
        array("weights", "weights", specialization),
        array("out", "out", specialization),
        *longs(width=width, out_w=out_w, taps=taps, pad=pad, blocks=blocks),
        *ints(stride=stride, dilation=dilation, piece=piece),
        fill(problem, specialization),
    )


def _window(problem: Problem, room: int) -> tuple[int, int]:
    """(threads, taps of a piece) of conv1d: the most threads that leave room for 32 taps, or else for one."""
    (taps,), (stride,), (dilation,), (out_w,) = problem.filter, problem.stride, problem.dilation, problem.out_extent
    most = min(THREADS, 32 * ceil_div(out_w, 32 * OUTPUTS))
    choices = [
        (threads, min(taps, PIECE, (room - (OUTPUTS * threads - 1) * stride - 1 + dilation) // (1 + dilation)))
        for threads in (most, 128, 64, 32)
        if threads <= most
    ]
    for least in (min(taps, 32), 1):
        for threads, piece in choices:
            if piece >= least:
                return threads, piece
    return choices[-1]


def _no_plain_filter(kernel: str, problem: Problem) -> str | None:
    """Why a problem is not one dense 2D filter over single-channel images, or None."""
    if problem.rank != 2 or not problem.is_filter:
        return f"{kernel} filters images of two axes, one channel at a time"
    if max(problem.stride + problem.dilation) > 1:
        return f"{kernel} needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    return too_long(kernel, problem)


def _launch_tiles(
    problem: Problem, specialization: Specialization, shared_bytes: int, weights: Argument, *sizes: Argument
) -> LaunchPlan | str:
    """A block for every tile of every image."""
    (height, width), (out_h, out_w), (pad_h, pad_w) = problem.extent, problem.out_extent, problem.pad_before
    tiles_h = ceil_div(out_h, BLOCK_H * specialization.constant("ROWS"))
    tiles_w = ceil_div(out_w, BLOCK_W)
    return launch(
        specialization,
        tiles_h * tiles_w * problem.images,
        (BLOCK_W, BLOCK_H, 1),
        shared_bytes,
        array("image", "image", specialization),
        weights,
        array("out", "out", specialization),
        *ints(height=height, width=width, out_h=out_h, out_w=out_w),
        *sizes,
        *ints(pad_h=pad_h, pad_w=pad_w, tiles_h=tiles_h, tiles_w=tiles_w),
        *pitches(problem),
        fill(problem, specialization),
    )
