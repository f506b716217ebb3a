"""Samples in NumPy's arrays on the host, in CuPy's on a device: which are missing, and what is put there.

What is written here means the same to both libraries.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.arrays import Adopted, View, adopt
from gpuconv.arrays.labels import check_dims
from gpuconv.dtypes import is_bfloat16, is_integer
from gpuconv.errors import UnsupportedProblemError
from gpuconv.options import check_place
from gpuconv.problem import Ints

Array = Any  # numpy.ndarray or cupy.ndarray


@contextmanager
def at_place(image: Adopted) -> Iterator[None]:
    """Work on the image's device and on the stream of its library."""
    if not image.on_device:
        yield
        return
    reason = backends.reason_unavailable("cupy")
    if reason:
        raise UnsupportedProblemError(
            f"missing values on a device are looked for with CuPy, which cannot run: {reason}"
        )
    from gpuconv.backends.cupy_arrays import place

    with place(image.view, image.stream):
        yield


def as_array(view: View) -> Array:
    """See a view as an array of its side's library."""
    if isinstance(view, np.ndarray):
        return view
    from gpuconv.backends.cupy_arrays import on_device

    return on_device(view)


def on_host(taps: Adopted) -> np.ndarray:
    """Weights as NumPy's array; those on a device are fetched."""
    if not taps.on_device:
        view: np.ndarray = taps.view
        return view
    with at_place(taps):
        from gpuconv.backends.cupy_arrays import fetched

        return fetched(taps.view)


def adopt_mask(mask: Any, image: Adopted) -> View:
    """See a mask as an array, or say what is wrong with it."""
    adopted = adopt("mask", mask)
    check_place(image, adopted, "mask")
    check_dims(image, adopted, "mask")
    if not is_integer(adopted.view.dtype):
        raise TypeError(f"mask must be boolean (True: missing) or of integers; got dtype {adopted.view.dtype}")
    shape, extents = tuple(adopted.view.shape), image.view.shape
    pairs = list(zip(shape[::-1], extents[::-1], strict=False))
    if len(shape) > len(extents) or any(n not in (1, extent) for n, extent in pairs):
        raise ValueError(f"mask must have x's shape, {extents}, or one that broadcasts to it; got {shape}")
    return adopted.view


def missing_samples(x: Array, mask: View | None, omit: bool, spatial: Ints) -> Array | None:
    """Where samples are missing: masked, or NaN under `omit`; None where none can be, or none is on the host.

    Along axes that are not spatial it has the mask's length, if that decides alone: what follows is done once.
    """
    found = is_nan(x) if omit and not is_integer(x.dtype) else None
    if mask is not None:
        lengths = (1,) * (x.ndim - mask.ndim) + tuple(mask.shape)
        shape = tuple(n if axis in spatial else m for axis, (n, m) in enumerate(zip(x.shape, lengths, strict=True)))
        masked = _module(x).empty(shape, bool)
        _module(x).copyto(masked, _module(x).asarray(as_array(mask)) != 0)
        found = masked if found is None else found | masked
    return None if found is None or (isinstance(found, np.ndarray) and not found.any()) else found


def is_nan(x: Array) -> Array:
    """Where either part of a number is NaN."""
    bits = x.astype("float32") if is_bfloat16(x.dtype) else x
    return bits != bits


def refuse_nan(x: Array, missing: Array | None) -> None:
    """Raise ValueError for samples that are NaN and not missing; a device is waited for."""
    if is_integer(x.dtype) or x.size == 0:
        return
    with np.errstate(invalid="ignore"):
        if isinstance(x, np.ndarray) and not np.isnan(np.min(x)):  # one look, and nothing written
            return
    count = int(np.count_nonzero(_fetched(is_nan(x) if missing is None else is_nan(x) & ~missing)))
    if count:
        raise ValueError(f"x must hold no NaN under nan='raise'; got {count} of them")


def zero_filled(x: Array, missing: Array | None) -> Array:
    """A copy with zeros where samples are missing; x itself where none is."""
    if missing is None:
        return x
    if x.itemsize > 8:
        return _module(x).where(missing, x.dtype.type(0), x)
    integer = f"int{8 * x.itemsize}"
    kept = (missing.view("int8") - np.int8(1)).astype(integer)  # no bit, or all: there is no faster choice
    return (kept & x.view(integer)).view(x.dtype)


def put_nan(x: Array, where: Array) -> None:
    """Put NaN in some places."""
    nan = np.full((), np.nan, x.dtype)
    if is_bfloat16(x.dtype):
        x, nan = x.view("uint16"), nan.view("uint16")
    _module(x).copyto(x, nan[()] if isinstance(x, np.ndarray) else nan.item(), where=where)


def divide(x: Array, by: Array, floor: float) -> None:
    """Divide in place; NaN where the magnitude of `by` is not above the floor."""
    with np.errstate(all="ignore"):
        x /= by
    if floor > 0:
        put_nan(x, abs(by) <= floor)


def smallest(x: Array) -> float:
    """Smallest value of real numbers; a device is waited for."""
    return float(_fetched(x.min())) if x.size else np.inf


def _fetched(x: Array) -> Any:
    return x if isinstance(x, np.ndarray | np.generic) else x.get()


def _module(x: Array) -> Any:
    """The library of an array."""
    if isinstance(x, np.ndarray):
        return np
    from gpuconv.backends.cupy_arrays import library

    return library()
