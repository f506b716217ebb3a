"""Types of arrays, for annotations: what the functions of gpuconv take, and give back as what it was.

Every function that takes an array is typed three times: a NumPy array gives a NumPy array; an `Array` of another
library gives one of the same type; numbers and nested lists give a NumPy array.
"""

from typing import Any, Protocol, TypeAlias, TypeVar

from numpy.typing import ArrayLike


class SupportsDLPack(Protocol):
    """An array that other libraries can look at through DLPack: torch.Tensor, cupy.ndarray, jax.Array and others."""

    def __dlpack__(self) -> Any:
        """Hand out the memory."""


class SupportsCudaArray(Protocol):
    """An array on a device with the CUDA array interface: those of CuPy, Numba and torch."""

    @property
    def __cuda_array_interface__(self) -> Any:
        """Pointer, shape and strides."""


class SupportsToNumpy(Protocol):
    """Labelled values: xarray.DataArray, pandas.Series."""

    def to_numpy(self) -> Any:
        """The values alone."""


Array: TypeAlias = SupportsDLPack | SupportsCudaArray | SupportsToNumpy
AnyArray: TypeAlias = ArrayLike | Array
ArrayT = TypeVar("ArrayT", bound=Array)
