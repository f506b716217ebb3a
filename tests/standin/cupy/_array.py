"""cupy.ndarray, over host memory."""

import ctypes

import numpy

from ._device import current_device, enqueue, live, need_context, need_memory, need_no_capture

_CHARACTERS = "?bhilqBHILQefdFDE"  # the dtypes that CuPy's kernels know; E is ml_dtypes.bfloat16
DLPACK_CPU, DLPACK_CUDA = 1, 2
_blocks = {}  # bytes and device of each allocation, by its address


class Memory:
    """One allocation: bytes that begin as NaN, aligned as CuPy's."""

    def __init__(self, nbytes):
        need_memory(nbytes)
        self._storage = numpy.full(nbytes + 512, 0xFF, numpy.uint8)
        start = -self._storage.ctypes.data % 512
        self.array = self._storage[start : start + nbytes]
        self.size = nbytes
        self.device_id = current_device()
        self._address = self.array.ctypes.data
        _blocks[self._address] = (nbytes, self.device_id)
        live[0] += nbytes

    def __del__(self):
        live[0] -= getattr(self, "size", 0)
        _blocks.pop(getattr(self, "_address", None), None)


class UnownedMemory:
    """Memory of somebody else's; its device is that of the allocation it lies in."""

    def __init__(self, ptr, owner):
        self.owner = owner
        inside = (device for begin, (size, device) in list(_blocks.items()) if begin <= ptr < begin + size)
        self.device_id = next(inside, current_device())


class _MemoryPointer:
    """Where an array begins."""

    def __init__(self, ptr, mem, device_id):
        self.ptr = ptr
        self.mem = mem
        self.device_id = device_id


def check_dtype(dtype):
    dtype = numpy.dtype(dtype)
    if dtype.char not in _CHARACTERS:
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype.newbyteorder("=")


class Flags:
    """What CuPy knows of an array's memory; whether it may be written to is not among it."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous, self.owndata = flags.c_contiguous, flags.f_contiguous, flags.owndata
        self.fnc, self.forc = flags.fnc, flags.forc


class ndarray:  # noqa: N801 (CuPy's name)
    """An array on the pretended device; `_host` is the NumPy view of its memory."""

    __array_priority__ = 100

    def __init__(self, *args, **kwargs):
        raise TypeError("the stand-in makes arrays with cupy.empty and cupy.asarray only")

    @classmethod
    def _wrap(cls, host, owner):
        array = object.__new__(cls)
        array._host, array._owner = host, owner
        return array

    dtype = property(lambda self: self._host.dtype)
    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: Flags(self._host.flags))
    T = property(lambda self: self._wrap(self._host.T, self._owner))

    @property
    def data(self):
        address = self._host.__array_interface__["data"][0] if self.size else 0
        return _MemoryPointer(address, self._owner, self._owner.device_id)

    @property
    def device(self):
        from .cuda import Device

        return Device(self._owner.device_id)

    @property
    def __cuda_array_interface__(self):
        from .cuda import get_current_stream

        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "descr": self.dtype.descr,
            "strides": None if self.flags.c_contiguous else self.strides,
            "data": (self.data.ptr, False),
            "version": 3,
            "stream": get_current_stream().ptr or 1,
        }

    def __array__(self, dtype=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __len__(self):
        return len(self._host)

    def __getitem__(self, slices):
        need_context()
        keys = slices if isinstance(slices, tuple) else (slices,)
        if not all(k is None or k is ... or isinstance(k, (int, slice)) for k in keys):
            raise NotImplementedError(f"the stand-in knows basic indexing only; got {slices!r}")
        return self._wrap(self._host[keys if ... in keys else (*keys, ...)], self._owner)

    def view(self, dtype=None, type=None):  # noqa: A002 (CuPy's name)
        return self._wrap(self._host.view(check_dtype(dtype)), self._owner)

    def copy(self, order="C"):
        return copy_of(self._host, self.dtype, order)

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        dtype = check_dtype(dtype)
        return self if not copy and dtype == self.dtype else copy_of(self._host, dtype, order)

    def reshape(self, *shape, order="C", copy=None):
        if copy is not None:
            raise NotImplementedError("the stand-in's reshape copies where it must")
        host = self._host.reshape(*shape, order=order)
        shares = numpy.may_share_memory(host, self._host)
        return self._wrap(host, self._owner) if shares else copy_of(host, host.dtype, "C")

    def transpose(self, *axes):
        return self._wrap(self._host.transpose(*axes), self._owner)

    def __ne__(self, other):
        return self._elementwise(numpy.not_equal, other)

    def __le__(self, other):
        return self._elementwise(numpy.less_equal, other)

    def __sub__(self, other):
        return self._elementwise(numpy.subtract, other)

    def __and__(self, other):
        return self._elementwise(numpy.bitwise_and, other)

    def __or__(self, other):
        return self._elementwise(numpy.bitwise_or, other)

    def __invert__(self):
        return self._elementwise(numpy.invert)

    def __abs__(self):
        return self._elementwise(numpy.absolute)

    def __iadd__(self, other):
        source = host_operand(other)
        enqueue(lambda _: numpy.add(self._host, source, out=self._host))
        return self

    def __itruediv__(self, other):
        need_context()
        self._host /= host_operand(other)
        return self

    def _elementwise(self, function, *others):
        need_context()
        result = numpy.asarray(function(self._host, *map(host_operand, others)))
        return copy_of(result, check_dtype(result.dtype), "C")

    def max(self, axis=None, out=None, keepdims=False):
        return self._reduced(numpy.max, axis, out, keepdims)

    def min(self, axis=None, out=None, keepdims=False):
        return self._reduced(numpy.min, axis, out, keepdims)

    def _reduced(self, function, axis, out, keepdims):
        need_context()
        if axis is not None or out is not None or keepdims:
            raise NotImplementedError("the stand-in reduces all axes")
        return copy_of(numpy.asarray(function(self._host)), self.dtype, "C")

    def fill(self, value):
        need_context()
        self._host.fill(value)

    def get(self, stream=None, order="C", out=None, blocking=True):
        need_no_capture()
        if out is None:
            return self._host.copy(order=order)
        if out.shape != self.shape or out.dtype != self.dtype:
            raise ValueError(
                f"Shape or dtype mismatch. Expected {self.shape} {self.dtype}, got {out.shape} {out.dtype}"
            )
        out[...] = self._host
        return out

    def set(self, arr, stream=None):
        need_no_capture()
        if not isinstance(arr, numpy.ndarray) or arr.shape != self.shape or arr.dtype != self.dtype:
            raise ValueError("Only a NumPy array of the same shape and dtype can be set")
        self._host[...] = arr

    def __dlpack_device__(self):
        return (DLPACK_CUDA, self._owner.device_id)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        capsule = self._host.__dlpack__()
        set_dlpack_device(capsule, DLPACK_CUDA)
        return capsule


def host_operand(value):
    """An operand beside an array: another one, or a number; CuPy refuses arrays of NumPy."""
    if isinstance(value, numpy.ndarray) and value.ndim:
        raise TypeError(f"Unsupported type {type(value)}")
    return value._host if isinstance(value, ndarray) else value


def set_dlpack_device(capsule, device_type):
    """Overwrite the device in a DLManagedTensor: the field behind the data pointer."""
    api = ctypes.pythonapi.PyCapsule_GetPointer
    api.restype, api.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    ctypes.c_int32.from_address(api(capsule, b"dltensor") + 8).value = device_type


def copy_of(host, dtype, order):
    """A new array with the values of `host`."""
    template = numpy.empty_like(host, dtype=dtype, order=order)  # K and A as NumPy resolves them
    memory = Memory(template.nbytes)
    view = numpy.ndarray(template.shape, dtype, memory.array.data, 0, template.strides)
    view[...] = host
    return ndarray._wrap(view, memory)
