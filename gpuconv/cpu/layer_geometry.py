"""Where a layer's arrays lie, and how its outputs are cut into blocks: the part of a job that repeated calls share."""

from dataclasses import dataclass, replace

import numpy as np

from gpuconv.backends.boundary import source_index
from gpuconv.cpu.dense import pixel_bytes
from gpuconv.cpu.layer_job import ALIGNMENT, NOWHERE, LayerJob
from gpuconv.cpu.layout import Axis
from gpuconv.problem import Boundary, Ints, Problem

PATCH_BYTES = 256 * 1024  # of the second-level cache
WEIGHTS_BYTES = 512 * 1024  # more of them are shared out among the threads before the rows are
BLOCKS = 4  # a thread


@dataclass(frozen=True)
class Shape:
    """What a kernel was compiled for, and the channels that it sees."""

    lanes: int
    size: int  # bytes of an accumulator
    vectors: int  # of output channels at once
    groups: int  # of channels that do not see each other; vectors of channels in a depthwise layer
    depth: int  # input channels of a group
    outputs: int  # output channels of a group
    whole: bool = False  # whether a pixel of few channels takes a whole vector, too

    @property
    def vector(self) -> int:
        """Bytes of a vector."""
        return self.lanes * self.size

    @property
    def pixel(self) -> int:
        """Bytes from one pixel of a patch to the next."""
        return self.vector if self.whole else pixel_bytes(self.lanes, self.size, self.depth)

    @property
    def depth_blocks(self) -> int:
        """Vectors that hold the input channels."""
        return -(-self.depth // self.lanes)

    @property
    def wides(self) -> int:
        """Steps over the output channels of a group."""
        return -(-self.outputs // (self.lanes * self.vectors))


def spatial_axes(problem: Problem, image_strides: Ints, out_strides: Ints) -> tuple[Axis, Axis]:
    """Rows and columns; a signal is one row."""
    rank = problem.rank
    found = [
        Axis(n, o, i, t, k, b, s, d)
        for n, o, i, t, k, b, s, d in zip(
            *(problem.extent, problem.out_extent, image_strides[-rank:], out_strides[-rank:]),
            *(problem.filter, problem.pad_before, problem.stride, problem.dilation),
            strict=True,
        )
    ]
    return (found[0], found[1]) if rank == 2 else (Axis(1, 1, 0, 0), found[0])


def axes_of(problem: Problem, image_strides: Ints, out_strides: Ints) -> tuple[Axis, Axis]:
    """Rows and columns; an image whose pixels are each computed from their own alone is one row, too."""
    rows, columns = spatial_axes(problem, image_strides, out_strides)
    row = columns.image_step * columns.extent, columns.out_step * columns.extent
    if not (_own(rows) and _own(columns) and (rows.image_step, rows.out_step) == row):
        return rows, columns
    pixels = rows.extent * columns.extent
    return Axis(1, 1, 0, 0), replace(columns, extent=pixels, out_extent=pixels)


def _own(axis: Axis) -> bool:
    return axis.filter == axis.stride == 1 and axis.before == 0 and axis.extent == axis.out_extent


def sources(axis: Axis, boundary: Boundary, window: int) -> tuple[int, int, np.ndarray]:
    """(first, stop) of the window inside the image, and the bytes to each of its samples."""
    index = source_index(np.arange(window) - axis.before, axis.extent, boundary).astype(np.int64)
    start = min(max(axis.before, 0), window)
    stop = min(max(axis.before + axis.extent, start), window)
    return start, stop, np.where(index < 0, NOWHERE, index * axis.image_step)


@dataclass(frozen=True)
class Blocks:
    """Into how many parts the outputs are cut, and the greatest part."""

    outputs: int
    down: int
    across: int
    height: int
    width: int


def cut(rows: Axis, columns: Axis, shape: Shape, images: int, threads: int, room: int) -> Blocks:
    """Cut so that a patch takes no more than `room` bytes, and so that every thread finds enough blocks."""
    across = 1
    while patch_bytes(rows, columns, shape, 1, -(-columns.out_extent // across)) > room:
        if columns.out_extent // across < 32:
            break
        across += 1
    width = -(-columns.out_extent // across)
    one, more = (patch_bytes(rows, columns, shape, count, width) for count in (1, 2))
    down = -(-rows.out_extent // max(1, (room - one) // (more - one) + 1))
    outputs, wanted = 1, BLOCKS * threads if threads > 1 else 1
    missing = -(-wanted // (images * shape.groups * across * down))
    taps = rows.filter * columns.filter
    if missing > 1 and taps * shape.depth * shape.outputs * shape.size > WEIGHTS_BYTES:
        outputs = min(missing, shape.wides)
        missing = -(-missing // outputs)
    down = max(down, min(down * missing, -(-rows.out_extent // max(2, rows.reach))))
    missing = -(-wanted // (images * shape.groups * across * down * outputs))
    if missing > 1 and rows.out_extent == 1:
        across = max(across, min(across * missing, -(-columns.out_extent // max(64, columns.reach))))
    if rows.out_extent == 1:
        across = evenly(across, images * shape.groups * outputs, columns.out_extent, threads)
    else:
        down = evenly(down, images * shape.groups * across * outputs, rows.out_extent, threads)
    width = -(-columns.out_extent // across)
    return Blocks(outputs, down, across, -(-rows.out_extent // down), width)


def evenly(parts: int, others: int, most: int, threads: int) -> int:
    """So many parts or a few more, that threads have equally many of the `others` times as many blocks."""
    better = (count for count in range(parts, parts + threads) if count <= most and count * others % threads == 0)
    return next(better, parts)


def patch_bytes(rows: Axis, columns: Axis, shape: Shape, height: int, width: int) -> int:
    """Bytes of the patch under so many outputs."""
    row, count = _patch_rows(rows, columns, shape, height, width)
    return shape.depth_blocks * count * row


def _patch_rows(rows: Axis, columns: Axis, shape: Shape, height: int, width: int) -> tuple[int, int]:
    """(bytes of a row of a patch, rows)."""
    across = (width - 1) * columns.stride + columns.reach + 1
    phase = -(-across // columns.stride) * shape.pixel + shape.vector - shape.pixel
    return columns.stride * phase, (height - 1) * rows.stride + rows.reach + 1


def set_image(job: LayerJob, problem: Problem, rows: Axis, columns: Axis, window: Ints) -> None:
    """Say where window rows and columns come from."""
    for name, axis, count in (("h", rows, window[0]), ("w", columns, window[1])):
        start, stop, table = sources(axis, problem.boundary, count)
        job.set(**{f"inside_{name}0": start, f"inside_{name}1": stop, f"dilation_{name}": axis.dilation})
        job.point(**{"row_sources" if name == "h" else "column_sources": table})
    job.set(image_pixel=columns.image_step, origin=-columns.before * columns.image_step, filter_w=columns.filter)
    job.set(stride_h=rows.stride, stride_w=columns.stride, reach_h=rows.reach, reach_w=columns.reach)
    job.set(out_h=rows.out_extent, out_w=columns.out_extent)


def set_channels(job: LayerJob, shape: Shape, offsets: np.ndarray, *, beside: bool) -> None:
    """Say where the channels of each group (rows of `offsets`) lie; lanes to spare repeat the first."""
    table = np.repeat(offsets[:, :1], shape.depth_blocks * shape.lanes, axis=1)
    table[:, : offsets.shape[1]] = offsets
    job.point(channels=np.ascontiguousarray(table))
    job.set(groups=shape.groups, depth=shape.depth, depth_blocks=shape.depth_blocks, beside=int(beside))


def set_patch(job: LayerJob, rows: Axis, columns: Axis, shape: Shape, height: int, width: int) -> None:
    """Say how the patch under so many outputs lies, and where in it the taps read."""
    row, count = _patch_rows(rows, columns, shape, height, width)
    job.point(places=_places(columns, shape, width), tap_offsets=tap_offsets(rows, columns, shape, height, width))
    job.set(row_bytes=row, block_bytes=row * count, taps=rows.filter * columns.filter)


def tap_offsets(rows: Axis, columns: Axis, shape: Shape, height: int, width: int) -> np.ndarray:
    """Bytes in a patch from an output's first sample to that of each tap."""
    row, _ = _patch_rows(rows, columns, shape, height, width)
    across = _places(columns, shape, width)[np.arange(columns.filter) * columns.dilation]
    offsets: np.ndarray = np.add.outer(np.arange(rows.filter) * (rows.dilation * row), across).ravel()
    return offsets


def _places(columns: Axis, shape: Shape, width: int) -> np.ndarray:
    """Bytes in a row of a patch to the pixel of each window column."""
    row, _ = _patch_rows(Axis(1, 1, 0, 0), columns, shape, 1, width)
    x = np.arange((width - 1) * columns.stride + columns.reach + 1)
    places: np.ndarray = x % columns.stride * (row // columns.stride) + x // columns.stride * shape.pixel
    return places


def set_out(job: LayerJob, problem: Problem, rows: Axis, columns: Axis, strides: Ints, shape: Shape) -> None:
    """Say where outputs go."""
    channel = strides[len(problem.batch)]
    job.set(out_row=rows.out_step, out_pixel=columns.out_step, out_channel=channel)
    planes = abs(columns.out_step) < abs(channel) and columns.out_extent > 1
    neighbours = (columns.out_step if planes else channel) == problem.out_dtype.itemsize == shape.size
    job.set(outputs=shape.outputs, planes=int(planes), straight=int(neighbours))


def set_batch(job: LayerJob, batch: Ints, **strides: Ints) -> None:
    """Give tables of the bytes to each image of the batch."""
    for name, steps in strides.items():
        table = np.zeros(1, np.int64)
        for extent, step in zip(batch, steps, strict=False):
            table = np.add.outer(table, np.arange(extent) * step).ravel()
        job.point(**{f"{name}_offsets": table})


def lay_out(job: LayerJob, **sizes: int) -> None:
    """Lay out the scratch memory."""
    offset = 0
    for name, size in sizes.items():
        job.set(**{name: offset})
        offset += -(-size // ALIGNMENT) * ALIGNMENT
    job.scratch_bytes = offset


def stage_bytes(job: LayerJob, shape: Shape, width: int) -> dict[str, int]:
    """Bytes of a row of outputs as pixels and transposed; both end with room for a square that begins inside."""
    row, wide = (-(-width // shape.lanes) | 1) * shape.vector, shape.vectors * shape.lanes
    job.set(turned_row=row)
    return {"stage": (width + shape.lanes) * wide * shape.size, "turned": row * shape.lanes}
