"""The CPU backend: machine code for this processor, compiled when it is first needed and kept on disk."""

import functools
import sys
from collections import defaultdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv.arrays import Operands, View
from gpuconv.dtypes import accumulator, is_bfloat16
from gpuconv.launches.cpu import of_one_filter, refuses_filter, refuses_layer, takes_passes, takes_winograd
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan, make_plan
from gpuconv.problem import Problem

if TYPE_CHECKING:
    from gpuconv.backends import Ready, ReadyLayer
    from gpuconv.cpu.jit import Kernel

NUMPY_RATE = 1e9  # products a second of the numpy backend
LAYER_RATE = 10e9  # of its layers, which are products of matrices; depthwise ones are not
LAYER_SECONDS = 0.3  # to compile the kernel of a layer
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
    if problem.op == "magnitude" and problem.channels_in == 1 and not problem.bias:
        problem = of_one_filter(problem)
    if not problem.is_filter:
        return refuses_layer(problem) or _half(problem)
    return refuses_filter(problem) or _half(problem)


def _half(problem: Problem) -> str | None:
    if is_bfloat16(problem.image_dtype) or is_bfloat16(problem.out_dtype):
        return "the cpu backend has no kernels for bfloat16"
    if problem.image_dtype != np.float16:
        return None
    from gpuconv.cpu.target import host

    return None if host().half else "this processor does not convert float16"


def hesitation(problem: Problem, facts: Facts, products: int | None = None) -> str | None:
    """Why "auto" lets NumPy compute this, or so many products: as long as that takes less time than getting ready here.

    What NumPy has taken so far counts, too, so that many small calls get the kernels that one does not wait for.
    """
    layer = not problem.is_filter and problem.op != "magnitude"
    rate = LAYER_RATE if layer and problem.channels_in > problem.groups else NUMPY_RATE
    seconds = (products or problem.multiply_adds) / rate
    if "llvmlite.binding" not in sys.modules and _sooner("llvmlite", seconds, LOAD_SECONDS):
        return "llvmlite is not loaded yet, and NumPy is done sooner"
    from gpuconv.cpu import jit, warm

    if problem.op == "magnitude":
        problem = of_one_filter(problem)
    if not layer:
        better = _better(problem, facts) if problem.is_filter else None
        terms = int(facts.separable and takes_passes(problem))
        wanted, seconds = better or (warm.kernels(problem, accumulator(problem, facts), terms), seconds)
    else:
        from gpuconv.cpu.layers import kernels

        layouts = facts.image_layout, facts.out_layout
        winograd = takes_winograd(problem, facts) is None
        wanted = kernels(problem, accumulator(problem, facts), winograd=winograd, layouts=layouts)
    for kernel in wanted:
        if not jit.ready(kernel):
            if _sooner(kernel, seconds, LAYER_SECONDS if layer else jit.COMPILE_SECONDS):
                return "not compiled yet, and NumPy is done sooner; gpuconv.cpu.warm.warmup() compiles"
            return None
    return None


@functools.lru_cache(maxsize=256)
def _better(problem: Problem, facts: Facts) -> "tuple[tuple[Kernel, ...], float] | None":
    """The kernels of a filter by transforms or outer products, and NumPy's time for it; None where it is summed."""
    from gpuconv.cpu import warm
    from gpuconv.cpu.fft_recipe import kernels

    plan, instead = (make_plan(problem, facts, name) for name in ("cpu", "numpy"))
    if isinstance(plan, str) or isinstance(instead, str):
        return None
    if plan.algorithm == "low_rank":
        return warm.kernels(problem, plan.accumulator, plan.terms, checked=True), instead.seconds
    if plan.tiles is None:
        return None
    return kernels(problem, plan.tiles.points, plan.accumulator), instead.seconds


def _sooner(what: object, seconds: float, wait: float) -> bool:
    """Whether NumPy's time for want of something, this call included, is still less than getting it takes."""
    _meanwhile[what] += seconds
    return _meanwhile[what] < wait


def prepare(plan: Plan, operands: Operands, out: View) -> "Ready | None":
    """Make a plain filter ready for many images; None for layers, and where NumPy must convert the result."""
    from gpuconv.cpu.filters import is_direct
    from gpuconv.cpu.filters import prepare as prepare_filter

    if not plan.problem.is_filter or not is_direct(plan):
        return None
    return prepare_filter(plan, operands, out)


def prepare_layer(plan: Plan, operands: Operands, out: View) -> "ReadyLayer | None":
    """Make a layer ready for many images and weights; None where it is a plain filter, which is made for its taps."""
    from gpuconv.cpu.layers import prepare as prepare_layers

    return None if plan.problem.is_filter else prepare_layers(plan, operands, out)


def join_layers(steps: "tuple[ReadyLayer, ...]", split: Any, arrays: Any) -> "ReadyLayer | None":
    """Make one layer of several whose arrays are parts of the same."""
    from gpuconv.cpu.layer_join import joined

    return joined(steps, split, arrays)


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Compute the plan into `out`, whatever overlaps it."""
    assert isinstance(out, np.ndarray)
    if plan.problem.op == "magnitude":
        from gpuconv.cpu.magnitude import compute_magnitude as compute
    elif plan.problem.is_filter:
        from gpuconv.cpu.filters import compute
    else:
        from gpuconv.cpu.layers import compute_layer as compute
    compute(plan, operands, out)
