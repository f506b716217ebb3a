"""One call of a driver: the integers that it reads, in the order of FIELDS, and the arrays that they point to."""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from gpuconv.backends.boundary import source_index
from gpuconv.cpu.layout import Axis, Layout
from gpuconv.problem import Problem

COUNTERS = ("taken", "finished")  # blocks; threads add to these
SCRATCH = (  # offsets in the scratch memory
    *("rows", "inner_rows", "borrowed", "outs"),  # addresses: of slots, of borrowed rows in order, by slot; of outputs
    *("line_rows", "line_inner_rows", "line_outs"),  # the same of a line
    *("slice_rows", "slice_outs", "slices"),  # the same of rows across slices, slots of filtered slices
    *("stage", "line", "ring"),  # outputs to be converted, a row to be filtered, slots
)
FIELDS = (
    *("items", "blocks_h", "blocks_w"),  # blocks of all images, of one image down and across
    *("groups", "out_h", "out_w"),  # heights of a tile, rows and pixels of the output
    *("image_offsets", "out_offsets", "image", "out"),  # tables with the bytes to each image, and addresses
    *("image_row", "image_pixel", "image_element", "image_plane"),  # bytes
    *("out_row", "out_pixel", "out_element"),  # bytes
    *("inner", "planes", "stride_h", "stride_w", "reach_h", "reach_w"),
    *("before_h", "inside_h0", "inside_h1", "outside_h"),  # pad, window rows inside the image, table of the others
    *("before_w", "inside_w0", "inside_w1", "outside_w"),
    *("borrow", "load", "store", "fill"),  # 1 or 0; kernels (store is 0 where tiles write the output); fill values
    *SCRATCH,
    *("span", "slots", "slot_bytes", "part_bytes", "stage_bytes"),
    *("weights", "weights_row", "filter_h", "filter_w"),
    *("taps", "tap_rows", "tap_columns", "paired"),  # list of taps: bytes in the table of rows, bytes in a slot
    "not_finite",  # written: whether an output is not, where they are looked at
    *("line_weights", "line_taps", "line_tap_columns", "line_paired"),  # the same of the filter along rows
    *("out_d", "filter_d", "stride_d", "dilation_d", "reach_d"),  # slices of a volume
    *("image_slice", "out_slice"),  # bytes
    *("slice_source", "slice_slot"),  # of each window slice: which it is (-1: fill values, HELD), its place in the ring
    *("slice_slots", "slice_span"),  # slots in the ring, slices that a tile across them reads
    *("slice_bytes", "slice_row"),  # of a slot, of a row of a filtered slice
    *("slice_weights", "slice_taps", "slice_tap_rows", "slice_tap_columns"),  # the filter across slices
)
LINE = ("weights", "taps", "tap_columns", "paired", "rows", "inner_rows", "outs")  # what a Line reads
SLICE = ("weights", "taps", "tap_rows", "tap_columns", "rows", "outs")  # what a tile across slices reads
HELD = -2  # in slice_source: loaded before
INDEX = {name: len(COUNTERS) + i for i, name in enumerate(FIELDS)}
ITEMS = INDEX["items"]
ALIGNMENT = 64
BLOCKS = 8  # a thread, so that none waits long for the last
Fields = ctypes.Array[ctypes.c_int64]  # cheaper to copy, fill and point to than a NumPy array


class Job:
    """The fields, all zero at first, and what must stay alive while they are read."""

    INDEX: ClassVar[dict[str, int]] = INDEX  # another kind of driver has fields of its own, "items" the first

    def __init__(self, fields: Fields | None = None, scratch_bytes: int = 0, alive: Sequence[object] = ()):
        self.fields = (ctypes.c_int64 * (len(COUNTERS) + len(self.INDEX)))() if fields is None else fields
        self.scratch_bytes = scratch_bytes
        self.alive = list(alive)

    def set(self, **values: int) -> None:
        """Set some fields."""
        for name, value in values.items():
            self.fields[self.INDEX[name]] = int(value)

    def point(self, **arrays: np.ndarray) -> None:
        """Set some fields to the addresses of arrays."""
        for name, array in arrays.items():
            self.fields[self.INDEX[name]] = address(array)
        self.alive.extend(arrays.values())

    def __getitem__(self, name: str) -> int:
        return int(self.fields[self.INDEX[name]])

    def copy(self) -> Self:
        """Return a job that can be changed on its own."""
        return type(self)(type(self.fields).from_buffer_copy(self.fields), self.scratch_bytes, self.alive)

    def run_on(self, image: np.ndarray, out: np.ndarray, offset: int = 0) -> Self:
        """Return the job of one call: a copy with its arrays; the output begins `offset` bytes into `out`."""
        return self.at(address(image), address(out) + offset, (image, out))

    def at(self, image: int, out: int, alive: Sequence[object]) -> Self:
        """Return a copy with the addresses of image and output, in arrays that must stay alive."""
        fields, index = type(self.fields).from_buffer_copy(self.fields), self.INDEX
        fields[index["image"]], fields[index["out"]] = image, out
        return type(self)(fields, self.scratch_bytes, (self, *alive))


def address(array: np.ndarray) -> int:
    """Return the address of an array's first element."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]  # to its stubs no buffer
    except (TypeError, ValueError):  # read-only, strided or empty; the way for all takes five times as long
        pointer: int = array.__array_interface__["data"][0]
        return pointer


def outside(axis: Axis, problem: Problem) -> tuple[int, int, np.ndarray]:
    """(first, stop) of the window inside the image, and where the rest of the window comes from (-1: fill value)."""
    start = min(max(axis.before, 0), axis.window)
    stop = min(max(axis.before + axis.extent, start), axis.window)
    window = np.concatenate([np.arange(start), np.arange(stop, axis.window)]) - axis.before
    return start, stop, source_index(window, axis.extent, problem.boundary).astype(np.int64)


@dataclass(frozen=True)
class Shape:
    """What a driver was compiled for."""

    rows: int  # of a tile
    lanes: int  # elements of a vector
    size: int  # bytes of an accumulator


def geometry(problem: Problem, lay: Layout, shape: Shape, planes: int) -> Job:
    """Return the part of a job that depends on shapes and strides alone."""
    job = Job()
    rows, columns, inner = lay.rows, lay.columns, lay.inner
    for name, axis in (("h", rows), ("w", columns)):
        first, stop, table = outside(axis, problem)
        job.set(**{f"before_{name}": axis.before, f"inside_{name}0": first, f"inside_{name}1": stop})
        job.set(**{f"out_{name}": axis.out_extent, f"stride_{name}": axis.stride, f"reach_{name}": axis.reach})
        job.point(**{f"outside_{name}": table})
    single = inner.extent == 1
    job.set(
        groups=-(-rows.out_extent // shape.rows),
        inner=inner.extent,
        planes=planes,
        image_row=rows.image_step,
        image_pixel=columns.image_step,
        image_element=columns.image_step * columns.stride if single else inner.image_step,
        out_row=rows.out_step,
        out_pixel=columns.out_step,
        out_element=columns.out_step if single else inner.out_step,
        filter_h=rows.filter,
        filter_w=columns.filter,
        weights_row=columns.filter * shape.size,
    )
    image_offsets, out_offsets = lay.offsets()
    job.point(image_offsets=image_offsets, out_offsets=out_offsets)
    return job


def divide(job: Job, lay: Layout, shape: Shape, threads: int, ring_bytes: int, terms: int = 1) -> None:
    """Cut the output into blocks whose ring fits the cache, enough for every thread, and lay out the scratch memory.

    A slot of the ring holds a window row, or as many filtered ones as there are `terms`.
    """
    rows, columns, inner = lay.rows, lay.columns, lay.inner
    span = (shape.rows - 1) * rows.stride + rows.reach + 1
    parts = max(job["planes"] * columns.stride, terms)  # of a slot
    row = max(1, parts * inner.extent * shape.size)  # bytes an output pixel takes in a slot
    wide = max(ring_bytes // (span * row), 4 * columns.reach // columns.stride, 4 * shape.lanes // inner.extent, 1)
    across = -(-columns.out_extent // wide)
    down = 1
    if threads > 1:  # blocks of at least two tiles and four times the rows that neighbours both load
        tallest = max(2 * shape.rows, 4 * rows.reach)
        down = min(-(-rows.out_extent // tallest), -(-BLOCKS * threads // (lay.images * across)))
    width = -(-columns.out_extent // across)
    samples = -(-((width - 1) * columns.stride + columns.reach + 1) // columns.stride) * inner.extent + 2 * shape.lanes
    part = odd_lines(samples * shape.size)
    slot = part * parts
    stage = odd_lines((width * inner.extent + shape.lanes) * shape.size)
    sizes = dict.fromkeys(SCRATCH, 8 * max(span, shape.rows, terms))
    sizes |= {"stage": stage * shape.rows, "line": slot, "ring": slot * span}
    lay_out(job, sizes)
    job.set(items=lay.images * across * down, blocks_h=down, blocks_w=across)
    job.set(span=span, slots=span, slot_bytes=slot, part_bytes=part, stage_bytes=stage)


def lay_out(job: Job, sizes: Mapping[str, int]) -> None:
    """Place the parts of the scratch memory, given their bytes."""
    for name, size in sizes.items():
        job.set(**{name: job.scratch_bytes})
        job.scratch_bytes += -(-size // ALIGNMENT) * ALIGNMENT


def odd_lines(size: int) -> int:
    """Bytes of a row: an odd number of cache lines, so that rows do not compete for the same sets of the cache."""
    return (-(-size // ALIGNMENT) | 1) * ALIGNMENT
