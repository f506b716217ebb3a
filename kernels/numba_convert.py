"""The one conversion of a sum to the output dtype: rounding and overflow as in gpuconv.conversion, per thread.

Written with IEEE additions and comparisons only, so that the compiled kernels and Numba's simulator agree to the bit.
"""

import math

import numpy as np
from numba import cuda

from gpuconv.problem import OVERFLOWS, ROUNDINGS


def convert_of(specialization):
    """Device function that converts the sums of one specialisation to its output dtype."""
    types = dict(specialization.types)
    rounding, overflow = ROUNDINGS[specialization.constant("ROUNDING")], OVERFLOWS[specialization.constant("OVERFLOW")]
    return make_convert(np.dtype(types["acc"]), np.dtype(types["out"]), rounding, overflow)


def make_convert(source, target, rounding, overflow):
    """Device function from a sum of dtype `source` to `target`; overflow is "saturate" or "wrap"."""
    if source == target or target.kind == "f" or (source.kind != "f" and overflow == "wrap"):
        return _cast(target.type)
    if source.kind != "f":
        return _clip(source, target)
    return _round(source, target, rounding, overflow)


def _cast(target):
    @cuda.jit(device=True)
    def convert(value):
        return target(value)

    return convert


def _clip(source, target):
    cast = target.type
    low = source.type(max(np.iinfo(source).min, np.iinfo(target).min))
    high = source.type(min(np.iinfo(source).max, np.iinfo(target).max))

    @cuda.jit(device=True)
    def convert(value):
        return cast(min(max(value, low), high))

    return convert


def _round(source, target, rounding, overflow):
    """Rounded, then saturated or wrapped; nan becomes 0 and inf the nearest limit."""
    info = np.iinfo(target)
    cast, lowest, highest = target.type, target.type(info.min), target.type(info.max)
    low, limit = source.type(info.min), source.type(2.0 ** (info.bits - (target.kind == "i")))  # both exact
    infinity = source.type(math.inf)
    whole, wrapped, wraps = _whole(source.type, rounding), _wrapped(source.type, cast), overflow == "wrap"

    @cuda.jit(device=True)
    def convert(value):
        value = whole(value)
        if low <= value < limit:
            return cast(value)
        if value != value:
            return cast(0)
        if wraps and abs(value) != infinity:
            return wrapped(value)
        return highest if value > low else lowest

    return convert


def _whole(scalar, rounding):
    """Rounding to a whole number, still as a float."""
    shift = scalar(2.0 ** (np.finfo(scalar).nmant))  # from here on every float is whole; adding it rounds to even
    one, two, minus_half = scalar(1), scalar(2), scalar(-0.5)

    @cuda.jit(device=True)
    def half_even(value):
        magnitude = abs(value)
        if magnitude < shift:
            magnitude = (magnitude + shift) - shift
        return -magnitude if value < scalar(0) else magnitude

    @cuda.jit(device=True)
    def floor(value):
        nearest = half_even(value)
        return nearest - one if nearest > value else nearest

    @cuda.jit(device=True)
    def trunc(value):
        return -floor(-value) if value < scalar(0) else floor(value)

    @cuda.jit(device=True)
    def half_up(value):
        return -floor(floor(value * two) * minus_half)

    return {"half_even": half_even, "floor": floor, "trunc": trunc, "half_up": half_up}[rounding]


def _wrapped(scalar, cast):
    """Finite whole numbers modulo 2**64, then cast: exact."""
    modulus = scalar(2.0**64)

    @cuda.jit(device=True)
    def wrap(value):
        magnitude = np.uint64(math.fmod(abs(value), modulus))
        if value > scalar(0) or magnitude == np.uint64(0):
            return cast(magnitude)
        return cast(~magnitude + np.uint64(1))

    return wrap
