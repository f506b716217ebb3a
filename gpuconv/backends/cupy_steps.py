"""What the CuPy backend does for a plan, in order; made once, for arrays that come later.

A step names its arrays by their slots in a tuple: image, result, weights and bias of a call, then the buffers. So a run
looks up arrays and launches, and nothing else: nothing is decided, allocated or waited for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gpuconv.problem import DType, Ints


class Slot(int):
    """The place of an array among those of a run."""


IMAGE, OUT, WEIGHTS, BIAS = (Slot(place) for place in range(4))
GIVEN = 4  # arrays that come with a call


class Step(Protocol):
    """One piece of work on a stream."""

    def run(self, arrays: Sequence[Any]) -> None:
        """Enqueue it on the current stream."""


@dataclass(frozen=True)
class Kernel:
    """One launch; the arguments with a slot are filled in at each run."""

    kernel: Any
    grid: Ints
    block: Ints
    shared_bytes: int
    arguments: tuple[Any, ...]
    slots: tuple[tuple[int, Slot], ...]

    def run(self, arrays: Sequence[Any]) -> None:
        """Launch."""
        arguments = list(self.arguments)
        for place, slot in self.slots:
            arguments[place] = arrays[slot]
        self.kernel(self.grid, self.block, arguments, shared_mem=self.shared_bytes)


@dataclass(frozen=True)
class Copy:
    """Values of one array to another, in another dtype or order of axes; the reverse where `back` is set."""

    source: Slot
    target: Slot
    order: Ints  # axes of the array of the call as the buffer has them
    back: bool = False

    def run(self, arrays: Sequence[Any]) -> None:
        """Copy by a kernel of CuPy's."""
        import cupy

        source, target = arrays[self.source], arrays[self.target]
        if self.back:
            cupy.copyto(target.transpose(self.order), source, casting="unsafe")
        else:
            cupy.copyto(target, source.transpose(self.order), casting="unsafe")


@dataclass(frozen=True)
class Transform:
    """Fourier transforms with a plan of cuFFT's."""

    plan: Any
    source: Slot
    target: Slot
    direction: int  # -1: forward; 1: inverse

    def run(self, arrays: Sequence[Any]) -> None:
        """Transform; neither direction scales, and the source may be lost."""
        self.plan.fft(arrays[self.source], arrays[self.target], self.direction)


@dataclass(frozen=True)
class Steps:
    """The steps of a plan, and the buffers that they need."""

    steps: tuple[Step, ...]
    buffers: tuple[tuple[Ints, DType], ...]
    held_bytes: int = 0  # device memory of the steps themselves

    @property
    def workspace_bytes(self) -> int:
        """Device memory of a run, besides the arrays of the call and their weights."""
        return self.held_bytes + sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.buffers)

    @property
    def has_constants(self) -> bool:
        """Whether the steps hold arrays on the device."""
        import cupy

        kernels = (step for step in self.steps if isinstance(step, Kernel))
        return any(isinstance(argument, cupy.ndarray) for kernel in kernels for argument in kernel.arguments)

    def allocate(self) -> tuple[Any, ...]:
        """New buffers, on the current device and stream."""
        import cupy

        return tuple(cupy.empty(shape, dtype) for shape, dtype in self.buffers)

    def run(self, given: tuple[Any, ...], buffers: tuple[Any, ...]) -> None:
        """Enqueue all steps, for (image, out, weights, bias) of a call."""
        arrays = given + buffers
        for step in self.steps:
            step.run(arrays)
