"""Arrays in the place of a layer's operands: what the work on a layer over volumes needs of them."""

from typing import Protocol

import numpy as np

from gpuconv.arrays import View
from gpuconv.problem import DType, Ints


class Memory(Protocol):
    """Arrays in the place of the operands; for those on a device, what a backend's memory(image, stream) gives."""

    in_place: bool  # whether the kernels take images however they lie

    def empty(self, shape: Ints, dtype: DType) -> View:
        """Return a new array in C order."""

    def copy(self, source: View, target: View) -> None:
        """Put the values of one array into another, in its dtype."""

    def fill(self, target: View, value: complex) -> None:
        """Put one value everywhere."""

    def add(self, source: View, target: View) -> None:
        """Add the values of one array to another's."""


class HostMemory:
    """NumPy's."""

    def __init__(self, *, in_place: bool):
        self.in_place = in_place

    def empty(self, shape: Ints, dtype: DType) -> np.ndarray:
        """As in `Memory`."""
        return np.empty(shape, dtype)

    def copy(self, source: np.ndarray, target: np.ndarray) -> None:
        """As in `Memory`."""
        with np.errstate(over="ignore"):
            np.copyto(target, source, casting="unsafe")

    def fill(self, target: np.ndarray, value: complex) -> None:
        """As in `Memory`."""
        target[...] = value

    def add(self, source: np.ndarray, target: np.ndarray) -> None:
        """As in `Memory`."""
        with np.errstate(all="ignore"):
            target += source


class Idle(HostMemory):
    """Memory for a look at how the arrays of a call lie."""

    def copy(self, source: np.ndarray, target: np.ndarray) -> None:
        """Leave it."""

    def fill(self, target: np.ndarray, value: complex) -> None:
        """Leave it."""

    def add(self, source: np.ndarray, target: np.ndarray) -> None:
        """Leave it."""
