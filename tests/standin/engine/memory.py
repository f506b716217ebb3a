"""Arguments of a launch, and private copies of the memory they point into."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

ALIGNMENT = 256  # of device allocations, at least


@dataclass(frozen=True)
class Pointer:
    """A pointer to the first element of an array, which may have any strides."""

    array: np.ndarray

    @property
    def address(self) -> int:
        return self.array.__array_interface__["data"][0]

    @property
    def extent(self) -> tuple[int, int]:
        """Addresses of the first byte of the elements and of the byte behind the last."""
        if self.array.size == 0:
            return self.address, self.address
        low, high = np.lib.array_utils.byte_bounds(self.array)
        return low, high

    def to_bytes(self) -> bytes:
        return self.address.to_bytes(8, "little")


@dataclass(frozen=True)
class Value:
    """An argument that is copied: a scalar, or a struct as an array of one structured element."""

    array: np.ndarray

    def to_bytes(self) -> bytes:
        return self.array.tobytes()


Argument = Pointer | Value


def as_argument(value: object) -> Argument:
    """NumPy arrays are pointers, except structured arrays of one element: they and scalars are values."""
    if isinstance(value, (Pointer, Value)):
        return value
    if isinstance(value, np.ndarray) and not (value.dtype.kind == "V" and value.size == 1):
        return Pointer(value)
    if isinstance(value, (np.ndarray, np.generic, bool, int, float, complex)):
        return Value(np.asarray(value))
    raise TypeError(f"a kernel argument must be a NumPy array or scalar; got {type(value).__name__}")


@dataclass(frozen=True)
class Place:
    """A pointer argument in a Snapshot: its region, its offset there in bytes, and the array's layout."""

    region: int
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, regions: list[np.ndarray]) -> np.ndarray:
        """The array, in a copy of the regions."""
        return np.ndarray(self.shape, self.dtype, regions[self.region].data, self.offset, self.strides)


@dataclass(frozen=True)
class Snapshot:
    """The memory that the pointers of an argument list reach, and where each points."""

    regions: tuple[np.ndarray, ...]  # uint8
    alignments: tuple[int, ...]  # of each region's address, modulo ALIGNMENT
    places: tuple[Place | Value, ...]

    def copy(self) -> list[np.ndarray]:
        """Fresh regions with the alignment of the originals."""
        return [_aligned(region, alignment) for region, alignment in zip(self.regions, self.alignments, strict=True)]

    def arguments(self, regions: list[np.ndarray]) -> list[Argument]:
        return [place if isinstance(place, Value) else Pointer(place.view(regions)) for place in self.places]

    def arrays(self, regions: list[np.ndarray]) -> list[np.ndarray | None]:
        """The arrays of the pointer arguments, None for values."""
        return [None if isinstance(place, Value) else place.view(regions) for place in self.places]


def snapshot(arguments: list[Argument]) -> Snapshot:
    """Copy the memory behind `arguments`; arrays that overlap stay one region."""
    merged: list[list[int]] = []
    for low, high in sorted(argument.extent for argument in arguments if isinstance(argument, Pointer)):
        if merged and (low < merged[-1][1] or [low, high] == merged[-1]):
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    places: list[Place | Value] = []
    for argument in arguments:
        if isinstance(argument, Value):
            places.append(Value(argument.array.copy()))
            continue
        index = next(
            i for i, (low, high) in enumerate(merged) if low <= argument.extent[0] and argument.extent[1] <= high
        )
        array = argument.array
        places.append(Place(index, argument.address - merged[index][0], array.dtype, array.shape, array.strides))
    regions = tuple(_read(low, high) for low, high in merged)
    return Snapshot(regions, tuple(low % ALIGNMENT for low, _ in merged), tuple(places))


def _read(low: int, high: int) -> np.ndarray:
    return np.frombuffer((ctypes.c_uint8 * (high - low)).from_address(low), np.uint8).copy()


def _aligned(region: np.ndarray, alignment: int) -> np.ndarray:
    """A copy of `region` at an address that leaves `alignment` modulo ALIGNMENT."""
    storage = np.empty(region.size + 2 * ALIGNMENT, np.uint8)
    start = (alignment - storage.__array_interface__["data"][0]) % ALIGNMENT
    result = storage[start : start + region.size]
    result[:] = region
    return result
