"""The CPU backend: machine code for this processor, compiled when it is first needed and kept on disk."""

import sys
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
LOAD_SECONDS = 0.1  # to import llvmlite and to read kernels from the disk

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
    if not problem.is_filter:
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
    """Why "auto" lets NumPy compute this: as long as it would take less time than getting ready here.

    What NumPy has taken so far counts, too, so that many small calls get the kernels that one does not wait for. The
    sums of scipy.ndimage are rounded after every product, which NumPy repeats to the bit; the kernels here fuse.
    """
    if problem.skip_zero_taps and problem.compute_dtype.kind in "fc":
        return "scipy.ndimage's own rounding is that of the numpy backend"
    seconds = problem.multiply_adds / NUMPY_RATE
    if "llvmlite.binding" not in sys.modules and _sooner("llvmlite", seconds, LOAD_SECONDS):
        return "llvmlite is not loaded yet, and NumPy is done sooner"
    from gpuconv.cpu import jit, warm

    separable = facts.separable and takes_passes(problem)
    for kernel in warm.kernels(problem, accumulator(problem, facts), separable):
        if not jit.ready(kernel):
            if _sooner(kernel, seconds, jit.COMPILE_SECONDS):
                return "not compiled yet, and NumPy is done sooner; gpuconv.cpu.warm.warmup() compiles"
            return None
    return None


def _sooner(what: object, seconds: float, wait: float) -> bool:
    """Whether NumPy's time for want of something, this call included, is still less than getting it takes."""
    _meanwhile[what] += seconds
    return _meanwhile[what] < wait


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    from gpuconv.cpu.filters import compute

    assert isinstance(out, np.ndarray)
    compute(plan, operands, out)
