"""Launches of low_rank: filters that are sums of few outer products, in one walk down the image."""

import itertools
from dataclasses import replace

from gpuconv.dtypes import accumulator
from gpuconv.launches import LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import array, parameter_bytes, shared_refusal, side_by_side, specialize, too_long
from gpuconv.launches.cuda_separable import STAGE, THREADS, resident_blocks, stream_bytes, stream_launch, strip_rows
from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Problem

LONGEST = {4: 32, 8: 24}  # taps of a column that go in one walk, by bytes of the sums: open sums stay in registers
MOST = 64  # taps of a column, in several walks, and of a row


def low_rank(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """A sum of few outer products of 1D filters, compiled for the number of terms and taps where it is used."""
    if problem.rank != 2 or not problem.is_filter:
        return "low_rank filters images of two axes, one channel at a time"
    if not facts.terms:
        return "low_rank needs weights that are a sum of few outer products"
    if max(problem.stride + problem.dilation) > 1:
        return f"low_rank needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    if not all(2 <= taps <= MOST for taps in problem.filter):
        return f"low_rank is compiled for filters of 2 to {MOST} taps an axis; got {problem.filter}"
    sums, filter_h = accumulator(problem, facts), problem.filter[0]
    if sums.kind != "f":
        return f"low_rank computes real numbers in floating point; got {sums}"
    if parameter_bytes(facts.terms * sum(problem.filter), sums) > facts.device.parameter_bytes:
        return f"low_rank passes its terms by value, in {facts.device.parameter_bytes} bytes; got {facts.terms} of them"
    longest = LONGEST[sums.itemsize]
    if filter_h > longest and problem.out_dtype != sums:
        return f"low_rank adds up the walks of columns of more than {longest} taps in {sums}; got {problem.out_dtype}"
    return too_long("low_rank", problem) or _walks(problem, facts, sums, ceil_div(filter_h, longest))


def _walks(problem: Problem, facts: Facts, sums: DType, count: int) -> LaunchPlan | str:
    """A launch for each part of the columns, of about the same number of taps."""
    filter_h = problem.filter[0]
    starts = [filter_h * i // count for i in range(count + 1)]
    then: LaunchPlan | None = None
    for first, stop in reversed(list(itertools.pairwise(starts))):
        found = _launch(problem, facts, sums, first, stop)
        if isinstance(found, str):
            return found
        then = replace(found, then=then)
    assert then is not None
    return then


def _launch(problem: Problem, facts: Facts, sums: DType, first: int, stop: int) -> LaunchPlan | str:
    """The walk that takes the taps from `first` to `stop` of each column."""
    pixel, _, wide = side_by_side(problem, facts)
    columns, (full_h, filter_w) = 16 // sums.itemsize, problem.filter
    pads = wide.pad_before[0] - first, wide.pad_after[0] - (full_h - stop)
    part = replace(
        wide,
        filter=(stop - first, filter_w),
        pad_before=(pads[0], wide.pad_before[1]),
        pad_after=(pads[1], wide.pad_after[1]),
    )
    constants = {"FILTER_H": stop - first, "FILTER_W": filter_w, "FULL_H": full_h, "FIRST": first}
    constants |= {"TERMS": facts.terms, "THREADS": THREADS, "BLOCKS": _blocks(part, facts.terms, sums)}
    constants |= {"PIXEL": pixel, "STAGE": STAGE, "OFFSET": -(filter_w // 2) * pixel % columns}
    specialization = specialize("low_rank", problem, facts, **constants)
    shared_bytes = stream_bytes(specialization, part, sums)
    if shared_bytes > facts.device.shared_bytes:
        return shared_refusal("low_rank", shared_bytes, facts.device)
    tiles_w = ceil_div(part.out_extent[1], THREADS * columns)
    blocks = resident_blocks(facts.device, constants["BLOCKS"], shared_bytes)
    strip_h = strip_rows("low_rank", part, sums, facts.device, tiles_w * part.images, blocks)
    arrays = array("terms", "terms", specialization, by_value=True), array("weights", "weights", specialization)
    return stream_launch(part, specialization, arrays, shared_bytes, tiles_w, strip_h)


def _blocks(problem: Problem, terms: int, sums: DType) -> int:
    """Blocks of a multiprocessor at a time, by its 65536 registers: the open sums, a row of each term, and others."""
    plain = problem.image_dtype == problem.out_dtype == sums
    others = 110 if sums.itemsize == 8 else 66 if plain else 82
    registers = min(255, 4 * (problem.filter[0] + terms) + others)
    return min(65536 // (registers * THREADS) // 2 * 2, 14)
