"""What planning may know beyond the Problem, handed over explicitly so that planning stays pure."""

from dataclasses import dataclass
from typing import Literal

Place = Literal["host", "device"]
Layout = Literal["channels_first", "channels_last", "interleaved"]


@dataclass(frozen=True)
class DeviceLimits:
    """What a launch must keep to, and what the model of its time needs, on one CUDA device."""

    name: str = "a CUDA device of compute capability 7.5"
    compute_capability: tuple[int, int] = (7, 5)
    shared_bytes: int = 48 * 1024  # shared memory a block, static or dynamic
    threads: int = 1024  # a block
    parameter_bytes: int = 4096  # arguments of a launch, weights by value among them
    multiprocessors: int = 40
    optin_shared_bytes: int = 0  # dynamic shared memory of a block whose kernel asks for more than `shared_bytes`
    multiprocessor_shared_bytes: int = 64 * 1024  # of all blocks that a multiprocessor runs at a time
    clock: float = 1.5e9  # cycles a second
    bandwidth: float = 300e9  # bytes of device memory read or written a second
    tuned: tuple[tuple[str, str], ...] = ()  # what was measured fastest here: see launches.tuned

    @property
    def most_shared_bytes(self) -> int:
        """Dynamic shared memory that a block can have at all; fewer blocks then run at a time."""
        return max(self.shared_bytes, self.optin_shared_bytes)


@dataclass(frozen=True)
class Rates:
    """Speed of a backend on the CPU, one thread, real numbers of 4 bytes: seconds each. Defaults: a desktop of 2024."""

    product: float  # of the direct sum
    passed: float  # product of a pass over one axis
    point: float  # sample of a tile, transformed there and back, for each power of two in the tile's size
    value: float  # sample loaded, result converted and written
    job: float  # tile or block begun


RATES = {
    "numpy": Rates(product=0.16e-9, passed=0.2e-9, point=0.28e-9, value=2e-9, job=25e-6),
    "cpu": Rates(product=0.025e-9, passed=0.05e-9, point=0.085e-9, value=0.3e-9, job=2e-6),
}


@dataclass(frozen=True)
class Facts:
    """What is known of the arrays of one call."""

    image_place: Place = "host"
    device_number: int | None = None  # of the device that the image is on
    weights_place: Place = "host"
    weights_sum: float | int | None = None  # largest sum |weights| of an output channel; None: on the device, unknown
    weights_range: tuple[int, int] | None = None  # least and largest of whole weights of a filter; None: not looked
    image_max: int | None = None  # largest |image| of 64-bit integers; None: not measured
    bias_max: int | None = None  # largest |bias| of integers; None: on the device, or no integers
    separable: bool = False  # the weights are the outer product of the 1D factors among the operands
    residual: float = 0.0  # largest relative difference between a tap and the product of its factors
    gain: float = 1.0  # how many times passes may multiply what an earlier one has lost to underflow
    terms: int = 0  # outer products among the operands whose sum the weights are, nearly; 0: not known to be few
    terms_error: float = 0.0  # of the passes of all terms, relative to ||weights||_2 ||image||_2 under the filter
    zero_taps: bool = True  # whether some weight is (or may be) zero
    image_layout: Layout = "channels_first"  # in memory, dense; copied there if it is neither
    out_layout: Layout = "channels_first"  # where the result goes
    interleaved: bool = False  # pixels: of image and result the last batch axis stands behind the spatial ones, dense
    precision: str = "standard"
    method: str = "auto"  # algorithm asked for
    finite: bool | None = None  # whether image and weights hold neither nan nor infinity; None: not looked
    rates: Rates | None = None  # measured on this CPU; None: the defaults
    device: DeviceLimits = DeviceLimits()
