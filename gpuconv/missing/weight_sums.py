"""Weights that sum to one, and which part of it valid samples have: the denominators of normalised convolution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv import calls
from gpuconv.arrays import adopt
from gpuconv.calls import Arguments, Known, Statement
from gpuconv.engine import Prepared, prepare
from gpuconv.missing.samples import Array, on_host, smallest

Factors = Sequence[np.ndarray]  # of an outer product; or weights as the only one


@dataclass(frozen=True)
class WeightSums:
    """w * v, and the largest value of it that cannot be told from zero."""

    values: Array
    floor: float
    resolved: bool  # whether transforms, if they were taken, tell all values from zero


def normalised(factors: Sequence[Any], unit: float) -> list[np.ndarray]:
    """Weights over their sum, on the host; factors each over its own.

    Raises
    ------
    ValueError
        If a sum cannot be told from zero where numbers are rounded by `unit`, or is not finite.
    """
    return [_normalised(factor, unit) for factor in factors]


def _normalised(factor: Any, unit: float) -> np.ndarray:
    weights = on_host(adopt("weights", factor))
    is_complex = weights.dtype.kind == "c"
    weights = weights.astype("complex128" if is_complex else "float64")
    if weights.size == 0:
        return weights  # refused where the call is stated
    with np.errstate(over="ignore", invalid="ignore"):
        total = weights.sum(dtype=np.clongdouble if is_complex else np.longdouble)
        magnitude = float(np.abs(weights).sum())
    if not weights.size * unit * magnitude < abs(total) < math.inf:  # nor NaN
        theirs = f"{complex(total):.3g}" if is_complex else f"{float(total):.3g}"
        raise ValueError(f"weights must have a finite sum other than zero under normalize=True; theirs is {theirs}")
    quotient: np.ndarray = weights / weights.dtype.type(total)
    return quotient


def weight_sums(state: Statement, arguments: Arguments, factors: Factors) -> WeightSums:
    """Convolve what is valid; `arguments` are those of that call, which is remembered as others are."""
    key = calls.key_of(state, arguments)
    key = None if key is None else ("weight sums", key)
    found: tuple[Known, float, bool] | None = None if key is None else calls.find(key)
    if found is None:
        prepared = prepare(calls.call_of(state, arguments))
        known, floor = None if key is None else calls.known_of(prepared), _floor(prepared, factors)
        transformed = prepared.plan.bound.normwise > 0
        if known is None:
            return _looked_at(prepared.finish(), floor, transformed)
        found = known, floor, transformed
        calls.remember(key, found)
    known, floor, transformed = found
    return _looked_at(known.run(arguments["x"], arguments["out"]), floor, transformed)


def _floor(prepared: Prepared, factors: Factors) -> float:
    """Largest magnitude that may be that of zero: the error of the sums; 0 where only zeros add up to zero."""
    bound = prepared.plan.bound
    positive = all(factor.dtype.kind == "f" and bool((factor >= 0).all()) for factor in factors)
    if positive and not bound.normwise:
        return bound.absolute if prepared.call.x.on_device else 0.0  # where smaller ones may be flushed to zero
    magnitude = math.prod(float(np.abs(factor).sum()) for factor in factors)
    norm = math.prod(float(np.linalg.norm(factor)) for factor in factors)
    return bound.relative * magnitude + bound.normwise * norm + bound.absolute


def _looked_at(values: Array, floor: float, transformed: bool) -> WeightSums:
    if not transformed:
        return WeightSums(values, floor, True)
    resolved = values.dtype.kind == "f" and smallest(values) > floor
    return WeightSums(values, 0.0 if resolved else floor, resolved)
