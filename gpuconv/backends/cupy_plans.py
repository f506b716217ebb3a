"""What computes arrays of any library on a device with a plan that is ready for them."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.arrays import Adopted, DeviceView
from gpuconv.backends import ReadyLayer
from gpuconv.backends.cupy_arrays import as_stream, as_view, on_device, place, stream_pointer
from gpuconv.layouts import is_dense
from gpuconv.problem import DType, Ints

Split = Callable[..., Iterable[tuple[Any, ...]]]  # the arrays of each step from those of a layer; None: there is one


class OnDevice:
    """Computes C-contiguous arrays of one shape, on one device; those of CuPy with the least Python."""

    def __init__(self, made: backends.Ready, name: str, x: DeviceView, out: DeviceView):
        import cupy

        self.made, self.name, self.cupy, self.device = made, name, cupy, x.device
        self.shape, self.dtype, self.out_shape, self.out_dtype = x.shape, x.dtype, out.shape, out.dtype

    def takes(self, x: Any, out: Any) -> bool:
        """Whether the arrays lie as planned, apart from each other."""
        if not self._lies(x, self.shape, self.dtype):
            return False
        return out is None or (self._lies(out, self.out_shape, self.out_dtype) and _are_apart(x, out))

    def _lies(self, x: Any, shape: Ints, dtype: DType) -> bool:
        if type(x) is not self.cupy.ndarray or x.shape != shape or x.dtype != dtype:
            return False
        return bool(x.flags.c_contiguous and x.data.device_id == self.device)

    def run(self, x: Any, out: Any, stream: Any = None) -> Any:
        """Launch; on the current stream if none is given."""
        if self.cupy.cuda.runtime.getDevice() != self.device:  # before the stream, which is of that device
            with self.cupy.cuda.Device(self.device):
                return self.run(x, out, stream)
        if stream is not None:
            with as_stream(stream):
                return self.run(x, out)
        if out is None:
            out = self.cupy.empty(self.out_shape, self.out_dtype)
        backends.used(self.name)
        self.made.run(x, out)
        return out

    def takes_adopted(self, image: Adopted, out: Adopted | None) -> bool:
        """As `takes`, for arrays of any library that have the shapes and dtypes."""
        if out is None:
            return is_dense(image.view)
        return is_dense(image.view) and is_dense(out.view) and not image.view.overlaps(out.view)

    def run_adopted(self, image: Adopted, out: Adopted | None, stream: Any) -> Any:
        """As `run`, on the current stream of the image's library if none is given."""
        backends.used(self.name)
        with place(image.view, image.stream if stream is None else stream_pointer(stream)):
            target = image.empty(self.out_shape, self.out_dtype) if out is None else out
            self.made.run(on_device(image.view), on_device(target.view))
        return image.deliver(target) if out is None else target.original


def _are_apart(x: Any, out: Any) -> bool:
    """Whether two contiguous arrays share no byte."""
    start, target = x.data.ptr, out.data.ptr
    return bool(start + x.nbytes <= target or target + out.nbytes <= start)


class LayerOnDevice:
    """Computes layers of arrays that lie as some others do, on one device; those of CuPy with the least Python.

    Where one of those is on the host, it is a constant: none but this itself may come again.
    """

    def __init__(
        self, steps: Sequence[ReadyLayer], split: Split | None, name: str, arrays: Sequence[Any], out: DeviceView
    ):
        import cupy

        self.steps, self.split, self.name, self.cupy, self.device = steps, split, name, cupy, out.device
        self.ndarray = cupy.ndarray
        self.lying = [(_lying(x), *_span(x)) if isinstance(x, DeviceView) else (x, 0, 0) for x in arrays]
        self.out, self.out_span = _lying(out), _span(out)
        self.order = tuple(np.argsort([-step for step in out.strides], kind="stable").tolist())  # as memory has it
        self.inverse = tuple(sorted(range(out.ndim), key=self.order.__getitem__))

    def takes(self, arrays: tuple[Any, ...], out: Any) -> bool:
        """Whether the arrays of CuPy lie as planned, apart from `out`."""
        begin = end = 0
        if out is not None:
            start = self._start(out, self.out)
            if start is None:
                return False
            begin, end = start + self.out_span[0], start + self.out_span[1]
        for array, (lying, low, high) in zip(arrays, self.lying, strict=True):
            if type(lying) is not tuple:
                if array is not lying:
                    return False
                continue
            start = self._start(array, lying)
            if start is None or (start + low < end and begin < start + high):
                return False
        return True

    def _start(self, x: Any, lying: tuple[Any, ...]) -> int | None:
        """Where an array begins that lies so; None for others."""
        if type(x) is not self.ndarray or (x.shape, x.strides, x.dtype) != lying:
            return None
        memory = x.data
        return memory.ptr if memory.device_id == self.device else None

    def run(self, arrays: tuple[Any, ...], out: Any, stream: Any = None) -> Any:
        """Compute into `out`, which lies as planned, or a new array; on the current stream if none is given."""
        if self.cupy.cuda.runtime.getDevice() != self.device:  # before the stream, which is of that device
            with self.cupy.cuda.Device(self.device):
                return self.run(arrays, out, stream)
        if stream is not None:
            with as_stream(stream):
                return self.run(arrays, out)
        backends.used(self.name)
        if out is None:
            shape, _, dtype = self.out
            out = self.cupy.empty(tuple(shape[axis] for axis in self.order), dtype).transpose(self.inverse)
        if self.split is None:
            image, weights, bias = arrays
            self.steps[0].run(image, weights, bias, out)
            return out
        views = (as_view(x) if isinstance(x, self.cupy.ndarray) else x for x in (*arrays, out))
        for step, parts in zip(self.steps, self.split(*views), strict=True):
            image, weights, bias, target = (on_device(x) if isinstance(x, DeviceView) else x for x in parts)
            step.run(image, weights, bias, target)
        return out


def dense_view(shape: Ints, dtype: DType, device: int) -> DeviceView:
    """How an array in C order lies, without its memory."""
    strides = tuple(dtype.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return DeviceView(0, shape, strides, dtype, device, None)


def _lying(view: DeviceView) -> tuple[Ints, Ints, DType]:
    return view.shape, view.strides, view.dtype


def _span(view: DeviceView) -> tuple[int, int]:
    """Bytes from the first element to where the array begins and ends."""
    reach = [(n - 1) * step for n, step in zip(view.shape, view.strides, strict=True)]
    return sum(min(0, r) for r in reach), sum(max(0, r) for r in reach) + view.dtype.itemsize
