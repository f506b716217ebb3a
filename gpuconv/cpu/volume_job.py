"""The part of a job that only volumes have: slices, in which order they are loaded, and how much room they take."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from gpuconv.backends.boundary import source_index
from gpuconv.cpu.job import HELD, SCRATCH, Job, Shape, lay_out, odd_lines
from gpuconv.cpu.layout import Axis, Layout
from gpuconv.problem import Problem

RING_BYTES = 256 * 1024  # of the second-level cache, for rows of slices
SLICES_BYTES = 512 * 1024  # for filtered slices
NARROWEST = 128  # elements of a row of a block, so that it is worth its beginning
TALLEST = 8  # tiles of a block that is not filtered in passes; its slices are loaded again for each of them
BLOCKS = 4  # a thread


def set_slices(job: Job, problem: Problem, axis: Axis, slices: int) -> None:
    """Describe the slices to a driver that computes so many at a time."""
    window = np.arange(axis.window) - axis.before
    sources, slots = schedule(source_index(window, axis.extent, problem.boundary), _groups(axis, slices))
    rows = np.arange(axis.filter) * (8 * axis.dilation)
    job.point(slice_source=sources, slice_slot=slots, slice_tap_rows=rows, slice_tap_columns=np.zeros_like(rows))
    job.set(
        out_d=axis.out_extent,
        filter_d=axis.filter,
        stride_d=axis.stride,
        dilation_d=axis.dilation,
        reach_d=axis.reach,
        image_slice=axis.image_step,
        out_slice=axis.out_step,
        slice_slots=int(slots.max()) + 1,
        slice_span=(slices - 1) * axis.stride + axis.reach + 1,
        slice_taps=axis.filter,
    )


def _groups(axis: Axis, slices: int) -> Iterable[tuple[int, int]]:
    """First and stop of the window slices that the outputs which are computed together need."""
    for z in range(0, axis.out_extent, slices):
        last = min(z + slices, axis.out_extent) - 1
        yield z * axis.stride, last * axis.stride + axis.reach + 1


def schedule(wanted: np.ndarray, groups: Iterable[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Which slice to load for each window slice (HELD: none), and its slot, such that each group finds all of its own.

    A slice that several window slices show is loaded once, if it is not out of use between.

    Examples
    --------
    >>> schedule(np.array([1, 0, 0, 1, 2, 2]), [(0, 3), (3, 6)])  # slices 1 0 | 0 1 2 | 2, three at a time
    (array([ 1,  0, -2,  1,  2, -2]), array([0, 1, 1, 1, 0, 0]))
    """
    sources, slots = np.full(len(wanted), HELD, np.int64), np.zeros(len(wanted), np.int64)
    slot_of: dict[int, int] = {}
    uses: Counter[int] = Counter()
    free: list[int] = []
    left = entered = 0
    for start, stop in groups:
        for j in range(left, min(start, entered)):
            source = int(wanted[j])
            uses[source] -= 1
            if not uses[source]:
                free.append(slot_of.pop(source))
        for j in range(max(entered, start), stop):
            source = int(wanted[j])
            if source not in slot_of:
                slot_of[source] = free.pop() if free else len(slot_of)
                sources[j] = source
            slots[j] = slot_of[source]
            uses[source] += 1
        left, entered = start, stop
    return sources, slots


def divide_volume(job: Job, lay: Layout, shape: Shape, threads: int, slices: int, *, passes: bool) -> None:
    """Cut the outputs into blocks of some rows of all slices, enough for every thread, and lay out the scratch memory.

    `slices` is what a tile across them computes; see `divide`.
    """
    rows, columns, inner = lay.rows, lay.columns, lay.inner
    span = (shape.rows - 1) * rows.stride + rows.reach + 1
    down, across = _blocks(job, lay, shape, threads, span, passes=passes)
    width, height = -(-columns.out_extent // across), -(-job["groups"] // down) * shape.rows
    samples = -(-((width - 1) * columns.stride + columns.reach + 1) // columns.stride) * inner.extent + 2 * shape.lanes
    part, stage = odd_lines(samples * shape.size), odd_lines((width * inner.extent + shape.lanes) * shape.size)
    slot, row = part * job["planes"] * columns.stride, max(width * inner.extent, shape.lanes) * shape.size
    ring = slot * span
    filtered = odd_lines(row * height + shape.lanes * shape.size)
    sizes = dict.fromkeys(SCRATCH, 8 * max(span, shape.rows)) | {"stage": stage * max(shape.rows, slices)}
    if passes:
        sizes |= {"line": slot, "ring": ring, "slices": filtered * job["slice_slots"]}
        sizes |= {"slice_rows": 8 * job["slice_span"], "slice_outs": 8 * slices}
    else:
        sizes |= {"rows": 8 * span * job["filter_d"], "ring": ring * job["slice_slots"]}
    lay_out(job, sizes)
    job.set(items=lay.images * across * down, blocks_h=down, blocks_w=across, slice_bytes=filtered if passes else ring)
    job.set(span=span, slots=span, slot_bytes=slot, part_bytes=part, stage_bytes=stage, slice_row=row)


def _blocks(job: Job, lay: Layout, shape: Shape, threads: int, span: int, *, passes: bool) -> tuple[int, int]:
    """How many blocks there are down and across: their slots fit the cache, and are not much smaller than that."""
    rows, columns, pixel = lay.rows, lay.columns, lay.inner.extent * shape.size
    slots = job["slice_slots"]
    if passes:  # rows enough that those which neighbours filter, too, are few
        room = SLICES_BYTES // (slots * pixel * min(rows.out_extent, max(2 * rows.reach, 4 * shape.rows)))
    else:
        room = RING_BYTES // (slots * span * job["planes"] * columns.stride * pixel)
    wide = max(
        room,
        NARROWEST * shape.size // pixel,
        4 * columns.reach // columns.stride,
        4 * shape.lanes * shape.size // pixel,
    )
    across = -(-columns.out_extent // wide)
    width = -(-columns.out_extent // across)
    tallest = max(SLICES_BYTES // (slots * pixel * width), shape.rows) if passes else TALLEST * shape.rows
    down = -(-rows.out_extent // tallest)
    if threads > 1:
        down = max(down, -(-BLOCKS * threads // (lay.images * across)))
    return min(down, job["groups"]), across
