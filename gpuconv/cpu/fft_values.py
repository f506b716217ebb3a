"""Complex vectors in registers: products with roots of unity, short Fourier transforms, transposition of a square.

A transform of r values leaves them in bit-reversed order and its inverse takes them so, which costs nothing: between
the two only products of corresponding values are formed.
"""

import math
import struct
from dataclasses import dataclass

import numpy as np

from gpuconv.cpu.values import Lanes, Value, Writer

UNIT = 16  # bytes that shuffles move best: elements leave such a part of a vector only where they must


@dataclass(frozen=True)
class Complex:
    """A complex vector in two parts."""

    re: Value
    im: Value

    def __add__(self, other: "Complex") -> "Complex":
        return Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: "Complex") -> "Complex":
        return Complex(self.re - other.re, self.im - other.im)

    def __mul__(self, other: "Complex") -> "Complex":
        e = self.re.emitter
        re = e.muladd(self.re, other.re, negative(self.im * other.im))
        return Complex(re, e.muladd(self.re, other.im, self.im * other.re))

    @property
    def conjugate(self) -> "Complex":
        """The conjugate."""
        return Complex(self.re, negative(self.im))


def negative(value: Value) -> Value:
    """Return -value; the addition that takes it becomes a subtraction."""
    return value.emitter.emit(value.type, f"fneg {value.type} {value.name}")


def constant(e: Writer, lanes: Lanes, number: float) -> Value:
    """Return a vector of one number."""
    rounded = float(np.float32(number)) if lanes.size == 4 else number
    element = f"{lanes.element} 0x{struct.pack('>d', rounded).hex().upper()}"
    return Value(e, lanes.type, f"<{', '.join([element] * lanes.count)}>")


def turned(lanes: Lanes, x: Complex, k: int, n: int) -> Complex:
    """Return x * exp(-2 pi i k / n)."""
    eighths, rest = divmod(8 * k, n)
    if rest:
        angle = -2 * math.pi * k / n
        e = x.re.emitter
        return x * Complex(constant(e, lanes, math.cos(angle)), constant(e, lanes, math.sin(angle)))
    for _ in range(eighths % 8 // 2):
        x = Complex(x.im, negative(x.re))
    if eighths % 2:
        half = constant(x.re.emitter, lanes, math.sqrt(0.5))
        x = Complex((x.re + x.im) * half, (x.im - x.re) * half)
    return x


def transform(lanes: Lanes, x: list[Complex]) -> list[Complex]:
    """Return the Fourier transform of x (a power of two of values) in bit-reversed order."""
    n = len(x)
    if n == 1:
        return x
    low, high = x[: n // 2], x[n // 2 :]
    sums = [a + b for a, b in zip(low, high, strict=True)]
    differences = [turned(lanes, a - b, k, n) for k, (a, b) in enumerate(zip(low, high, strict=True))]
    return transform(lanes, sums) + transform(lanes, differences)


def inverse(lanes: Lanes, x: list[Complex]) -> list[Complex]:
    """Return n times the inverse transform of n values in bit-reversed order."""
    n = len(x)
    if n == 1:
        return x
    even, odd = inverse(lanes, x[: n // 2]), inverse(lanes, x[n // 2 :])
    odd = [turned(lanes, value, -k, n) for k, value in enumerate(odd)]
    return [a + b for a, b in zip(even, odd, strict=True)] + [a - b for a, b in zip(even, odd, strict=True)]


def transposed(lanes: Lanes, rows: list[Value]) -> list[Value]:
    """Return the transpose of a square of elements: first parts of UNIT bytes change places, then elements in them."""
    unit = min(UNIT // lanes.size, lanes.count)
    half = lanes.count // 2
    while half >= unit:
        rows = [_exchanged(lanes, rows, i, half) for i in range(lanes.count)]
        half //= 2
    for _ in range(unit.bit_length() - 1):
        rows = [_zipped(lanes, rows, i, unit) for i in range(lanes.count)]
    return rows


def _exchanged(lanes: Lanes, rows: list[Value], i: int, half: int) -> Value:
    """Row i after the off-diagonal parts of `half` elements in each square of 2 * half have changed places."""
    low, high = rows[i & ~half], rows[i | half]
    lane = range(lanes.count)
    wanted = [(j & ~half) | (i & half) for j in lane]  # from the lower row where j & half is 0, else from the upper
    return shuffled(lanes, low, high, [w + (lanes.count if j & half else 0) for j, w in zip(lane, wanted, strict=True)])


def _zipped(lanes: Lanes, rows: list[Value], i: int, unit: int) -> Value:
    """Row i after one perfect shuffle in each unit of rows and lanes."""
    first, k = i // unit * unit, i % unit
    low, high = rows[first + k // 2], rows[first + k // 2 + unit // 2]
    mask = [j // unit * unit + (k % 2) * unit // 2 + j % unit // 2 + (j % 2) * lanes.count for j in range(lanes.count)]
    return shuffled(lanes, low, high, mask)


def shuffled(lanes: Lanes, a: Value, b: Value, mask: list[int]) -> Value:
    """Return the elements of a followed by b that a mask names."""
    indices = ", ".join(f"i32 {i}" for i in mask)
    return a.emitter.emit(
        lanes.type, f"shufflevector {lanes.type} {a.name}, {lanes.type} {b.name}, <{lanes.count} x i32> <{indices}>"
    )
