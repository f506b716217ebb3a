"""Kernels that move one row: load (image dtype to accumulators) and store (accumulators to output dtype).

Both take elements any number of bytes apart; contiguous rows go by vectors. Neither touches a byte beyond the row.
Rounding and overflow are those of `gpuconv.conversion.convert`; what `storable` refuses is left to it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value

Move = Callable[[Value, int], None]  # of so many elements from one on
MASKED = 256  # bits of a vector, from which on some of its lanes can be written
ROUND = {"half_even": "rint", "trunc": "trunc", "floor": "floor"}


def load_kernel(image: str, accumulator: str) -> Kernel:
    """Return the kernel load(to, source, stride, count): `count` elements `stride` bytes apart, as accumulators."""
    return Kernel(_write_load, (image, accumulator))


def store_kernel(accumulator: str, out: str, rounding: str, overflow: str) -> Kernel:
    """Return the kernel store(to, stride, source, count): accumulators as `count` elements `stride` bytes apart."""
    plain = not _clips(accumulator, out)
    return Kernel(_write_store, (accumulator, out, "" if plain else rounding, "" if plain else overflow))


def storable(accumulator: str, out: str, rounding: str, overflow: str, half: bool) -> bool:
    """Whether a store kernel can do this conversion."""
    if out == "f2":
        return half and accumulator == "f4"
    if not _clips(accumulator, out) or overflow == "saturate":
        return True
    whole = accumulator[0] != "f" or int(out[1]) <= int(accumulator[1]) // 2  # or the limits are no floats of this size
    return overflow == "wrap" and whole


def _clips(accumulator: str, out: str) -> bool:
    """Whether a value may not fit, or must be rounded to a whole number."""
    return out[0] != "f" and out != accumulator


def _write_load(target: Target, image: str, accumulator: str) -> str:
    e = Emitter(("to", "source", "stride", "count"), fused=target.fused)
    source, to = Lanes(image, 1), Lanes(accumulator, target.lanes(int(accumulator[1])))

    def move(index: Value, count: int) -> None:
        a, b = Lanes(source.code, count), Lanes(to.code, count)
        e.store(widen(e, e.load(a.type, e.source + index * e.stride), a, b), e.to + index * to.size)

    _each(e, {source.size: move}, to.count, move)
    return e.text()


def _write_store(target: Target, accumulator: str, out: str, rounding: str, overflow: str) -> str:
    e = Emitter(("to", "stride", "source", "count"), fused=target.fused)
    source, to = Lanes(accumulator, target.lanes(int(accumulator[1]))), Lanes(out, 1)

    def converted(index: Value, count: int) -> Value:
        a, b = Lanes(source.code, count), Lanes(to.code, count)
        return _narrow(e, e.load(a.type, e.source + index * source.size), a, b, rounding, overflow)

    def move(index: Value, count: int) -> None:
        e.store(converted(index, count), e.to + index * e.stride)

    def spread(index: Value, count: int) -> None:
        """Write every other element, and leave those between alone."""
        value, half = converted(index, count), count // 2
        for part in range(2):
            apart = e.spread(Lanes(to.code, count), value, part * half)
            e.store_some(apart, e.to + (index + part * half) * e.stride, e.even_lanes(count))

    vectors = {to.size: move}
    if source.count > 1 and target.bits >= MASKED:
        vectors[2 * to.size] = spread
    _each(e, vectors, source.count, move)
    return e.text()


def _each(e: Emitter, vectors: Mapping[int, Move], lanes: int, move: Move) -> None:
    """Move e.count elements, at some strides `lanes` at a time, the last vector overlapping the others."""
    first = e.variable(0)
    for stride, move_vector in vectors.items():
        whole = e.select(e.stride.equals(stride), e.count // lanes * lanes, 0)
        with e.loop(0, whole, lanes) as i:
            move_vector(i, lanes)
        with e.when(whole > 0):
            with e.when(whole < e.count):
                move_vector(e.count - lanes, lanes)
            first.value = e.count
    with e.loop(first.value, e.count) as i:
        move(i, 1)


def widen(e: Emitter, value: Value, source: Lanes, to: Lanes) -> Value:
    """As a C cast, without rounding to whole numbers."""
    if source.real:
        if source.size == to.size:
            return value
        return e.convert("fpext" if to.size > source.size else "fptrunc", value, to.type)
    if to.real:
        return e.convert("sitofp" if source.signed else "uitofp", value, to.type)
    if source.size == to.size:
        return value
    return e.convert("trunc" if to.size < source.size else "sext" if source.signed else "zext", value, to.type)


def _narrow(e: Emitter, value: Value, source: Lanes, to: Lanes, rounding: str, overflow: str) -> Value:
    """As `gpuconv.conversion.convert`."""
    if not rounding:
        return widen(e, value, source, to)
    if source.real:
        whole = _half_up(e, value, source) if rounding == "half_up" else e.intrinsic(ROUND[rounding], value)
        return _wrapped(e, whole, source, to) if overflow == "wrap" else _whole(e, whole, source, to)
    if overflow == "saturate":
        value = _saturated(e, value, source, to)
    return widen(e, value, source, to)


def _half_up(e: Emitter, value: Value, lanes: Lanes) -> Value:
    """To the nearest whole number, halves up; 0.5 is not added, for the sum would be rounded."""
    doubled = e.intrinsic("floor", value + value)
    return e.intrinsic("ceil", doubled * e.splat(lanes, Value(e, lanes.element, "0.5")))


def _whole(e: Emitter, value: Value, source: Lanes, to: Lanes) -> Value:
    """Whole floats clipped to an integer dtype; nan becomes 0."""
    if to.size > source.size // 2:  # the limits are no floats of this size, or need wide integers
        return e.intrinsic("fptosi.sat" if to.signed else "fptoui.sat", value, result=to.type)
    low, high = (e.splat(source, int(limit)) for limit in (np.iinfo(to.code).min, np.iinfo(to.code).max))
    if to.signed:
        value = e.select(value.equals(value), value, e.zero(source))
    value = e.select(value > low, value, low)
    value = e.select(value < high, value, high)
    wide = Lanes(to.code if to.size == 4 else "i4", source.count)
    return widen(e, e.convert("fptosi" if wide.signed else "fptoui", value, wide.type), wide, to)


def _wrapped(e: Emitter, value: Value, source: Lanes, to: Lanes) -> Value:
    """Whole floats as the low bits of an integer dtype; nan becomes 0, and inf the nearest limit."""
    info, wide = np.iinfo(to.code), Lanes("i4", source.count)
    period, inverse = (e.splat(source, Value(e, source.element, f"{2.0**n:.32e}")) for n in (info.bits, -info.bits))
    rest = value - e.intrinsic("floor", value * inverse) * period  # exact, from 0 on; nan where there is none
    low = e.select(value < e.zero(source), e.splat(source, int(info.min)), e.zero(source))
    limit = e.select(value > e.zero(source), e.splat(source, int(info.max)), low)
    rest = e.select(rest.equals(rest), rest, limit)
    if info.bits == 32:
        rest = e.select(rest > e.splat(source, 2**31 - 1), rest - period, rest)
    return widen(e, e.convert("fptosi", rest, wide.type), wide, to)


def _saturated(e: Emitter, value: Value, source: Lanes, to: Lanes) -> Value:
    """Integers clipped to what both dtypes can hold."""
    prefix = "s" if source.signed else "u"
    have, want = np.iinfo(source.code), np.iinfo(to.code)
    if want.min > have.min:
        value = e.intrinsic(f"{prefix}max", value, e.splat(source, int(want.min)))
    if want.max < have.max:
        value = e.intrinsic(f"{prefix}min", value, e.splat(source, int(want.max)))
    return value
