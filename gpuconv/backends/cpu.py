"""The CPU backend: machine code for this processor, compiled when it is first needed."""

from importlib.util import find_spec

import numpy as np

from gpuconv.arrays import Operands, View
from gpuconv.facts import Facts
from gpuconv.planner import Plan
from gpuconv.problem import Problem


def unavailable() -> str | None:
    """Whether llvmlite is there."""
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed; install it with: python -m pip install llvmlite"
    return None


def describe() -> str:
    """Processor, vector width and threads."""
    import llvmlite

    from gpuconv.cpu.target import host
    from gpuconv.threads import get_num_threads

    target = host()
    return f"{target.cpu}, {target.bits}-bit vectors, {get_num_threads()} threads, llvmlite {llvmlite.__version__}"


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """What is not compiled."""
    if facts.image_place == "device":
        return "the cpu backend computes host arrays only"
    if not problem.is_filter or problem.bias:
        return "the cpu backend has no kernels for layers yet"
    if problem.rank > 2:
        return f"the cpu backend filters one or two axes at a time; got {problem.rank}"
    return None


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    from gpuconv.cpu.filters import compute

    assert isinstance(out, np.ndarray)
    compute(plan, operands, out)
