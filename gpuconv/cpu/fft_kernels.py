"""Kernels that transform a tile in place: its columns, its rows, and back.

A tile holds complex points in two planes, `plane` bytes apart, with rows `pitch` bytes apart. Columns are handled a
vector of columns at a time; rows are turned into such panels by transposing squares.
"""

from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.fft_passes import Numbers, Panel, Points
from gpuconv.cpu.fft_values import negative, transposed
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.target import Target
from gpuconv.cpu.values import Lanes, Value

TILE = ("tile", "pitch", "plane", "panel", "table")
SLICES_AT_ONCE = 4  # of outputs of a volume, whose sums are in registers
SOURCES = ("re", "re_pitch", "im", "im_pitch")


def columns_kernel(code: str, points: int) -> Kernel:
    """Return the kernel columns(tile, pitch, plane, panel, table, width, sources, _): transform columns.

    `width` bytes of columns come from where `sources` point, the fields SOURCES.
    """
    return Kernel(_write_columns, (code, points))


def inverse_kernel(code: str, points: int) -> Kernel:
    """Return the kernel inverse(tile, pitch, plane, panel, table, width): columns back, times their points."""
    return Kernel(_write_inverse, (code, points))


def standing_kernel(code: str, points: int) -> Kernel:
    """Return the kernel standing(tile, pitch, plane, panel, table, width, sources, spectrum): columns there and back.

    The columns are multiplied by one spectrum, numbers side by side; the result is times their points.
    """
    return Kernel(_write_standing, (code, points))


def rows_kernel(code: str, points: int, *, twisted: bool) -> Kernel:
    """Return the kernel rows(tile, pitch, plane, panel, table, count, spectrum, twist).

    It transforms `count` rows, multiplies them by a spectrum and transforms back, times their points. Rows that are
    pieces of one signal are `twisted`: multiplied by the roots of unity in a table, and afterwards by their conjugates.
    """
    return Kernel(_write_rows, (code, points, int(twisted)))


def spectra_kernel(code: str, points: int) -> Kernel:
    """Return the kernel spectra(tile, pitch, plane, panel, table, count, to, step): transform rows.

    The vectors of the result lie `step` bytes from each other, from `to` on.
    """
    return Kernel(_write_spectra, (code, points))


def rows_back_kernel(code: str, points: int) -> Kernel:
    """Return the kernel rows_back(tile, pitch, plane, panel, table, count, source): rows back, times their points."""
    return Kernel(_write_rows_back, (code, points))


def sum_kernel(code: str) -> Kernel:
    """Return the kernel sum(sums, spectra, filter, offsets, positions, pitch, slices, step).

    At each position, `pitch` bytes after the last, sums of products of `slices` neighbouring values of the filter and
    of the spectra at `offsets`, which are `step` bytes apart in their table, for SLICES_AT_ONCE neighbouring outputs.
    """
    return Kernel(_write_sum, (code,))


def _write_columns(target: Target, code: str, points: int) -> str:
    e = Emitter((*TILE, "width", "sources", "_"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    panel, sources = Panel(e, lanes, points, e.panel, e.table), e.fields(e.sources, SOURCES)
    with e.loop(0, e.width, lanes.bytes) as x:
        source = Points(e, lanes, sources.re + x, sources.im + x, sources.re_pitch, sources.im_pitch)
        panel.forward(source, Points(e, lanes, e.tile + x, e.tile + e.plane + x, e.pitch, e.pitch))
    return e.text()


def _write_standing(target: Target, code: str, points: int) -> str:
    e = Emitter((*TILE, "width", "sources", "spectrum"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    panel, sources = Panel(e, lanes, points, e.panel, e.table), e.fields(e.sources, SOURCES)
    spectrum = Numbers(e, lanes, e.spectrum, e.spectrum + lanes.size, 2 * lanes.size, 2 * lanes.size)
    with e.loop(0, e.width, lanes.bytes) as x:
        source = Points(e, lanes, sources.re + x, sources.im + x, sources.re_pitch, sources.im_pitch)
        panel.multiply(source, Points(e, lanes, e.tile + x, e.tile + e.plane + x, e.pitch, e.pitch), spectrum)
    return e.text()


def _write_inverse(target: Target, code: str, points: int) -> str:
    e = Emitter((*TILE, "width"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    panel = Panel(e, lanes, points, e.panel, e.table)
    with e.loop(0, e.width, lanes.bytes) as x:
        tile = Points(e, lanes, e.tile + x, e.tile + e.plane + x, e.pitch, e.pitch)
        panel.backward(tile, tile)
    return e.text()


def _write_rows(target: Target, code: str, points: int, twisted: int) -> str:
    e = Emitter((*TILE, "count", "spectrum", "twist"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    panel = Panel(e, lanes, points, e.panel, e.table)
    with e.loop(0, e.count, lanes.count) as y:
        rows, offset = e.tile + y * e.pitch, y * (2 * points * lanes.size)
        spectrum, twist = (_pairs(e, lanes, table + offset) for table in (e.spectrum, e.twist))
        _transpose(e, lanes, panel, rows, back=False)
        panel.multiply(panel.rows, panel.rows, spectrum, twist if twisted else None)
        _transpose(e, lanes, panel, rows, back=True)
    return e.text()


def _write_spectra(target: Target, code: str, points: int) -> str:
    e = Emitter((*TILE, "count", "to", "step"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    panel = Panel(e, lanes, points, e.panel, e.table)
    with e.loop(0, e.count, lanes.count) as y:
        to = e.to + y // lanes.count * points * e.step
        _transpose(e, lanes, panel, e.tile + y * e.pitch, back=False)
        panel.forward(panel.rows, Points(e, lanes, to, to + lanes.bytes, e.step, e.step))
    return e.text()


def _write_rows_back(target: Target, code: str, points: int) -> str:
    e = Emitter((*TILE, "count", "source"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    panel = Panel(e, lanes, points, e.panel, e.table)
    with e.loop(0, e.count, lanes.count) as y:
        panel.backward(_pairs(e, lanes, e.source + y * (2 * points * lanes.size)), panel.rows)
        _transpose(e, lanes, panel, e.tile + y * e.pitch, back=True)
    return e.text()


def _write_sum(target: Target, code: str) -> str:
    e = Emitter(("sums", "spectra", "filter", "offsets", "positions", "pitch", "slices", "step"), fused=target.fused)
    lanes = Lanes(code, target.lanes(int(code[1])))
    with e.loop(0, e.positions) as i:
        spectra, factors = e.spectra + i * e.pitch, e.filter + i * e.slices * (2 * lanes.bytes)
        sums = [(e.variable(e.zero(lanes)), e.variable(e.zero(lanes))) for _ in range(SLICES_AT_ONCE)]
        with e.loop(0, e.slices) as d:
            (factor,) = _pairs(e, lanes, factors).load(d, 0, 1)
            less = negative(factor.im)
            for g, (re, im) in enumerate(sums):
                offset = e.integer(e.offsets + d * e.step + 8 * g)
                (value,) = _pairs(e, lanes, spectra + offset).load(e.number(0), 0, 1)
                re.value = e.muladd(value.re, factor.re, re.value)
                im.value = e.muladd(value.re, factor.im, im.value)
                re.value = e.muladd(value.im, less, re.value)
                im.value = e.muladd(value.im, factor.re, im.value)
        for g, (re, im) in enumerate(sums):
            to = e.sums + (e.positions * g + i) * (2 * lanes.bytes)
            e.store(re.value, to)
            e.store(im.value, to + lanes.bytes)
    return e.text()


def _pairs(e: Emitter, lanes: Lanes, address: Value) -> Points:
    """A table of complex vectors, each part beside the other."""
    return Points(e, lanes, address, address + lanes.bytes, 2 * lanes.bytes, 2 * lanes.bytes)


def _transpose(e: Emitter, lanes: Lanes, panel: Panel, rows: Value, *, back: bool) -> None:
    """Move rows of the tile into the panel, square by square, or `back`."""
    with e.loop(0, panel.points, lanes.count) as x:
        for plane, points in ((0, panel.rows.re), (1, panel.rows.im)):
            row, point = rows + x * lanes.size + e.plane * plane, points + x * lanes.bytes
            outer = [row + e.pitch * i for i in range(lanes.count)]
            inner = [point + i * lanes.bytes for i in range(lanes.count)]
            source, to = (inner, outer) if back else (outer, inner)
            square = transposed(lanes, [e.load(lanes.type, a) for a in source])
            for value, a in zip(square, to, strict=True):
                e.store(value, a)
