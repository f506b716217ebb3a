"""The CPU backend: machine code for this processor, compiled when it is first needed and kept on disk."""

from collections import defaultdict
from importlib.util import find_spec

import numpy as np

from gpuconv.arrays import Operands, View
from gpuconv.dtypes import accumulator
from gpuconv.facts import Facts
from gpuconv.launches.cpu import takes_passes
from gpuconv.planner import Plan
from gpuconv.problem import Problem

NUMPY_RATE = 1e9  # products a second of the numpy backend

# Modelled seconds that NumPy has taken for want of a kernel.
_meanwhile: defaultdict[object, float] = defaultdict(float)


def unavailable() -> str | None:
    """Whether llvmlite is there and knows this processor."""
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed; install it with: python -m pip install llvmlite"
    return None


def describe() -> str:
    """Processor, vector width, threads and version."""
    import llvmlite

    from gpuconv.cpu.target import host
    from gpuconv.threads import get_num_threads

    target = host()
    threads = f"{get_num_threads()} thread" + "s" * (get_num_threads() > 1)
    return f"{target.cpu}, {target.bits}-bit vectors, {threads}, llvmlite {llvmlite.__version__}"


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """What is not compiled."""
    if facts.image_place == "device":
        return "the cpu backend computes host arrays only"
    if not problem.is_filter or problem.bias:
        return "the cpu backend has no kernels for layers yet"
    if problem.rank > 2:
        return f"the cpu backend filters one or two axes at a time; got {problem.rank}"
    return _half(problem)


def _half(problem: Problem) -> str | None:
    if problem.image_dtype != np.float16:
        return None
    from gpuconv.cpu.target import host

    return None if host().half else "this processor does not convert float16"


def hesitation(problem: Problem, facts: Facts) -> str | None:
    """Why "auto" lets NumPy compute this: as long as compiling would take longer than what NumPy has taken so far.

    The sums of scipy.ndimage are rounded after every product, which NumPy repeats to the bit; the kernels here fuse.
    """
    if problem.skip_zero_taps and problem.compute_dtype.kind in "fc":
        return "scipy.ndimage's own rounding is that of the numpy backend"
    from gpuconv.cpu import jit, warm

    separable = facts.separable and takes_passes(problem)
    missing = [k for k in warm.kernels(problem, accumulator(problem, facts), separable) if not jit.ready(k)]
    if not missing:
        return None
    _meanwhile[missing[0]] += problem.multiply_adds / NUMPY_RATE
    if _meanwhile[missing[0]] > jit.COMPILE_SECONDS:
        return None
    return "not compiled yet, and NumPy is done sooner; gpuconv.cpu.warm.warmup() compiles"


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    from gpuconv.cpu.filters import compute

    assert isinstance(out, np.ndarray)
    compute(plan, operands, out)
