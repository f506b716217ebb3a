"""Arrays of NumPy, and all that it makes arrays of: numbers, lists, objects with __array__."""

from typing import Any

import numpy as np

from gpuconv.arrays.adopted import Adopted, Places
from gpuconv.problem import DType, Ints


def see(name: str, x: Any) -> Adopted:
    """See it in the byte order of this machine."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array (its mask would be ignored); pass {name}.filled(...)")
    array = np.asarray(x)
    return Adopted(array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("=")), "numpy", x)


def empty(x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return a NumPy array."""
    array = np.empty(shape, dtype)
    return Adopted(array, "numpy", array)


def deliver(x: Adopted, result: Adopted, places: Places | None) -> Any:
    """Return the NumPy array."""
    return result.original
