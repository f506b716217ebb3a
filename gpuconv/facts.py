"""What planning may know beyond the Problem, handed over explicitly so that planning stays pure."""

from dataclasses import dataclass
from typing import Literal

Place = Literal["host", "device"]


@dataclass(frozen=True)
class DeviceLimits:
    """What a launch must keep to, and what the model of its time needs, on one CUDA device."""

    name: str = "a CUDA device of compute capability 7.5"
    compute_capability: tuple[int, int] = (7, 5)
    shared_bytes: int = 48 * 1024  # static shared memory a block
    threads: int = 1024  # a block
    parameter_bytes: int = 4096  # arguments of a launch, weights by value among them
    multiprocessors: int = 40


@dataclass(frozen=True)
class Facts:
    """What is known of the arrays of one call."""

    image_place: Place = "host"
    weights_place: Place = "host"
    weights_sum: float | int | None = None  # largest sum |weights| of an output channel; None: on the device, unknown
    image_max: int | None = None  # largest |image| of 64-bit integers; None: not measured
    bias_max: int | None = None  # largest |bias| of integers; None: on the device, or no integers
    separable: bool = False  # the weights are the outer product of the 1D factors among the operands
    residual: float = 0.0  # largest relative difference between a tap and the product of its factors
    zero_taps: bool = True  # whether some weight is (or may be) zero
    precision: str = "standard"
    device: DeviceLimits = DeviceLimits()
