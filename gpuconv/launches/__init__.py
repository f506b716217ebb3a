"""HOW a CUDA kernel is launched: what is compiled, grid, block, shared bytes and arguments; pure data.

One planning function per kernel stands in `launches.cuda` (CUDA C++) and `launches.numba_cuda` (Numba CUDA): it takes
(problem, facts) and returns a LaunchPlan, or the sentence why its kernel does not take the problem.
"""

from dataclasses import dataclass
from typing import Literal

from gpuconv.planning.facts import Layout

Triple = tuple[int, int, int]
Kind = Literal["image", "weights", "words", "factors", "terms", "bias", "out", "workspace", "transform", "scalar"]


@dataclass(frozen=True)
class Specialization:
    """What is compiled: a kernel, its scalar types and its integer constants. The compile-cache key."""

    kernel: str
    types: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, int], ...] = ()

    def constant(self, name: str) -> int:
        """Value of one constant."""
        return dict(self.constants)[name]

    def __str__(self) -> str:
        types = ", ".join(f"{name}={type_}" for name, type_ in self.types)
        return f"{self.kernel}<{', '.join([types, *(f'{name}={value}' for name, value in self.constants)])}>"


@dataclass(frozen=True)
class Argument:
    """One argument of a launch: an array of the operands, weights by value, or a scalar with its C type.

    A workspace is memory that the plan's launches share; its `value` is the number of its elements.
    """

    name: str
    kind: Kind
    type: str  # C type of the scalar, or of the array's elements
    value: complex = 0  # of a scalar
    by_value: bool = False  # weights that travel inside the launch (constant bank)
    layout: Layout = "channels_first"  # of image and out
    order: tuple[int, ...] = ()  # axes of weights as the kernel reads them, if in another order, 16 bytes aligned;
    # of factors, those that it takes


@dataclass(frozen=True)
class LaunchPlan:
    """One kernel launch; grid and block in CUDA's order (x, y, z)."""

    specialization: Specialization
    grid: Triple
    block: Triple
    shared_bytes: int  # dynamic
    arguments: tuple[Argument, ...]
    then: "LaunchPlan | None" = None  # what has to follow

    @property
    def all(self) -> "tuple[LaunchPlan, ...]":
        """The launch and those that follow it."""
        return (self, *(self.then.all if self.then else ()))


def ceil_div(a: int, b: int) -> int:
    """Smallest integer >= a / b, for positive b."""
    return -(-a // b)
