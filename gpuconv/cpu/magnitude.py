"""The magnitude of a gradient: one filter after another, and the root of the sum of their squares, strip by strip."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.conversion import convert
from gpuconv.cpu.filters import compute
from gpuconv.launches.cpu import of_one_filter
from gpuconv.planning import strips
from gpuconv.planning.planner import Plan
from gpuconv.problem import Problem

STRIP_VALUES = 1 << 20  # outputs at a time, so that the responses of the filters stay in a cache


def compute_magnitude(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    problem, image = of_one_filter(plan.problem), operands.image
    assert isinstance(image, np.ndarray)
    target = np.empty_like(out) if np.may_share_memory(image, out) else out
    height = problem.out_extent[0]
    rows = max(1, STRIP_VALUES * height // max(1, math.prod(problem.out_shape)))
    for top in range(0, height, rows):
        strip = (top, min(top + rows, height))
        part, ranges = strips.part(problem, (*((0, n) for n in problem.batch), strip))
        pieces = [_rows(image, problem.rank, *range_) for range_ in ranges]
        seen = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-problem.rank)
        values = _magnitude(replace(plan, problem=part), replace(operands, image=seen))
        _rows(target, problem.rank, *strip)[...] = convert(
            values, plan.problem.out_dtype, plan.problem.rounding, plan.problem.overflow
        )
    if target is not out:
        out[...] = target


def _rows(array: np.ndarray, rank: int, start: int, stop: int) -> np.ndarray:
    index: Any = (..., slice(start, stop), *(slice(None),) * (rank - 1))
    view: np.ndarray = array[index]
    return view


def _magnitude(plan: Plan, operands: Operands) -> np.ndarray:
    """The result before its conversion; `plan` is of one filter."""
    problem: Problem = plan.problem
    assert isinstance(operands.weights, np.ndarray)
    squares, response = np.zeros(problem.out_shape, problem.out_dtype), np.empty(problem.out_shape, problem.out_dtype)
    with np.errstate(all="ignore"):
        for weights in operands.weights:
            compute(plan, replace(operands, weights=weights[None]), response)
            squares += np.square(response, out=response)
        root: np.ndarray = np.sqrt(squares, out=squares)
    return root
