"""Launches of conv2d_bytes: images of bytes and weights that fit bytes, four products an instruction."""

from dataclasses import replace

import numpy as np

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import Argument, LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import C_TYPES, fits, side_by_side, specialize, too_long
from gpuconv.launches.cuda_separable import STAGE, THREADS, resident_blocks, stream_launch, strip_rows
from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Ints, Problem

WORD = 4  # bytes; and outputs of a thread in a row
SIGNED, UNSIGNED = np.dtype("int8"), np.dtype("uint8")
MOST_WORDS = 512  # of weights: what the constant cache next to the cores holds
MOST_BLOCKS = 16  # of a multiprocessor at a time, on every device


def conv2d_bytes(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Exact sums of bytes times bytes, compiled for the size of the filter where it is used."""
    if problem.rank != 2 or not problem.is_filter:
        return "conv2d_bytes filters images of two axes, one channel at a time"
    if max(problem.stride + problem.dilation) > 1:
        return f"conv2d_bytes needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    taps = tap_dtype(facts)
    if not is_integer(problem.compute_dtype) or problem.image_dtype.itemsize > 1 or taps is None:
        return "conv2d_bytes sums up whole numbers of one byte, of the image and of weights known on the host"
    if problem.boundary == "constant" and not fits(int(problem.fill.real), problem.image_dtype):
        return f"conv2d_bytes needs a fill value of the image's dtype; got {problem.fill.real:g}"
    sums, pixel = accumulator(problem, facts), side_by_side(problem, facts)[0]
    if sums != np.int32:
        return f"conv2d_bytes adds up in 32 bits; these sums need {sums}"
    if min(problem.filter) < 2 or np.prod(words_shape(problem.filter, pixel)) > MOST_WORDS:
        return f"conv2d_bytes takes at least 2 taps an axis, packed in {MOST_WORDS} words; got {problem.filter}"
    return too_long("conv2d_bytes", problem) or _stream(problem, facts, taps)


def tap_dtype(facts: Facts) -> DType | None:
    """Bytes that hold all weights; None if there are none, or the weights are not known."""
    known = facts.weights_range or ()
    return next((dtype for dtype in (SIGNED, UNSIGNED) if known and all(fits(tap, dtype) for tap in known)), None)


def words_shape(filter_: Ints, pixel: int) -> Ints:
    """Words of a filter: its rows, each at the four places in a word where it may begin."""
    return filter_[0], WORD, ceil_div(WORD + (filter_[1] - 1) * pixel, WORD)


def words_of(weights: np.ndarray, pixel: int) -> np.ndarray:
    """The words of (H, W) weights of one byte: row r behind p zeros at [r, p], its taps `pixel` bytes apart.

    Examples
    --------
    >>> words_of(np.array([[1, 2, 3]]), 1).view("uint8").tolist()
    [[[1, 2, 3, 0, 0, 0, 0, 0], [0, 1, 2, 3, 0, 0, 0, 0], [0, 0, 1, 2, 3, 0, 0, 0], [0, 0, 0, 1, 2, 3, 0, 0]]]
    """
    rows, places, words = words_shape(weights.shape, pixel)
    taps = np.zeros((rows, places, words * WORD), "uint8")
    for place in range(places):
        taps[:, place, place : place + (weights.shape[1] - 1) * pixel + 1 : pixel] = weights.astype("uint8")
    return taps.view("uint32")


def _stream(problem: Problem, facts: Facts, taps: DType) -> LaunchPlan | str:
    pixel, _, columns = side_by_side(problem, facts)
    (filter_h, filter_w), sums = problem.filter, np.dtype("int32")
    reach, offset = (filter_w - 1) * pixel, -(filter_w // 2) * pixel % WORD
    blocks = _blocks(filter_h, reach)
    constants = {"FILTER_H": filter_h, "FILTER_W": filter_w, "THREADS": THREADS, "BLOCKS": blocks}
    plain = specialize("conv2d_bytes", columns, facts, **constants, PIXEL=pixel, STAGE=STAGE, OFFSET=offset)
    specialization = replace(plain, types=(*plain.types, ("tap_t", C_TYPES[taps.name])))
    shared_bytes = (THREADS + ceil_div(offset + reach, WORD)) * (STAGE * 2 * WORD + WORD * sums.itemsize)
    tiles_w = ceil_div(columns.out_extent[1], THREADS * WORD)
    resident = resident_blocks(facts.device, blocks, shared_bytes)
    strip_h = strip_rows("conv2d_bytes", columns, sums, facts.device, tiles_w * columns.images, resident)
    words = (Argument("words", "words", "unsigned int", by_value=True),)
    return stream_launch(columns, specialization, words, shared_bytes, tiles_w, strip_h)


def _blocks(filter_h: int, reach: int) -> int:
    """Blocks of a multiprocessor at a time, by its 65536 registers: the open sums, a window, and others."""
    registers = min(255, WORD * filter_h + 40 + ceil_div(reach, WORD))
    return min(65536 // (registers * THREADS) // 2 * 2, MOST_BLOCKS)
