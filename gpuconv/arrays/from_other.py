"""Arrays of libraries that nothing here knows, seen through the CUDA array interface or DLPack.

Their results are of their library where it has a namespace of the array API standard, of NumPy or CuPy elsewhere.
"""

from typing import Any

import numpy as np

from gpuconv.arrays import from_cuda, from_host
from gpuconv.arrays.adopted import Adopted, Places
from gpuconv.problem import DType, Ints

CPU, CUDA, CUDA_MANAGED = 1, 2, 13  # kDLCPU and so on


def see(name: str, x: Any) -> Adopted:
    """See an array by the protocol it has."""
    if hasattr(x, "__cuda_array_interface__"):
        return Adopted(from_cuda.view_of(x, from_cuda.device_of(x)), "other", x)
    if not hasattr(x, "__dlpack_device__"):
        return from_host.see(name, x)
    kind, device = x.__dlpack_device__()
    if kind == CPU:
        return Adopted(np.from_dlpack(x), "other", x)
    if kind not in (CUDA, CUDA_MANAGED):
        raise TypeError(f"{name} must be on the CPU or a CUDA device; got DLPack device type {int(kind)}")
    import cupy

    return Adopted(from_cuda.view_of(cupy.from_dlpack(x), device), "other", x)


def empty(x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return an array of NumPy or CuPy."""
    return from_cuda.empty(x, shape, dtype) if x.on_device else from_host.empty(x, shape, dtype)


def deliver(x: Adopted, result: Adopted, places: Places | None) -> Any:
    """Return an array of x's namespace, on its device, which shares the result's memory where it can."""
    if not hasattr(x.original, "__array_namespace__"):
        return result.plain
    array = x.original.__array_namespace__().from_dlpack(result.plain)
    device = getattr(x.original, "device", None)
    return array if device == getattr(array, "device", device) else array.to_device(device)
