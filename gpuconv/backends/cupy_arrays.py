"""How the CuPy backend sees the engine's arrays: on the device, in order, after the work of other streams."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.arrays import DeviceView, View
from gpuconv.dtypes import is_bfloat16
from gpuconv.problem import DType

LEGACY_STREAM = 1  # what the CUDA array interface calls stream 0


def contiguous(view: View, dtype: DType) -> Any:
    """The array on the device in C order; no copy where it is so already."""
    import cupy

    if isinstance(view, DeviceView):
        return cupy.ascontiguousarray(on_device(view), dtype)
    return cupy.asarray(np.ascontiguousarray(view, dtype))


def on_device(view: DeviceView) -> Any:
    """See the memory of any library as a CuPy array, after what its stream has still to do to it."""
    import cupy

    current = cupy.cuda.get_current_stream()
    if view.stream is not None and view.stream != (current.ptr or LEGACY_STREAM):
        current.wait_event(cupy.cuda.Stream.from_external(_Stream(view.stream)).record())
    array = cupy.asarray(replace(view, stream=None))  # with a stream CuPy would make the host wait for it
    return array.view(view.dtype) if is_bfloat16(view.dtype) else array


def joined(views: list[View], axis: int) -> View:
    """Views side by side along an axis, in new memory on their side; a single one as it is."""
    if len(views) == 1:
        return views[0]
    if isinstance(views[0], np.ndarray):
        return np.concatenate(views, axis)
    import cupy

    length = sum(view.shape[axis] for view in views)
    shape = (*views[0].shape[:axis], length, *views[0].shape[axis + 1 :])
    target, start = cupy.empty(shape, views[0].dtype), 0
    for view in views:
        places = (slice(None),) * axis + (slice(start, start + view.shape[axis]),)
        cupy.copyto(target[places], on_device(view))
        start += view.shape[axis]
    return as_view(target)


def library() -> Any:
    """CuPy itself, for what is written the same for NumPy's arrays."""
    import cupy

    return cupy


def copy(source: DeviceView, target: DeviceView) -> None:
    """Put the values of one array into another, on the current stream."""
    import cupy

    cupy.copyto(on_device(target), on_device(source))


def fetched(view: DeviceView) -> np.ndarray:
    """The values as NumPy's array; the host waits for them."""
    import cupy

    array: np.ndarray = cupy.asnumpy(on_device(view))
    return array


def as_view(array: Any) -> DeviceView:
    """See a CuPy array of the current stream as the engine does."""
    return DeviceView(array.data.ptr, array.shape, array.strides, array.dtype, array.device.id, array)


def largest_integer(view: DeviceView, stream: int | None = None) -> int:
    """Return the largest magnitude among integers on a device; the host waits for it."""
    if 0 in view.shape:
        return 0
    with place(view, stream):
        array = on_device(view)
        return max(abs(int(array.max().get())), abs(int(array.min().get())))


@dataclass(frozen=True)
class _Stream:
    """A stream of another library, by the CUDA stream protocol."""

    pointer: int

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


def stream_pointer(stream: Any) -> int:
    """Return the handle of any library's stream."""
    if isinstance(stream, int):
        return stream
    for name in ("ptr", "cuda_stream"):  # CuPy's, torch's
        if hasattr(stream, name):
            return int(getattr(stream, name))
    if hasattr(stream, "__cuda_stream__"):
        return int(stream.__cuda_stream__()[1])
    raise TypeError(f"stream must be a CUDA stream or its handle; got {stream!r}")


def as_stream(stream: Any) -> Any:
    """See any library's stream as CuPy's."""
    import cupy

    if isinstance(stream, cupy.cuda.Stream):
        return stream
    return cupy.cuda.Stream.from_external(_Stream(stream_pointer(stream)))


@contextmanager
def place(image: View, stream: int | None) -> Iterator[None]:
    """Work on the image's device, and on the stream of its library."""
    import cupy

    with ExitStack() as stack:
        if isinstance(image, DeviceView):
            stack.enter_context(cupy.cuda.Device(image.device))
        if stream is not None:
            stack.enter_context(cupy.cuda.Stream.from_external(_Stream(stream)))
        yield
