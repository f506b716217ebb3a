"""The kernels of plain filters: which there are, and what each is compiled for."""

from dataclasses import dataclass
from typing import TypedDict

from gpuconv.cpu.driver import Driver
from gpuconv.cpu.emitter import Emitter
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.sums import Tile
from gpuconv.cpu.target import Target, host
from gpuconv.cpu.tiles import compiled_sizes, lines_of, short_line, tile_of
from gpuconv.cpu.values import Lanes
from gpuconv.cpu.volumes import DirectVolume, SeparableVolume
from gpuconv.cpu.worker import work_through
from gpuconv.problem import Ints


class _Lines(TypedDict):
    line: int
    phased: bool
    near: bool
    rounded: bool


@dataclass(frozen=True)
class Choice:
    """How a filter is computed."""

    kernel: Kernel
    kind: str  # of the tile
    tile: Tile
    slices: int = 1  # of a volume, at a time


def choose(
    code: str,
    filter_: Ints,
    stride: Ints,
    dilation: Ints,
    *,
    terms: int,
    checked: bool,
    listed: bool,
    near: bool,
    rounded: bool,
) -> Choice:
    """Choose the kernel of a filter of two or three axes.

    `code`, `near` and `rounded` are those of `filter_kernel`; `terms` outer products are computed in passes (0: none,
    all taps at once), and outputs looked at if `checked`; `listed` asks for a list of taps.
    """
    *depth, height, width = filter_
    may_be_line = not (terms or depth or rounded)  # a line adds up in another order than scipy.ndimage
    kind = tile_kind(height, stride[-2], dilation[-2], line=may_be_line, listed=listed)
    sizes = height, terms or width
    lines: _Lines = {"line": width if terms else 0, "phased": stride[-1] > 1, "near": near, "rounded": rounded}
    if not depth:
        kernel, tile = filter_kernel(code, kind, *sizes, terms=max(terms, 1), checked=checked, **lines)
        return Choice(kernel, kind, tile)
    across = tile_kind(depth[0], stride[0], dilation[0])
    kernel, tile, slices = volume_kernel(code, kind, *sizes, across=across, filter_d=depth[0], **lines)
    return Choice(kernel, kind, tile, slices)


def tile_kind(filter_h: int, stride_h: int, dilation_h: int, *, line: bool = False, listed: bool = False) -> str:
    """Return the tile that computes a filter; a single row of weights is a line where there may be one."""
    if line and filter_h == 1 and not listed:
        return "line"
    return "taps" if listed or stride_h > 1 or dilation_h > 1 else "sliding"


def filter_kernel(
    code: str,
    kind: str,
    filter_h: int,
    filter_w: int,
    *,
    line: int = 0,
    terms: int = 1,
    checked: bool = False,
    phased: bool = False,
    near: bool = False,
    rounded: bool = False,
) -> tuple[Kernel, Tile]:
    """Return the kernel that computes blocks of a filter, and its tile.

    Parameters
    ----------
    code : str
        Dtype of the accumulators: f4, f8, i4, i8 (or u8).
    kind : {"sliding", "taps", "line"}
        The tile.
    filter_h, filter_w : int
        Rows and columns of the weights; compiled in where the tile gains by it.
    line : int
        Taps of the filter along rows that comes before the tile (separable weights); 0: none.
    terms : int
        Filters along rows that come before the tile, which has a column of weights for each.
    checked : bool
        Whether outputs that are not finite are noted in the job.
    phased : bool
        Whether the horizontal stride is not 1.
    near : bool
        Whether the taps of a row read neighbouring samples.
    rounded : bool
        Whether each product is rounded before it is added, as scipy.ndimage does.
    """
    target, sizes = host(), compiled_sizes(filter_h, filter_w) if kind == "sliding" else (0, 0)
    in_line = line or (filter_w if kind == "line" else 0)
    short = short_line(target, int(code[1]), in_line) if near and terms == 1 else 0
    lines = terms if line else 0
    kernel = Kernel(
        _write, (code.replace("u", "i"), kind, *sizes, lines, int(checked), int(phased), short, int(rounded))
    )
    return kernel, tile_of(target, kind, *sizes, short=0 if line else short)


def _write(
    target: Target,
    code: str,
    kind: str,
    filter_h: int,
    filter_w: int,
    lines: int,
    checked: int,
    phased: int,
    short: int,
    rounded: int,
) -> str:
    """Return kernel(job, scratch, spins).

    `spins` is how often to look, at the end, whether the other workers have finished their blocks too.
    """
    e = Emitter(("job", "scratch", "spins"), fused=target.fused and not rounded)
    lanes = Lanes(code, target.lanes(int(code[1])))
    tile = tile_of(target, kind, filter_h, filter_w, 0 if lines else short)
    before = (lines_of(target, lines) if lines > 1 else tile_of(target, "line", short=short)) if lines else None
    driver = Driver(e, lanes, tile, before, checked=bool(checked), phased=bool(phased))
    work_through(e, driver.work.items, driver.block)
    return e.text()


def volume_kernel(
    code: str,
    kind: str,
    filter_h: int,
    filter_w: int,
    *,
    across: str,
    filter_d: int,
    line: int,
    phased: bool,
    near: bool,
    rounded: bool,
) -> tuple[Kernel, Tile, int]:
    """Return the kernel that computes blocks of volumes, its tile, and how many slices it computes at a time.

    `across` is the tile across slices, "sliding" or "taps", where there is a line, and `filter_d` the slices of the
    weights, compiled in likewise; the others are as in `filter_kernel`.
    """
    target, sizes = host(), compiled_sizes(filter_h, filter_w) if kind == "sliding" else (0, 0)
    code = code.replace("u", "i")
    if not line:
        tile = tile_of(target, kind, *sizes, deep=True)
        return Kernel(_write_direct_volume, (code, kind, *sizes, int(phased), int(rounded))), tile, 1
    short = short_line(target, int(code[1]), line) if near else 0
    depth = compiled_sizes(filter_d, 1) if across == "sliding" else (0, 0)
    kernel = Kernel(_write_separable_volume, (code, kind, *sizes, across, *depth, int(phased), short))
    return kernel, tile_of(target, kind, *sizes), tile_of(target, across, *depth).rows


def _write_direct_volume(
    target: Target, code: str, kind: str, filter_h: int, filter_w: int, phased: int, rounded: int
) -> str:
    """As `_write`."""
    e = Emitter(("job", "scratch", "spins"), fused=target.fused and not rounded)
    lanes, tile = Lanes(code, target.lanes(int(code[1]))), tile_of(target, kind, filter_h, filter_w, deep=True)
    driver = DirectVolume(e, lanes, tile, phased=bool(phased))
    work_through(e, driver.work.items, driver.block)
    return e.text()


def _write_separable_volume(
    target: Target,
    code: str,
    kind: str,
    filter_h: int,
    filter_w: int,
    across: str,
    filter_d: int,
    width: int,
    phased: int,
    short: int,
) -> str:
    """As `_write`."""
    e = Emitter(("job", "scratch", "spins"), fused=target.fused)
    lanes, line = Lanes(code, target.lanes(int(code[1]))), tile_of(target, "line", short=short)
    tiles = tile_of(target, kind, filter_h, filter_w), line, tile_of(target, across, filter_d, width)
    driver = SeparableVolume(e, lanes, *tiles, phased=bool(phased))
    work_through(e, driver.work.items, driver.block)
    return e.text()
