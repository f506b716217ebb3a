"""How far a result is from the exact one, as a share of its plan's bound: a check that is quick on large arrays.

The oracle is exact and slow; this takes a backend of the CPU in double precision, and allows for that one's own error.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.arrays import Operands
from gpuconv.dtypes import is_integer
from gpuconv.oracle import norm_of_data
from gpuconv.planning.bounds import ErrorBound
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan, make_plan
from gpuconv.problem import Problem

DOUBLE = np.dtype("float64")


def error_share(plan: Plan, operands: Operands, result: np.ndarray, backend: str = "numpy") -> float:
    """Return the largest error of a result, divided by the bound there: at most 1 where it is right.

    Parameters
    ----------
    plan : Plan
        What computed it.
    operands : Operands
        The plan's operands, on the host.
    result : ndarray
        With the shape and dtype that the plan's problem states.
    backend : str
        Who computes the exact result and the sums of magnitudes.
    """
    problem, bound = plan.problem, plan.bound
    if is_integer(problem.compute_dtype):
        facts = plan.facts
        known = {"image_max": facts.image_max, "weights_sum": facts.weights_sum, "bias_max": facts.bias_max}
        exact, _ = _computed(problem, operands, backend, **known)
        return 0.0 if np.array_equal(exact, result) else float("inf")
    wide = np.result_type(problem.compute_dtype, DOUBLE)
    double = replace(problem, compute_dtype=wide, out_dtype=wide, weights_dtype=wide)
    exact, own = _computed(double, operands, backend)
    real: dict[str, Any] = {"compute_dtype": DOUBLE, "out_dtype": DOUBLE, "weights_dtype": DOUBLE}
    positive = replace(double, image_dtype=DOUBLE, fill=abs(problem.fill), **real)
    magnitude, _ = _computed(positive, _magnitudes(operands), backend)
    if is_integer(problem.out_dtype):
        info = np.iinfo(problem.out_dtype)
        exact = np.clip(exact, info.min, info.max)
    norm = norm_of_data(problem, operands.image, operands.full_weights()) if bound.normwise else 0.0
    limit = bound.at(magnitude, exact, norm) + own.at(magnitude, exact)
    return float((np.abs(result.astype(wide) - exact) / limit).max())


def _computed(problem: Problem, operands: Operands, backend: str, **known: Any) -> tuple[np.ndarray, ErrorBound]:
    facts = Facts(precision="strict", method="direct", separable=bool(operands.factors), **known)
    if backends.load(backend).unsupported(problem, facts):
        backend = "numpy"
    plan = make_plan(problem, facts, backend)
    assert isinstance(plan, Plan), plan
    out = np.empty(problem.out_shape, problem.out_dtype)
    backends.load(backend).run(plan, operands, out)
    return out, plan.bound


def _magnitudes(operands: Operands) -> Operands:
    weights, bias = operands.weights, operands.bias
    return replace(
        operands,
        image=_magnitude(operands.image),
        weights=None if weights is None else _magnitude(weights),
        bias=None if bias is None else _magnitude(bias),
        factors=tuple(np.abs(factor) for factor in operands.factors),
    )


def _magnitude(array: np.ndarray) -> np.ndarray:
    """In double precision, in which no integer of 32 bits overflows."""
    found: np.ndarray = np.abs(array if array.dtype.kind == "c" else array.astype(DOUBLE))
    return found.astype(DOUBLE)
