"""Array types: which library an array comes from, where it lives, and how the engine sees it without a copy.

On the host the engine sees a numpy.ndarray. On a device it sees a DeviceView: pointer, shape, strides and dtype, which
CuPy and Numba take as their own through __cuda_array_interface__. Results are allocated by the library of the input, so
that they are of its type and on its device.
"""

import math
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.dtypes import bfloat16, is_bfloat16, is_integer
from gpuconv.problem import DType, Ints

View = Any  # numpy.ndarray on the host, DeviceView on a device


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
        return replace(self, shape=_pick(self.shape, order), strides=_pick(self.strides, order))

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


def flip(view: View, axes: Ints) -> View:
    """Some axes backwards, on either side."""
    return np.flip(view, axes) if isinstance(view, np.ndarray) else view.flip(axes)


def insert_axis(view: View, axis: int) -> View:
    """With an axis of length 1 before `axis`, on either side."""
    return view[(slice(None),) * axis + (None,)] if isinstance(view, np.ndarray) else view.insert_axis(axis)


def every(view: View, axis: int, start: int, step: int, count: int) -> View:
    """`count` elements of an axis, `step` apart (backwards if that is negative), on either side."""
    if not isinstance(view, np.ndarray):
        return view.every(axis, start, step, count)
    stop = start + step * count
    return view[(slice(None),) * axis + (slice(start, stop if stop >= 0 else None, step),)]


def cut(view: View, axis: int, start: int, stop: int) -> View:
    """The places [start, stop) along one axis, on either side."""
    if isinstance(view, np.ndarray):
        return view[(slice(None),) * axis + (slice(start, stop),)]
    return view.cut(axis, start, stop)


def pick(view: View, index: dict[int, int]) -> View:
    """One element along some axes, which are dropped, on either side."""
    if isinstance(view, np.ndarray):
        return view[tuple(index.get(axis, slice(None)) for axis in range(view.ndim))]
    kept = tuple(axis for axis in range(view.ndim) if axis not in index)
    offset = sum(n * view.strides[axis] for axis, n in index.items())
    shape, strides = _pick(view.shape, kept), _pick(view.strides, kept)
    return replace(view, pointer=view.pointer + offset, shape=shape, strides=strides)


@dataclass(frozen=True)
class Adopted:
    """An array of any library, as the engine sees it."""

    view: View
    library: str  # "numpy", "torch", "cupy", "numba" or "other"
    original: Any
    stream: int | None = None  # of a torch tensor on a device: where its library works

    @property
    def place(self) -> str:
        """Where it lives: "host", or "cuda:0" and so on."""
        return "host" if isinstance(self.view, np.ndarray) else f"cuda:{self.view.device}"

    @property
    def on_device(self) -> bool:
        """Whether it lives on a CUDA device."""
        return not isinstance(self.view, np.ndarray)

    def empty(self, shape: Ints, dtype: DType) -> "Adopted":
        """Return a new C-contiguous array of this library on this device."""
        if self.library == "torch":
            import torch

            return adopt("out", torch.empty(shape, dtype=getattr(torch, dtype.name), device=self.original.device))
        if not self.on_device:
            return adopt("out", np.empty(shape, dtype))
        if self.library == "numba":
            from numba import cuda

            with cuda.gpus[self.view.device]:
                return adopt("out", cuda.device_array(shape, dtype, stream=self.original.stream))
        import cupy

        return adopt("out", cupy.empty(shape, dtype))

    def deliver(self, result: "Adopted") -> Any:
        """Give a result of `empty` the type of this array."""
        if self.library == "other" and hasattr(self.original, "__array_namespace__"):
            return self.original.__array_namespace__().from_dlpack(result.original)
        return result.original


def adopt(name: str, x: Any) -> Adopted:
    """See any array, number or nested list as the engine does; nothing is copied that need not be.

    Raises
    ------
    TypeError
        For arrays whose meaning would get lost: masked, sparse, of Python objects, or with a gradient to follow.
    """
    if isinstance(x, Adopted):
        return x
    module = type(x).__module__.partition(".")[0]
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array (its mask would be ignored); pass {name}.filled(...)")
    if module == "torch" and hasattr(x, "requires_grad"):
        return _adopt_tensor(name, x)
    if isinstance(x, np.ndarray):
        return Adopted(_native(np.asarray(x)), "numpy", x)
    if hasattr(x, "__cuda_array_interface__"):
        return Adopted(_device_view(x, _device_of(x)), module if module in ("cupy", "numba") else "other", x)
    if hasattr(x, "__dlpack_device__"):
        return _adopt_dlpack(x)
    return Adopted(_native(np.asarray(x)), "numpy", x)


def _native(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _adopt_tensor(name: str, x: Any) -> Adopted:
    torch = sys.modules["torch"]
    if x.requires_grad and torch.is_grad_enabled():
        raise TypeError(
            f"{name} must not require a gradient (gpuconv does not compute gradients yet); pass {name}.detach()"
        )
    if x.layout != torch.strided:
        raise TypeError(f"{name} must be a dense tensor; got layout {x.layout}")
    if x.is_conj() or x.is_neg():
        if name == "out":
            raise TypeError(
                "out must not be a lazily conjugated or negated tensor; pass out.resolve_conj().resolve_neg()"
            )
        return _adopt_tensor(name, x.resolve_conj().resolve_neg())
    if x.device.type not in ("cpu", "cuda"):
        raise TypeError(f"{name} must be on the CPU or a CUDA device; got device {x.device}")
    bits, stored = x.detach(), None
    if x.dtype == torch.bfloat16:  # which neither NumPy nor the CUDA array interface knows
        bits, stored = bits.view(torch.int16), bfloat16()
    if x.device.type == "cpu":
        return Adopted(bits.numpy().view(stored) if stored else bits.numpy(), "torch", x)
    view = _device_view(bits, x.device.index)
    stream = torch.cuda.current_stream(x.device).cuda_stream
    return Adopted(replace(view, dtype=stored) if stored else view, "torch", x, stream)


def _adopt_dlpack(x: Any) -> Adopted:
    kind, device = x.__dlpack_device__()
    if kind == 1:  # kDLCPU
        return Adopted(np.from_dlpack(x), "other", x)
    if kind not in (2, 13):  # kDLCUDA, kDLCUDAManaged
        raise TypeError(f"an array must be on the CPU or a CUDA device; got DLPack device type {int(kind)}")
    import cupy

    return Adopted(_device_view(cupy.from_dlpack(x), device), "other", x)


def _device_view(x: Any, device: int) -> DeviceView:
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


def _device_of(x: Any) -> int:
    """Number of the device an array of the CUDA array interface lives on (the interface itself does not say)."""
    if hasattr(x, "gpu_data"):  # Numba's
        return int(x.gpu_data.context.device.id)
    device = getattr(getattr(x, "device", None), "id", None)
    if device is None and hasattr(x, "__dlpack_device__"):
        device = x.__dlpack_device__()[1]
    return int(device or 0)


def _pick(values: Ints, order: Ints) -> Ints:
    return tuple(values[axis] for axis in order)


@dataclass(frozen=True)
class Operands:
    """What a backend computes with: the views of one call, in the shapes the Problem states."""

    image: View  # (*batch, channels_in, *extent)
    weights: View | None  # (channels_out, channels_in/groups, *filter); None where factors say it all
    factors: tuple[np.ndarray, ...] = ()  # 1D, one per spatial axis, on the host: their outer product is the filter
    bias: View | None = None  # (channels_out,)
    residual: float = 0.0  # largest relative difference between a tap of the weights and the product of the factors

    def full_weights(self) -> View:
        """The weights with every axis, made from the factors if need be."""
        if self.weights is not None:
            return self.weights
        dtype = self.factors[0].dtype
        product: np.ndarray = np.array(1, dtype if is_integer(dtype) else np.result_type(dtype, "float64"))
        for factor in self.factors:
            product = np.multiply.outer(product, factor)
        return product[None, None]

    def on_host(self, dtype: DType) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, tuple[np.ndarray, ...]]:
        """(image, weights, bias, factors) with all but the image as `dtype`; only where all are on the host."""
        bias = None if self.bias is None else self.bias.astype(dtype)
        factors = tuple(factor.astype(dtype) for factor in self.factors)
        weights = self.weights.astype(dtype) if self.weights is not None else np.empty(0, dtype)
        return self.image, weights, bias, factors
