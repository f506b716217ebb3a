"""The CuPy backend: CUDA C++ kernels compiled by NVRTC."""

from gpuconv.arrays import Operands, View
from gpuconv.facts import DeviceLimits, Facts
from gpuconv.planner import Plan
from gpuconv.problem import Problem


def unavailable() -> str | None:
    """Probe for CuPy, a driver and a device."""
    return "no kernels yet"


def describe() -> str:
    """Device and versions."""
    return ""


def limits() -> DeviceLimits:
    """Limits of the current device."""
    return DeviceLimits()


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel here can take the problem."""
    return "no kernels yet"


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Launch the plan's kernels."""
