"""The passes of a Fourier transform over a panel: n rows of one complex vector, small enough for the first-level cache.

Forwards by decimation in frequency, backwards by decimation in time, so that nothing is ever put in order: the last
pass forwards, the product with a spectrum and the first pass backwards are one pass (Van Loan, Computational Frameworks
for the Fast Fourier Transform, SIAM 1992, sections 1.9 and 2.5). Powers of two only.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from gpuconv.cpu.emitter import Emitter, Number
from gpuconv.cpu.fft_values import Complex, inverse, transform
from gpuconv.cpu.values import Lanes, Value

RADIX = 8  # of a pass, at most


def radices(points: int) -> tuple[int, ...]:
    """Radix of each pass forwards: as few passes as there can be, the smaller ones last."""
    bits, most = points.bit_length() - 1, RADIX.bit_length() - 1
    passes = -(-bits // most)
    return tuple(1 << (bits + passes - 1 - i) // passes for i in range(passes))


def reversed_bits(count: int) -> np.ndarray:
    """Return 0 ... count - 1 (a power of two of numbers) in bit-reversed order."""
    order = np.zeros(1, np.int64)
    while len(order) < count:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


@functools.lru_cache(maxsize=64)
def frequencies(points: int) -> np.ndarray:
    """Return the frequency that the transform leaves at each place."""
    order = np.zeros(1, np.int64)
    for radix in reversed(radices(points)):
        order = np.add.outer(reversed_bits(radix), radix * order).ravel()
    return order


@functools.lru_cache(maxsize=64)
def roots(points: int, code: str) -> np.ndarray:
    """Return the roots of unity of every pass but the last: for each k and each output but the first, (re, im)."""
    parts, length = [np.zeros(0)], points
    for radix in radices(points)[:-1]:
        k = np.arange(length // radix)[:, None]
        angle = -2 * np.pi / length * (k * reversed_bits(radix)[1:])
        parts.append(np.stack([np.cos(angle), np.sin(angle)], -1).ravel())
        length //= radix
    return np.concatenate(parts).astype(code)


@dataclass(frozen=True)
class Points:
    """Where points are: rows of one complex vector, in two planes."""

    e: Emitter
    lanes: Lanes
    re: Value
    im: Value
    re_pitch: Number
    im_pitch: Number

    def load(self, row: Value, step: int, count: int) -> list[Complex]:
        """Return some rows, `step` apart."""
        e, type_ = self.e, self.lanes.type
        return [Complex(e.load(type_, re), e.load(type_, im)) for re, im in self._addresses(row, step, count)]

    def store(self, values: list[Complex], row: Value, step: int) -> None:
        """Write some rows, `step` apart."""
        for value, (re, im) in zip(values, self._addresses(row, step, len(values)), strict=True):
            self.e.store(value.re, re)
            self.e.store(value.im, im)

    def _addresses(self, row: Value, step: int, count: int) -> list[tuple[Value, Value]]:
        re, im = self.re + row * self.re_pitch, self.im + row * self.im_pitch
        return [(re + _times(self.re_pitch, j * step), im + _times(self.im_pitch, j * step)) for j in range(count)]


def _times(pitch: Number, count: int) -> Number:
    return pitch * count if count else 0


class Numbers(Points):
    """Rows of one complex number, which goes into every lane."""

    def load(self, row: Value, step: int, count: int) -> list[Complex]:
        """Return some rows, `step` apart."""
        addresses = self._addresses(row, step, count)
        return [Complex(*(self.e.broadcast(self.lanes, address) for address in pair)) for pair in addresses]


@dataclass(frozen=True)
class Pass:
    """Blocks of `length` rows, each done by length / radix butterflies, and where the roots of unity are."""

    length: int
    radix: int
    offset: int

    @property
    def step(self) -> int:
        """Rows from one input of a butterfly to the next."""
        return self.length // self.radix


class Panel:
    """Writes the passes over a panel of vectors."""

    def __init__(self, e: Emitter, lanes: Lanes, points: int, address: Value, table: Value):
        self.e, self.lanes, self.points, self.table = e, lanes, points, table
        self.rows = Points(e, lanes, address, address + points * lanes.bytes, lanes.bytes, lanes.bytes)
        self.passes: list[Pass] = []
        length, offset = points, 0
        for radix in radices(points):
            self.passes.append(Pass(length, radix, offset))
            offset += length // radix * (radix - 1) * 2 * lanes.size
            length //= radix

    def forward(self, source: Points, target: Points, twist: Points | None = None) -> None:
        """Transform the source, first multiplied by a twist, into the target."""
        for pass_ in self.passes:
            self._forward(pass_, source, target if pass_ is self.passes[-1] else self.rows, twist)
            source, twist = self.rows, None

    def backward(self, source: Points, target: Points) -> None:
        """Transform the source back into the target."""
        for pass_ in reversed(self.passes):
            self._backward(pass_, source, target if pass_ is self.passes[0] else self.rows, None)
            source = self.rows

    def multiply(self, source: Points, target: Points, spectrum: Points, twist: Points | None = None) -> None:
        """Transform the source, multiply it by a spectrum, and transform it back into the target."""
        *outer, last = self.passes
        for pass_ in outer:
            first = pass_ is outer[0]
            self._forward(pass_, source if first else self.rows, self.rows, twist if first else None)
        with self._butterflies(last) as (row, _):
            values = transform(self.lanes, self.rows.load(row, last.step, last.radix))
            factors = spectrum.load(row, last.step, last.radix)
            products = [a * b for a, b in zip(values, factors, strict=True)]
            self.rows.store(inverse(self.lanes, products), row, last.step)
        for pass_ in reversed(outer):
            first = pass_ is outer[0]
            self._backward(pass_, self.rows, target if first else self.rows, twist if first else None)

    def _forward(self, pass_: Pass, source: Points, target: Points, twist: Points | None) -> None:
        with self._butterflies(pass_) as (row, factors):
            values = source.load(row, pass_.step, pass_.radix)
            if twist is not None:
                values = [a * b for a, b in zip(values, twist.load(row, pass_.step, pass_.radix), strict=True)]
            first, *others = transform(self.lanes, values)
            if factors:
                others = [a * b for a, b in zip(others, factors, strict=True)]
            target.store([first, *others], row, pass_.step)

    def _backward(self, pass_: Pass, source: Points, target: Points, twist: Points | None) -> None:
        with self._butterflies(pass_) as (row, factors):
            first, *others = source.load(row, pass_.step, pass_.radix)
            if factors:
                others = [a * b.conjugate for a, b in zip(others, factors, strict=True)]
            values = inverse(self.lanes, [first, *others])
            if twist is not None:
                turns = twist.load(row, pass_.step, pass_.radix)
                values = [a * b.conjugate for a, b in zip(values, turns, strict=True)]
            target.store(values, row, pass_.step)

    @contextmanager
    def _butterflies(self, pass_: Pass) -> Iterator[tuple[Value, list[Complex]]]:
        """Run the `with` block for each butterfly: its first row, and its roots of unity unless all are 1."""
        e, size = self.e, self.lanes.size
        with e.loop(0, pass_.step) as k:
            address = self.table + k * ((pass_.radix - 1) * 2 * size) + pass_.offset
            count = 0 if pass_.step == 1 else pass_.radix - 1
            factors = [self._root(address + 2 * size * j) for j in range(count)]
            with e.loop(k, self.points, pass_.length) as row:
                yield row, factors

    def _root(self, address: Value) -> Complex:
        return Complex(*(self.e.broadcast(self.lanes, address + offset) for offset in (0, self.lanes.size)))
