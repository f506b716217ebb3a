"""How a problem lies in memory: slices, rows, pixels of neighbouring elements, and the batch, whatever the rank."""

from dataclasses import dataclass, replace

import numpy as np

from gpuconv.launches.cpu import filtered_axes
from gpuconv.problem import Ints, Problem

NARROW = 64  # signals beside each other, sample by sample: up to so many are pixels of one row


@dataclass(frozen=True)
class Axis:
    """A spatial axis, or a batch axis that a filter of one tap runs over."""

    extent: int
    out_extent: int
    image_step: int  # bytes
    out_step: int
    filter: int = 1
    before: int = 0
    stride: int = 1
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Distance from the first tap to the last."""
        return self.dilation * (self.filter - 1)

    @property
    def window(self) -> int:
        """Samples that the outputs need, those outside the image included."""
        return (self.out_extent - 1) * self.stride + self.reach + 1


@dataclass(frozen=True)
class Layout:
    """Slices, rows and columns of the images, and where each image starts."""

    rows: Axis
    columns: Axis
    inner: Axis  # neighbouring elements that make a pixel, each filtered alone
    batch: tuple[Axis, ...]
    slices: Axis | None = None  # of volumes
    start: int = 0  # bytes from the image's first sample to the first one needed of axes that became batches

    @property
    def images(self) -> int:
        """Number of images."""
        return int(np.prod([axis.extent for axis in self.batch], dtype=np.int64))

    def offsets(self) -> tuple[np.ndarray, np.ndarray]:
        """Bytes from the first image to each, and the same of the outputs."""
        image, out = np.full(1, self.start, np.int64), np.zeros(1, np.int64)
        for axis in self.batch:
            index = np.arange(axis.extent)
            image = np.add.outer(image, index * axis.image_step).ravel()
            out = np.add.outer(out, index * axis.out_step).ravel()
        return image, out


def layout(problem: Problem, image_strides: Ints, out_strides: Ints) -> Layout:
    """Lay out a plain filter that is not refused; strides of (*batch, channel, *spatial)."""
    batch_rank = len(problem.batch)
    spatial = [
        Axis(n, o, i, t, k, b, s, d)
        for n, o, i, t, k, b, s, d in zip(
            *(problem.extent, problem.out_extent, image_strides[batch_rank + 1 :], out_strides[batch_rank + 1 :]),
            *(problem.filter, problem.pad_before, problem.stride, problem.dilation),
            strict=True,
        )
    ]
    strides = zip(problem.batch, image_strides, out_strides, strict=False)
    batch = [Axis(n, n, i, t) for n, i, t in strides if n > 1]
    *outer, columns = spatial
    chosen = filtered_axes(problem)
    apart = [axis for number, axis in enumerate(outer) if number not in chosen]
    batch += [Axis(a.out_extent, a.out_extent, a.image_step * a.stride, a.out_step) for a in apart]
    start = -sum(a.before * a.image_step for a in apart)
    inner = _inner(batch, columns, problem.image_dtype.itemsize, problem.out_dtype.itemsize)
    if not chosen:
        return replace(_lines(columns, inner, batch, problem.image_dtype.itemsize), start=start)
    *slices, rows = (outer[number] for number in chosen)
    return replace(_finish(rows, columns, inner, batch), slices=slices[0] if slices else None, start=start)


def _lines(columns: Axis, inner: Axis | None, batch: list[Axis], size: int) -> Layout:
    """Lay out signals: beside each other as rows of pixels, or some as the rows of an image."""
    beside = next((axis for axis in batch if axis.image_step == size), None)
    if beside is not None and abs(columns.image_step) != size and (inner is None or inner.extent > NARROW):
        return _finish(columns, beside, None, batch)  # the filter runs down the rows
    others = [axis for axis in batch if axis is not inner]
    rows = max(others, key=lambda axis: axis.extent, default=Axis(1, 1, 0, 0))
    return _finish(rows, columns, inner, batch)


def _finish(rows: Axis, columns: Axis, inner: Axis | None, batch: list[Axis]) -> Layout:
    one = Axis(1, 1, columns.image_step, columns.out_step)
    return Layout(
        rows, columns, inner or one, tuple(a for a in batch if not any(a is b for b in (rows, columns, inner)))
    )


def _inner(batch: list[Axis], columns: Axis, size: int, out_size: int) -> Axis | None:
    """The batch axis that makes up pixels: neighbours in the image and the output, which follow one another."""
    if columns.stride != 1:
        return None
    for axis in batch:
        packed = columns.image_step == axis.extent * size and columns.out_step == axis.extent * out_size
        if axis.image_step == size and axis.out_step == out_size and packed:
            return axis
    return None
