"""The inner loop of a filter along rows: of signals, and of the first pass of separable weights (or of several)."""

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.sums import Write, add_products, load_neighbours, load_samples, write_sums, zero_sums
from gpuconv.cpu.values import Lanes, Value, Variable


@dataclass(frozen=True)
class Line:
    """A filter along one row, a list of taps with the column that each reads.

    Two taps that lie one vector apart read the same vectors but one, so such pairs go together: where `work.paired` is
    1 (not 0), which says that the taps follow one another on neighbouring samples.
    """

    vectors: tuple[int, ...]
    rows: int = 1

    def begin(self, e: Emitter, lanes: Lanes, work: SimpleNamespace) -> Write:
        """Nothing in common."""
        return partial(self._write, e, lanes, work)

    def _write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Add the pairs, then the rest."""
        (sums,) = zero_sums(e, lanes, 1, vectors)
        source = e.integer(work.rows) + x
        first = e.variable(0)

        def alone(start: Value, stop: Value) -> None:
            with e.loop(start, stop) as s:
                weight = e.broadcast(lanes, work.weights + s * lanes.size)
                add_products(
                    e, sums, load_samples(e, lanes, source + e.integer(work.tap_columns + s * 8), vectors), weight
                )

        with e.repeat(lambda: (work.taps - first.value) * work.paired > lanes.count):
            start = first.value
            paired = start + e.least(work.taps - start - lanes.count, lanes.count)
            with e.loop(start, paired) as s:
                self._pair(e, lanes, sums, source + s * lanes.size, work.weights + s * lanes.size)
            alone(paired, start + lanes.count)
            first.value = paired + lanes.count
        alone(first.value, work.taps)
        write_sums(e, lanes, [sums], work, x)

    def _pair(self, e: Emitter, lanes: Lanes, sums: list[Variable], source: Value, weights: Value) -> None:
        """Add the tap at `weights` and the one a vector after it."""
        near, far = (e.broadcast(lanes, weights + offset) for offset in (0, lanes.bytes))
        samples = load_samples(e, lanes, source, len(sums) + 1)
        add_products(e, sums, samples[:-1], near)
        add_products(e, sums, samples[1:], far)


@dataclass(frozen=True)
class ShortLine:
    """As Line, for taps on neighbouring samples, fewer than a vector has elements: their number is compiled in.

    Vectors that begin within a cache line take two loads each; so all but the last are put together from two registers.
    """

    vectors: tuple[int, ...]
    taps: int
    rows: int = 1

    def begin(self, e: Emitter, lanes: Lanes, work: SimpleNamespace) -> Write:
        """Load the weights."""
        weights = [e.broadcast(lanes, work.weights + t * lanes.size) for t in range(self.taps)]

        def write(x: Value, vectors: int) -> None:
            (sums,) = zero_sums(e, lanes, 1, vectors)
            samples = load_neighbours(e, lanes, e.integer(work.rows) + x, vectors, self.taps)
            for at_tap, weight in zip(samples, weights, strict=True):
                add_products(e, sums, at_tap, weight)
            write_sums(e, lanes, [sums], work, x)

        return write


@dataclass(frozen=True)
class Lines:
    """Several filters of one length along a row: each sample that is loaded serves all of them.

    The weights of a tap stand beside each other. Each filter has a row of outputs of its own.
    """

    vectors: tuple[int, ...]
    rows: int  # filters

    def begin(self, e: Emitter, lanes: Lanes, work: SimpleNamespace) -> Write:
        """Nothing in common."""
        return partial(self._write, e, lanes, work)

    def _write(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, x: Value, vectors: int) -> None:
        """Walk the taps."""
        sums = zero_sums(e, lanes, self.rows, vectors)
        source = e.integer(work.rows) + x
        with e.loop(0, work.taps) as s:
            samples = load_samples(e, lanes, source + e.integer(work.tap_columns + s * 8), vectors)
            for o in range(self.rows):
                weight = e.broadcast(lanes, work.weights + (s * self.rows + o) * lanes.size)
                add_products(e, sums[o], samples, weight)
        write_sums(e, lanes, sums, work, x)
