"""The functions that make and copy arrays."""

import ctypes

import numpy

from ._array import (
    DLPACK_CPU,
    DLPACK_CUDA,
    Memory,
    UnownedMemory,
    check_dtype,
    copy_of,
    host_operand,
    ndarray,
    set_dlpack_device,
)
from ._device import current_device, enqueue, need_context


def empty(shape, dtype=float, order="C"):
    """An array of NaN bytes, where CuPy's would be anything."""
    dtype = check_dtype(dtype)
    template = numpy.broadcast_to(numpy.empty((), dtype), shape)
    memory = Memory(template.size * dtype.itemsize)
    return ndarray._wrap(numpy.ndarray(template.shape, dtype, memory.array.data, order=order), memory)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Device arrays are shared if nothing changes, host arrays are copied to the device."""
    if not isinstance(a, ndarray) and hasattr(a, "__cuda_array_interface__"):
        a = _from_interface(a)
    if not isinstance(a, ndarray):
        host = numpy.asarray(a)
        check_dtype(host.dtype)
        kept = "F" if host.flags.fnc else "C"  # of the orders of a host array CuPy keeps these two only
        return copy_of(host, check_dtype(dtype or host.dtype), order if order in ("C", "F") else kept)
    need_context()
    wanted = a.dtype if dtype is None else check_dtype(dtype)
    in_order = order not in ("C", "F") or (a.flags.c_contiguous if order == "C" else a.flags.f_contiguous)
    if wanted == a.dtype and in_order and not copy and a.data.device_id == current_device():
        return a
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    return copy_of(a._host, wanted, order or "K")


def ascontiguousarray(a, dtype=None):
    """A C-contiguous array of at least one dimension."""
    array = asarray(a, dtype, "C")
    return array if array.ndim else array.reshape(1)


def _from_interface(owner):
    """Share the memory that __cuda_array_interface__ describes; its pointer is one of the host here."""
    need_context()
    interface = owner.__cuda_array_interface__
    dtype = numpy.dtype(interface["typestr"])
    if dtype.byteorder == ">":
        raise ValueError("CuPy does not support the big-endian byte-order")
    return _share(interface["data"][0], interface["shape"], dtype, interface.get("strides"), owner)


def _share(address, shape, dtype, strides, owner):
    """An array over memory that `owner` keeps."""
    check_dtype(dtype)
    if 0 in shape:
        return empty(shape, dtype)
    strides = strides or numpy.empty(shape, dtype).strides
    reach = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    low, high = sum(r for r in reach if r < 0), sum(r for r in reach if r > 0) + dtype.itemsize
    buffer = (ctypes.c_uint8 * (high - low)).from_address(address + low)
    return ndarray._wrap(numpy.ndarray(shape, dtype, buffer, -low, strides), UnownedMemory(address, owner))


def from_dlpack(array, *, device=None, copy=None):
    """Share the memory of a DLPack object on the pretended device."""
    need_context()
    if device is not None or copy is not None:
        raise NotImplementedError("the stand-in's from_dlpack knows neither device nor copy")
    device_type, _ = array.__dlpack_device__()
    if device_type != DLPACK_CUDA:
        raise ValueError(f"the stand-in takes CUDA DLPack objects only; got device type {device_type}")
    capsule = array.__dlpack__(stream=1)
    set_dlpack_device(capsule, DLPACK_CPU)
    host = numpy.from_dlpack(_Capsule(capsule))
    return _share(host.__array_interface__["data"][0], host.shape, host.dtype, host.strides, host)


class _Capsule:
    """A DLPack object around a capsule."""

    def __init__(self, capsule):
        self._capsule = capsule

    def __dlpack_device__(self):
        return (DLPACK_CPU, 0)

    def __dlpack__(self, **_):
        return self._capsule


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """A NumPy array with the values of `a`."""
    if isinstance(a, ndarray):
        return a.get(stream=stream, order=order, out=out, blocking=blocking)
    host = numpy.asarray(a, order=order)
    if out is None:
        return host
    out[...] = host
    return out


def copyto(dst, src, casting="same_kind", where=None):
    """Copy values from a device array or a scalar, with broadcasting."""
    if isinstance(src, numpy.ndarray) and src.size != 1:
        raise ValueError("non-scalar numpy.ndarray cannot be used for copyto")
    source = src._host if isinstance(src, ndarray) else src
    enqueue(lambda _: numpy.copyto(dst._host, source, casting=casting, where=True if where is None else where._host))


def where(condition, x=None, y=None):
    """Values of x where the condition holds, and of y elsewhere."""
    need_context()
    if x is None or y is None:
        raise NotImplementedError("the stand-in's where chooses between values")
    chosen = numpy.where(condition._host, host_operand(x), host_operand(y))
    return copy_of(chosen, check_dtype(chosen.dtype), "C")
