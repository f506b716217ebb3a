"""How a filter is computed by transforms: its tile, its kernels, and the part of its job that repeated calls share."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gpuconv.cpu import jit, pool
from gpuconv.cpu.fft_kernels import (
    SLICES_AT_ONCE,
    columns_kernel,
    inverse_kernel,
    rows_back_kernel,
    rows_kernel,
    spectra_kernel,
    standing_kernel,
    sum_kernel,
)
from gpuconv.cpu.fft_passes import roots
from gpuconv.cpu.fft_spectrum import twist
from gpuconv.cpu.fft_tiles import TileJob, tiles_kernel
from gpuconv.cpu.fft_volumes import volumes_kernel
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.job import ALIGNMENT, Shape, geometry, lay_out
from gpuconv.cpu.layout import Axis, Layout, layout
from gpuconv.cpu.recipe import component
from gpuconv.cpu.rows import load_kernel, storable, store_kernel
from gpuconv.cpu.target import host
from gpuconv.cpu.volume_job import set_slices
from gpuconv.launches.cpu_fft import shared_tiles
from gpuconv.problem import DType, Ints, Problem

STANDING_BYTES = 1 << 17  # of a plane of columns that are transformed down only
STANDING_POINTS = 1 << 12  # at most: their panels fit the second-level cache


@dataclass(frozen=True)
class Tile:
    """Points down and along; `linear`: its rows are the pieces of one line; `standing`: each column is one line.

    A `deep` one is of a volume: a part of every slice.
    """

    height: int
    width: int
    linear: bool = False
    standing: bool = False
    deep: bool = False

    @property
    def points(self) -> int:
        """All of them."""
        return self.height * self.width


@dataclass(frozen=True)
class Recipe:
    """Driver, job and tile; each filter adds its spectrum, each call its arrays."""

    driver: pool.Driver
    job: TileJob
    tile: Tile


def kernels(problem: Problem, points: Ints, dtype: DType) -> tuple[Kernel, ...]:
    """Return the kernels of a filter: driver, columns, rows, columns back, load and store."""
    code, tile = component(dtype), _tile(points, dtype, standing=problem.rank == 2 and problem.filter[1] == 1)
    return tuple(_kernels(problem, code, tile).values())


def _kernels(problem: Problem, code: str, tile: Tile) -> dict[str, Kernel]:
    out = component(problem.out_dtype)
    converted = storable(code, out, problem.rounding, problem.overflow, host().half)
    found = {
        "driver": volumes_kernel(code) if tile.deep else tiles_kernel(code, linear=tile.linear),
        "load": load_kernel(component(problem.image_dtype), code),
        "store": store_kernel(code, out if converted else code, problem.rounding, problem.overflow),
    }
    if tile.standing:
        return found | {"columns": standing_kernel(code, tile.height)}
    found |= {"columns": columns_kernel(code, tile.height), "inverse": inverse_kernel(code, tile.height)}
    if not tile.deep:
        return found | {"rows_kernel": rows_kernel(code, tile.width, twisted=tile.linear)}
    rows_back = rows_back_kernel(code, tile.width)
    return found | {"rows_kernel": spectra_kernel(code, tile.width), "rows_back": rows_back, "sum": sum_kernel(code)}


def default_kernels(code: str) -> Iterator[Kernel]:
    """Yield the kernels of every tile that filters of up to some thousand taps take."""
    for linear in (False, True):
        yield tiles_kernel(code, linear=linear)
        for points in (16, 32, 64, 128, 256):
            yield columns_kernel(code, points)
            yield inverse_kernel(code, points)
            yield rows_kernel(code, points, twisted=linear)
    for points in (512, 1024, 2048):
        yield standing_kernel(code, points)
    yield from (volumes_kernel(code), sum_kernel(code))
    for points in (32, 64):
        yield spectra_kernel(code, points)
        yield rows_back_kernel(code, points)


def _tile(points: Ints, dtype: DType, *, standing: bool) -> Tile:
    """The tile that transforms so many points along each axis."""
    if len(points) == 3:
        return Tile(*points[1:], deep=True)
    if len(points) == 2 and 1 not in points:
        return Tile(*points)
    if standing and max(points) <= STANDING_POINTS:
        size = int(component(dtype)[1])
        return Tile(max(points), max(host().lanes(size), STANDING_BYTES // max(points) // size), standing=True)
    bits = max(points).bit_length() - 1
    return Tile(1 << bits // 2, 1 << (bits - bits // 2), linear=True)


@functools.lru_cache(maxsize=64)
def recipe(problem: Problem, points: Ints, dtype: DType, strides: Ints) -> Recipe:
    """Return how to filter with accumulators of a dtype, by transforms of `points` along each axis.

    `strides` are the image's and then the output's, in bytes.
    """
    code, lay = component(dtype), _layout(problem, strides)
    tile = _tile(points, dtype, standing=lay.columns.filter == 1)
    if tile.linear and lay.columns.filter == 1:
        lay = replace(lay, rows=lay.columns, columns=lay.rows)  # a line is a row
    size, packed = int(code[1]), (np.dtype(code), int(code[1]))
    addresses = {name: jit.address(kernel) for name, kernel in _kernels(problem, code, tile).items()}
    driver = addresses.pop("driver")
    job = TileJob.of(geometry(problem, lay, Shape(1, host().lanes(size), size), 1))
    job.set(**addresses, reach_w=0, part_bytes=tile.width * size)  # slots load any part of a row
    job.point(fill=np.array([problem.fill], np.result_type(dtype, np.complex64)).view(code))
    _point_tables(job, tile, code)
    _set_parts(job, problem, dtype)
    _set_tiles(job, lay, tile, size)
    if lay.slices:
        set_slices(job, problem, lay.slices, SLICES_AT_ONCE)
        _set_spectra(job, tile, size)
    image, out = (problem.image_dtype, lay.columns.image_step), (problem.out_dtype, lay.columns.out_step)
    job.set(direct=int(image == packed), copied=int(out == packed))
    job.set(row=tile.width * size if tile.linear else lay.rows.image_step)
    return Recipe(pool.driver(driver), job, tile)


def _point_tables(job: TileJob, tile: Tile, code: str) -> None:
    """Roots of unity."""
    job.point(columns_table=roots(tile.height, code))
    if not tile.standing:
        job.point(rows_table=roots(tile.width, code))
    if tile.linear:
        job.point(twist=twist(tile.height, tile.width, code))


def _set_parts(job: TileJob, problem: Problem, dtype: DType) -> None:
    """What the two planes of a tile are: two real images, or the parts of a complex one."""
    image, real = problem.image_dtype, dtype.kind != "c"
    job.set(shared=shared_tiles(problem), parts=2 if real or image.kind == "c" else 1)
    job.set(image_part=image.itemsize // 2 if image.kind == "c" else 0)
    job.set(out_part=0 if real else problem.out_dtype.itemsize // 2, fill_part=0 if real else dtype.itemsize // 2)


def _set_tiles(job: TileJob, lay: Layout, tile: Tile, size: int) -> None:
    """Cut the output into tiles, and lay out the scratch memory; a row takes an odd number of cache lines."""
    rows, columns = lay.rows, lay.columns
    height, width = (1, tile.points) if tile.linear else (tile.height, tile.width)
    down, along = -(-rows.out_extent // (height - rows.reach)), -(-columns.out_extent // (width - columns.reach))
    tiles = lay.images * down * along
    job.set(items=-(-tiles // job["shared"]), blocks_h=down, blocks_w=along, tiles=tiles)
    job.set(height=tile.height, width=tile.width, reach_down=rows.reach, reach_along=columns.reach)
    pitch = (-(-tile.width * size // ALIGNMENT) | 1) * ALIGNMENT
    used = tile.width if tile.linear else tile.width - columns.reach
    job.set(pitch=pitch, plane=tile.height * pitch, used=used * size)
    panel = max(tile.height, tile.width) * host().bits // 8
    job.scratch_bytes = ALIGNMENT + 2 * (job["plane"] + panel)


def _set_spectra(job: TileJob, tile: Tile, size: int) -> None:
    """Lay out the spectra of slices and their sums."""
    value = 2 * host().bits // 8  # of a slot at one position
    positions = tile.points * size // (host().bits // 8)
    job.set(positions=positions, slice_bytes=job["slice_slots"] * value, sum_bytes=positions * value)
    lay_out(job, {"offsets": 8 * job["slice_span"], "spectra": positions * job["slice_bytes"]})
    lay_out(job, {"sums": SLICES_AT_ONCE * job["sum_bytes"]})


def _layout(problem: Problem, strides: Ints) -> Layout:
    """Rows and columns of single elements."""
    half = len(strides) // 2
    lay = layout(problem, strides[:half], strides[half:])
    if lay.inner.extent > 1:
        one = Axis(1, 1, lay.columns.image_step, lay.columns.out_step)
        lay = replace(lay, inner=one, batch=(*lay.batch, lay.inner))
    return lay
