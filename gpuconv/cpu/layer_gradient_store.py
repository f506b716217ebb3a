"""Stores the sums of a block of weights' gradients: vectors of output channels, of which each has weights of its own.

Where weights follow one another in memory (a *run*: all of an output, or all input channels of a tap), squares of sums
are transposed, so that whole vectors of an output's weights are written.
"""

from types import SimpleNamespace

import numpy as np

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.layer_job import LayerJob
from gpuconv.cpu.layer_patch import transpose
from gpuconv.cpu.values import Lanes, Value

TOGETHER = 8  # outputs, often a power of two apart, whose weights stay in one set of the cache until all are stored


class Store:
    """Writes the code that stores sums, rows of so many vectors."""

    def __init__(self, e: Emitter, lanes: Lanes, work: SimpleNamespace, vectors: int):
        self.e, self.lanes, self.work, self.wide = e, lanes, work, vectors * lanes.bytes

    def store(self, to: Value, depth: Value, outputs: Value) -> None:
        """Store those of some outputs, `depth` input channels of each; `to` is where the first goes."""
        e, work, lanes = self.e, self.work, self.lanes.count
        whole = e.select(work.runs > 0, outputs // lanes * lanes, 0)
        count = work.run_taps * depth
        with e.loop(0, whole, lanes) as o, e.loop(0, work.runs) as run, e.loop(0, count, lanes) as i:
            place = to + e.integer(work.run_outs + run * 8) + o * work.out_channel + i * self.lanes.size
            self._square(place, (run * work.run_length + i) * 8, o, count - i)
        with e.loop(0, depth) as k, e.loop(whole, outputs, TOGETHER) as o, e.loop(0, work.kept_taps) as tap:
            place = to + e.integer(work.tap_outs + tap * 8) + k * work.out_depth + o * work.out_channel
            source = work.sums + (tap * work.depth_chunk + k) * self.wide + o * self.lanes.size
            e.call(work.store, place, work.out_channel, source, e.least(outputs - o, TOGETHER))

    def _square(self, place: Value, entry: Value, o: Value, left: Value) -> None:
        """Store a vector of weights, or the few that are left, of as many outputs."""
        e, lanes, work = self.e, self.lanes, self.work
        column, table = work.sums + o * lanes.size, work.run_sums + entry
        rows = [e.load(lanes.type, column + e.integer(table + 8 * j)) for j in range(lanes.count)]
        weights = transpose(e, lanes, rows)
        with e.when(left >= lanes.count):
            for j, vector in enumerate(weights):
                e.store(vector, place + work.out_channel * j)
        with e.when(left < lanes.count):
            mask = e.first_lanes(lanes, left)
            for j, vector in enumerate(weights):
                e.store_some(vector, place + work.out_channel * j, mask)


def set_runs(job: LayerJob, lanes: Lanes, vectors: int, outs: np.ndarray) -> None:
    """List the runs of weights that lie at `outs` (bytes, by tap and input channel), as the sums do."""
    taps, depth = outs.shape
    runs: np.ndarray
    sums: np.ndarray = np.arange(outs.size).reshape(outs.shape) * (vectors * lanes.bytes)
    order, follow = np.argsort(outs[:, 0]), np.arange(depth) * lanes.size
    if np.array_equal(outs[order].T.ravel(), np.arange(outs.size) * lanes.size):
        runs, sums = outs[order[:1], 0], sums[order].T.reshape(1, -1)
        job.set(run_taps=taps)
    elif np.array_equal(outs - outs[:, :1], np.broadcast_to(follow, outs.shape)):
        runs = outs[:, 0]
        job.set(run_taps=1)
    else:
        return
    padded = np.pad(sums, ((0, 0), (0, -sums.shape[1] % lanes.count)), mode="edge")
    job.set(runs=len(runs), run_length=padded.shape[1])
    job.point(run_outs=np.ascontiguousarray(runs), run_sums=np.ascontiguousarray(padded))
