"""Filters of volumes by transforms of their slices, which are summed over the slices of the filter as spectra.

A worker takes tiles of all slices, two at a time, as `fft_tiles` has them, and goes up the slices: each is transformed
once, and its spectrum kept in a slot of a ring. Outputs of some slices at a time are sums over those spectra, times the
spectra of the filter's slices, transformed back. So a slice costs two transforms, however many the filter has.

Spectra lie position by position: the values that slots, or the filter's slices, have at one position are neighbours.
"""

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.fft_kernels import SLICES_AT_ONCE
from gpuconv.cpu.fft_tiles import Tiles
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.job import HELD
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value
from gpuconv.cpu.worker import work_through


def volumes_kernel(code: str) -> Kernel:
    """Return the kernel volumes(job, scratch, spins), as a driver's."""
    return Kernel(_write, (code,))


def _write(target: Target, code: str) -> str:
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    volumes = VolumeTiles(e, Lanes(code, target.lanes(int(code[1]))))

    def compute(item: Value) -> None:
        with e.when(e.shared(volumes.spoiled).equals(0)):
            volumes.compute(item)

    work_through(e, volumes.work.items, compute)
    return e.text()


class VolumeTiles(Tiles):
    """Writes the loops of one driver."""

    def __init__(self, e: Emitter, lanes: Lanes):
        super().__init__(e, lanes, linear=False)
        for name in ("spectra", "sums", "offsets"):
            setattr(self.own, name, e.scratch + getattr(self.own, name))

    def compute(self, item: Value) -> None:
        """Compute the tiles of all slices that share transforms."""
        e, work, own = self.e, self.work, self.own
        loaded, trace = e.variable(0), e.variable(e.zero(self.lanes))
        with e.loop(0, work.out_d, SLICES_AT_ONCE) as z:
            count = e.least(work.out_d - z, SLICES_AT_ONCE)
            stop = z + count + work.reach_d
            with e.loop(loaded.value, stop) as j:
                self._transform(item, j)
            loaded.value = stop
            with e.loop(0, work.slice_span) as i:
                slot = e.integer(work.slice_slot + e.least(z + i, stop - 1) * 8)
                e.store(slot * (2 * self.lanes.bytes), own.offsets + i * 8)
            step = work.dilation_d * 8
            e.call(
                own.sum,
                own.sums,
                own.spectra,
                own.spectrum,
                own.offsets,
                own.positions,
                work.slice_bytes,
                work.filter_d,
                step,
            )
            with e.loop(0, count) as g:
                self._transform_back(own.sums + g * own.sum_bytes)
                with e.loop(0, 2) as part:
                    self._enter(item * own.shared + e.least(part, own.shared - 1))
                    target = work.target + own.out_part * part + (z + g) * work.out_slice
                    self._store(self.tile + own.plane * part, target, trace)
        self._judge(trace.value)

    def _transform(self, item: Value, j: Value) -> None:
        """Keep the spectrum of the tiles in window slice j, unless it is there."""
        e, work, own, fill = self.e, self.work, self.own, self.work.fill
        source = e.integer(work.slice_source + j * 8)
        self.slots.beyond = source < 0
        with e.when(source > HELD):
            with e.loop(0, 2) as part:
                self._enter(item * own.shared + e.least(part, own.shared - 1))
                work.source = work.source + own.image_part * part + source * work.image_slice
                work.fill = fill + own.fill_part * part
                self._point(part)
            work.fill = fill
            tile = (self.tile, own.pitch, own.plane, self.panel)
            e.call(own.columns, *tile, own.columns_table, own.width * self.lanes.size, self.sources, 0)
            to = own.spectra + e.integer(work.slice_slot + j * 8) * (2 * self.lanes.bytes)
            e.call(own.rows_kernel, *tile, own.rows_table, own.height, to, work.slice_bytes)

    def _transform_back(self, sums: Value) -> None:
        """Transform sums of spectra back into the tile."""
        e, own = self.e, self.own
        tile = (self.tile, own.pitch, own.plane, self.panel)
        e.call(own.rows_back, *tile, own.rows_table, own.height, sums)
        e.call(own.inverse, *tile, own.columns_table, own.used)
