"""Memory on a CUDA device, as the engine sees it."""

from dataclasses import dataclass, replace
from typing import Any

from gpuconv.dtypes import is_bfloat16
from gpuconv.problem import DType, Ints


@dataclass(frozen=True)
class DeviceView:
    """Strided elements on a CUDA device; `owner` keeps the memory alive."""

    pointer: int
    shape: Ints
    strides: Ints  # bytes
    dtype: DType
    device: int
    owner: object
    stream: int | None = None
    read_only: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The view as CuPy, Numba and torch take it."""
        return {
            "shape": self.shape,
            "strides": self.strides,
            "typestr": "<u2" if is_bfloat16(self.dtype) else self.dtype.str,  # which the protocol does not know
            "data": (self.pointer, self.read_only),
            "stream": self.stream,
            "version": 3,
        }

    def transpose(self, order: Ints) -> "DeviceView":
        """Axes in another order."""
        return replace(self, shape=picked(self.shape, order), strides=picked(self.strides, order))

    def flip(self, axes: Ints) -> "DeviceView":
        """Some axes backwards."""
        offset = sum(self.strides[axis] * (self.shape[axis] - 1) for axis in axes)
        strides = tuple(-s if axis in axes else s for axis, s in enumerate(self.strides))
        return replace(self, pointer=self.pointer + offset, strides=strides)

    def insert_axis(self, axis: int) -> "DeviceView":
        """With an axis of length 1 before `axis`."""
        shape = (*self.shape[:axis], 1, *self.shape[axis:])
        return replace(self, shape=shape, strides=(*self.strides[:axis], 0, *self.strides[axis:]))

    def every(self, axis: int, start: int, step: int, count: int) -> "DeviceView":
        """`count` elements of an axis, `step` apart; backwards if that is negative."""
        shape = (*self.shape[:axis], count, *self.shape[axis + 1 :])
        strides = (*self.strides[:axis], self.strides[axis] * step, *self.strides[axis + 1 :])
        return replace(self, pointer=self.pointer + start * self.strides[axis], shape=shape, strides=strides)

    def cut(self, axis: int, start: int, stop: int) -> "DeviceView":
        """The places [start, stop) along one axis."""
        shape = (*self.shape[:axis], stop - start, *self.shape[axis + 1 :])
        return replace(self, pointer=self.pointer + start * self.strides[axis], shape=shape)

    def overlaps(self, other: "DeviceView") -> bool:
        """Whether the two may share memory."""
        (a, b), (c, d) = self._bounds(), other._bounds()
        return a < d and c < b

    def _bounds(self) -> tuple[int, int]:
        if 0 in self.shape:
            return (0, 0)
        steps = [s * (n - 1) for s, n in zip(self.strides, self.shape, strict=True)]
        return self.pointer + sum(s for s in steps if s < 0), self.pointer + sum(
            s for s in steps if s > 0
        ) + self.dtype.itemsize


def picked(values: Ints, order: Ints) -> Ints:
    """Some of the values, in another order."""
    return tuple(values[axis] for axis in order)
