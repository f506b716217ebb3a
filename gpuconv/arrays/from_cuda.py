"""Arrays on a CUDA device, seen through __cuda_array_interface__: those of CuPy and Numba, and of their like."""

import math
from typing import Any

import numpy as np

from gpuconv.arrays import from_host
from gpuconv.arrays.adopted import Adopted, Places, adopt
from gpuconv.arrays.device_view import DeviceView
from gpuconv.problem import DType, Ints


def see(name: str, x: Any) -> Adopted:
    """See an array of CuPy or Numba."""
    if not hasattr(x, "__cuda_array_interface__"):
        return from_host.see(name, x)
    return Adopted(view_of(x, device_of(x)), "numba" if hasattr(x, "gpu_data") else "cupy", x)


def empty(x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return an array of CuPy, or of Numba where x is one."""
    if x.library == "numba":
        from numba import cuda

        with cuda.gpus[x.view.device]:
            return adopt("out", cuda.device_array(shape, dtype, stream=x.original.stream))
    import cupy

    with cupy.cuda.Device(x.view.device):
        return adopt("out", cupy.empty(shape, dtype))


def deliver(x: Adopted, result: Adopted, places: Places | None) -> Any:
    """Return the array."""
    return result.original


def view_of(x: Any, device: int) -> DeviceView:
    """What the CUDA array interface says."""
    interface = x.__cuda_array_interface__
    dtype = np.dtype(interface["typestr"])
    if dtype.kind == "V":  # bfloat16, where the library knows it
        dtype = np.dtype(getattr(x, "dtype", dtype))
    shape = tuple(interface["shape"])
    strides = interface.get("strides") or tuple(
        dtype.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))
    )
    pointer, read_only = interface["data"]
    return DeviceView(pointer, shape, tuple(strides), dtype, device, x, interface.get("stream"), read_only)


def device_of(x: Any) -> int:
    """Number of the device an array of the CUDA array interface lives on (the interface itself does not say)."""
    if hasattr(x, "gpu_data"):  # Numba's
        return int(x.gpu_data.context.device.id)
    device = getattr(getattr(x, "device", None), "id", None)
    if device is None and hasattr(x, "__dlpack_device__"):
        device = x.__dlpack_device__()[1]
    return int(device or 0)
