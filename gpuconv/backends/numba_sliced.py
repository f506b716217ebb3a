"""Memory of the Numba backend for layers over volumes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import DeviceView, pick
from gpuconv.arrays.views import laid
from gpuconv.backends.numba_probe import numba_cuda
from gpuconv.problem import DType, Ints


class DeviceMemory:
    """That of the device of an image, on a stream."""

    in_place = True

    def __init__(
        self, image: DeviceView, handle: int | None, array: Callable[..., Any], launch: Callable[..., None]
    ) -> None:
        self.image, self.handle, self.array, self.launch = image, handle, array, launch
        self.cuda = numba_cuda()
        self.queue = self.cuda.external_stream(handle) if handle else 0

    def empty(self, shape: Ints, dtype: DType) -> DeviceView:
        """As in `Memory`."""
        return self._seen(self.cuda.device_array(shape, dtype))

    def copy(self, source: DeviceView, target: DeviceView) -> None:
        """As in `Memory`."""
        self._elementwise(source, target, add=False)

    def fill(self, target: DeviceView, value: complex) -> None:
        """As in `Memory`."""
        one = self._seen(self.cuda.to_device(np.full(1, value, target.dtype), stream=self.queue))
        self.copy(laid(one, target.shape, (0,) * target.ndim), target)

    def add(self, source: DeviceView, target: DeviceView) -> None:
        """As in `Memory`."""
        self._elementwise(source, target, add=True)

    def _elementwise(self, source: DeviceView, target: DeviceView, *, add: bool) -> None:
        """Launch the kernel, which takes four axes, for each place along one of five, the shortest of the first."""
        if target.ndim > 4:
            axis = 0 if target.shape[0] <= target.shape[1] else 1
            for place in range(target.shape[axis]):
                self._elementwise(pick(source, {axis: place}), pick(target, {axis: place}), add=add)
        elif 0 not in target.shape:
            self.launch(self.array(source, self.handle), self.array(target, self.handle), self.queue, add=add)

    def _seen(self, array: Any) -> DeviceView:
        pointer = array.device_ctypes_pointer.value
        given = {"shape": array.shape, "strides": array.strides, "dtype": np.dtype(array.dtype)}
        return replace(self.image, pointer=pointer, owner=array, stream=self.handle, read_only=False, **given)
