"""Run a call and hold its result against the oracle, within the bound of its own plan."""

from typing import Any

import numpy as np

from gpuconv import oracle
from gpuconv.engine import Call, prepare
from gpuconv.options import Options
from gpuconv.statements import conjugate, filter_call, separable_call


def check_convolve(x: Any, weights: Any, **options: Any) -> np.ndarray:
    return check_call(filter_call(x, weights, Options(**options), flipped=True))


def check_correlate(x: Any, weights: Any, **options: Any) -> np.ndarray:
    return check_call(filter_call(x, conjugate(weights), Options(**options), flipped=False))


def check_sepconvolve(x: Any, weights: Any, **options: Any) -> np.ndarray:
    return check_call(separable_call(x, weights, Options(**options)))


def check_call(call: Call) -> np.ndarray:
    """Return the result, in the caller's axes, after comparing it."""
    prepared = prepare(call)
    result, bound = np.asarray(prepared.finish()), prepared.plan.bound
    dropped = [axis for axis in range(len(call.problem.out_shape)) if axis not in call.out_order]
    order = [*call.out_order, *dropped]
    in_engine_order = result.reshape(*result.shape, *(1 for _ in dropped)).transpose(np.argsort(order))
    operands = call.operands
    bias = None if operands.bias is None else np.asarray(operands.bias)
    oracle.assert_agrees(call.problem, bound, in_engine_order, operands.image, operands.full_weights(), bias)
    return result


def random(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    """Values that fill an integer dtype, or a normal distribution."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        wide = 1 << 40  # 64-bit values small enough for their sums to fit
        return rng.integers(max(info.min, -wide), min(info.max, wide), shape, dtype=dtype, endpoint=True)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape)).astype(dtype) if dtype.kind == "c" else values.astype(dtype)
