"""What a backend offers: a module with these functions, and what some of them make ready for later calls."""

from typing import Any, Protocol

from gpuconv.arrays import Operands, View
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan
from gpuconv.problem import Problem


class Backend(Protocol):
    """What every backend module offers."""

    def unavailable(self) -> str | None:
        """Why it cannot run on this machine, or None."""

    def describe(self) -> str:
        """Device and versions, where it is available."""

    def unsupported(self, problem: Problem, facts: Facts) -> str | None:
        """Why it cannot compute a problem, or None; asked only where it is available."""

    def run(self, plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
        """Compute a plan into `out`."""


class Ready(Protocol):
    """A plan that lacks nothing but image and output, C-contiguous or as strided as those it was made for."""

    @property
    def workspace_bytes(self) -> int:
        """Memory that a run takes besides both."""

    def run(self, image: Any, out: Any) -> None:
        """Compute; the two must not overlap."""


class ReadyLayer(Protocol):
    """A layer, or its gradient, that lacks nothing but arrays as strided as those that it was made for."""

    def run(self, image: Any, weights: Any, bias: Any, out: Any) -> None:
        """Compute; `out` must not overlap the others."""
