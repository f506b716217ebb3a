"""Hold a call with missing values against its formula, within a bound that follows from those of its two convolutions.

With numerator N and denominator D, computed as N + n and D + d, the quotient y = N / D is off by

    |(N + n) / (D + d) - y| = |n - y d| / |D + d| <= (|n| + |y| |d|) / (|D| - |d|)

where |n| and |d| are bounded by the plans of the two; to that comes the rounding of the quotient, and of the result.
"""

from dataclasses import replace
from typing import Any

import numpy as np

import gpuconv
from gpuconv import oracle
from gpuconv.dtypes import float_limits, is_bfloat16
from gpuconv.engine import Call, prepare
from gpuconv.options import Options
from gpuconv.statements import convolution, correlation, separable_call

STATES = {"convolve": convolution, "correlate": correlation, "sepconvolve": separable_call}
WEIGHTS = 4 * 2.0**-53  # relative error of weights over their sum


def check_normalised(kind: str, x: np.ndarray, weights: Any, mask: Any = None, **options: Any) -> Any:
    """Return the result with nan="omit" and normalize=True, after comparing it."""
    got = getattr(gpuconv, kind)(x, weights, nan="omit", mask=mask, normalize=True, **options)
    above, below = _calls(kind, x, weights, mask, **options)
    (numerator, n), (denominator, d) = _exact(above), _exact(below)
    rounding = float_limits(above.problem.compute_dtype).eps + float_limits(above.problem.out_dtype).eps
    with np.errstate(all="ignore"):
        quotient = numerator / denominator
        limit = (n + np.abs(quotient) * d) / (np.abs(denominator) - d) * (1 + rounding) + rounding * np.abs(quotient)
    assert (got.shape, got.dtype) == (quotient.shape, above.problem.out_dtype)
    values = got.astype("f4") if is_bfloat16(got.dtype) else got
    missing, unknown = np.isnan(values), np.abs(denominator) <= d
    assert missing[denominator == 0].all()
    zeros_are_exact = prepare(below).plan.bound.normwise == 0 and np.all(below.operands.full_weights() >= 0)
    assert np.all(np.abs(denominator)[missing] <= (0 if zeros_are_exact else 2 * np.max(d)))
    error = np.abs(values.astype(quotient.dtype) - quotient)
    assert np.all(missing | unknown | (error <= limit)), np.nanmax(np.where(unknown, 0, error / limit))
    return got


def _calls(kind: str, x: np.ndarray, weights: Any, mask: Any, fill: float = 0, **options: Any) -> tuple[Call, Call]:
    """The convolutions of valid samples, and of 1 where they are."""
    valid = ~np.isnan(x) if mask is None else ~np.isnan(x) & (np.broadcast_to(mask, x.shape) == 0)
    factors = [np.asarray(w) / np.sum(w) for w in (weights if kind == "sepconvolve" else [weights])]
    scaled: Any = factors if kind == "sepconvolve" else factors[0]
    outside = 0 if np.isnan(fill) else 1
    above = STATES[kind](np.where(valid, x, x.dtype.type(0)), scaled, Options(**options, fill=fill if outside else 0))
    sums = above.problem.compute_dtype
    real = sums if any(factor.dtype.kind == "c" for factor in factors) else np.empty(0, sums).real.dtype
    options |= {"compute_dtype": real, "out_dtype": real}
    if options.get("boundary", "zero") in ("zero", "constant"):
        options |= {"boundary": "constant", "fill": outside}
    return above, STATES[kind](valid, scaled, Options(**options))


def _exact(call: Call) -> tuple[np.ndarray, np.ndarray]:
    """The sums without rounding, and the bound of their error, in the caller's axes."""
    call = replace(call, problem=replace(call.problem, out_dtype=call.problem.compute_dtype))
    problem, operands, bound = call.problem, call.operands, prepare(call).plan.bound
    result, magnitude = oracle.compute(problem, operands.image, operands.full_weights())
    bound = replace(bound, relative=bound.relative + WEIGHTS)
    norm = oracle.norm_of_data(problem, operands.image, operands.full_weights())
    limit = np.broadcast_to(bound.at(magnitude.real.astype("float64"), result, norm), result.shape)
    dropped = tuple(axis for axis in range(result.ndim) if axis not in call.out_order)
    return tuple(values.transpose(*call.out_order, *dropped)[(..., *(0,) * len(dropped))] for values in (result, limit))
