"""An array of any library as the engine sees it, and its result as the caller does."""

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from gpuconv.arrays.views import View
from gpuconv.problem import DType, Ints

# By the package that defines an array's type, or one of its bases. None is imported before such an array is met.
LIBRARIES = {
    "cupy": "cuda",
    "jax": "jax",
    "jaxlib": "jax",
    "numba": "cuda",
    "numpy": "host",
    "pandas": "pandas",
    "torch": "torch",
    "xarray": "xarray",
}
PLAIN = ("numpy", "torch", "cupy", "numba")  # whose arrays the engine allocates for results

Places = Sequence[slice | None]  # by axis: the samples of the input that a result's stand for; None for no samples


class Library(Protocol):
    """What a module knows of the arrays of a library."""

    def see(self, name: str, x: Any) -> "Adopted":
        """See an array without a copy, or refuse it by its name."""

    def empty(self, x: "Adopted", shape: Ints, dtype: DType) -> "Adopted":
        """Return a new C-contiguous plain array where x is."""

    def deliver(self, x: "Adopted", result: "Adopted", places: Places | None) -> Any:
        """Give a result of `empty` the type of x."""


_known: dict[type, Library] = {}  # by type of array


@dataclass(frozen=True)
class Adopted:
    """An array of any library, as the engine sees it."""

    view: View
    library: str  # one of PLAIN or LIBRARIES, or "other"
    original: Any
    stream: int | None = None  # of a torch tensor on a device: where its library works
    data: "Adopted | None" = None  # of an array with labels: what it labels

    @property
    def place(self) -> str:
        """Where it lives: "host", or "cuda:0" and so on."""
        return "host" if isinstance(self.view, np.ndarray) else f"cuda:{self.view.device}"

    @property
    def on_device(self) -> bool:
        """Whether it lives on a CUDA device."""
        return not isinstance(self.view, np.ndarray)

    @property
    def unlabelled(self) -> "Adopted":
        """The array without labels."""
        return self.data or self

    @property
    def plain(self) -> Any:
        """The array as one of NumPy, torch, CuPy or Numba, which a face can compute with and write to."""
        if self.data is not None:
            return self.data.plain
        if not self.on_device:
            return self.original if self.library == "torch" else self.view
        if self.library in PLAIN:
            return self.original
        from gpuconv.backends.cupy_arrays import on_device

        return on_device(self.view)

    def empty(self, shape: Ints, dtype: DType) -> "Adopted":
        """Return a new C-contiguous plain array on this device, of this library if that is plain."""
        return _library(self.library).empty(self, shape, dtype)

    def deliver(self, result: "Adopted", places: Places | None = None) -> Any:
        """Give a result of `empty` the type of this array; `places` is for its labels, the same samples by default."""
        if self.library in PLAIN:
            return result.original
        return _library(self.library).deliver(self, result, places)

    def in_kind(self, result: Any, places: Places | None = None) -> Any:
        """Give what was computed with plain arrays the type of this one."""
        return result if self.library in PLAIN else self.deliver(adopt("result", result), places)


def adopt(name: str, x: Any) -> Adopted:
    """See any array, number or nested list as the engine does; nothing is copied that need not be.

    Raises
    ------
    TypeError
        For arrays whose meaning would get lost: masked, sparse, of Python objects, traced, or with a gradient to
        follow.
    """
    if isinstance(x, Adopted):
        return x
    kind = type(x)
    library = _known.get(kind)
    if library is None:
        library = _known[kind] = _library_of(kind)
    return library.see(name, x)


def _library_of(kind: type) -> Library:
    """Library of a type or of its first base that has one."""
    packages = (base.__module__.partition(".")[0] for base in kind.__mro__)
    return _library(next((package for package in packages if package in LIBRARIES), "other"))


@functools.cache
def _library(name: str) -> Library:
    module = importlib.import_module(f"gpuconv.arrays.from_{LIBRARIES.get(name, 'other')}")
    return cast(Library, module)
