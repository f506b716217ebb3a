"""HOW a problem is computed: the Plan of a backend, with its error bound and its reasons. Pure functions."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.facts import Facts
from gpuconv.launches import LaunchPlan, cpu, cuda, numba_cuda
from gpuconv.problem import DType, Problem

LaunchPlanner = Callable[[Problem, Facts], LaunchPlan | str]
# The kernels of each GPU backend, the preferred first.
LAUNCHERS: dict[str, tuple[LaunchPlanner, ...]] = {"cupy": cuda.LAUNCHERS, "numba_cuda": numba_cuda.LAUNCHERS}


@dataclass(frozen=True)
class ErrorBound:
    """|error| <= relative * (|weights| * |image|) + absolute + out_relative * |result| + out_step, elementwise."""

    relative: float  # gamma(n) of the sum (Higham, Accuracy and Stability of Numerical Algorithms, chapter 3)
    absolute: float  # underflow, also when denormals are flushed to zero
    out_relative: float  # rounding to a float output
    out_step: float  # rounding to an integer output

    def at(self, magnitude: np.ndarray, result: np.ndarray) -> np.ndarray:
        """Bound at each output, given |weights| * |image| there and the exact result."""
        bound: np.ndarray = (
            self.relative * magnitude + self.absolute + self.out_relative * np.abs(result) + self.out_step
        )
        return bound


@dataclass(frozen=True)
class Plan:
    """What a backend runs."""

    problem: Problem
    backend: str
    algorithm: str
    accumulator: DType
    launches: tuple[LaunchPlan, ...]
    bound: ErrorBound
    reasons: tuple[str, ...]  # why this algorithm, and why not the others


def gamma(terms: int, unit: float) -> float:
    """Relative error bound of a sum of `terms` products, with unit roundoff `unit`."""
    return math.inf if terms * unit >= 1 else terms * unit / (1 - terms * unit)


def error_bound(problem: Problem, separable: bool, residual: float = 0.0) -> ErrorBound:
    """Bound of the direct sum (or of passes with factors that miss the taps by `residual`), conversions included."""
    out_relative, out_step = _conversion_error(problem)
    if is_integer(problem.compute_dtype):
        return ErrorBound(0.0, 0.0, out_relative, 0.0)
    info = np.finfo(problem.compute_dtype)
    unit = float(info.eps) / 2
    terms = sum(problem.filter) + problem.rank if separable else problem.taps
    terms += 3  # weights and image rounded to the compute dtype, bias
    factor = 1.0
    if problem.compute_dtype.kind == "c":  # one complex product: sqrt(2) * gamma(2)
        terms, factor = terms + 2, math.sqrt(2)
    relative = factor * gamma(terms, unit) + (residual if separable else 0.0)
    return ErrorBound(relative, terms * float(info.tiny), out_relative, out_step)


def make_plan(problem: Problem, facts: Facts, backend: str) -> Plan | str:
    """Return the plan of `backend`, or the sentence why it has none."""
    sums = accumulator(problem, facts)
    if backend not in LAUNCHERS:
        passes = facts.separable and (backend != "cpu" or cpu.takes_passes(problem))
        bound = error_bound(problem, passes, facts.residual)
        return Plan(problem, backend, "separable" if passes else "direct", sums, (), bound, ())
    refusals: list[str] = []
    for launcher in LAUNCHERS[backend]:
        launch = launcher(problem, facts)
        if isinstance(launch, LaunchPlan):
            kernel = launch.specialization.kernel
            bound = error_bound(problem, "separable" in kernel, facts.residual)
            return Plan(problem, backend, kernel, sums, (launch,), bound, tuple(refusals))
        refusals.append(launch)
    return "; ".join(dict.fromkeys(refusals))


def worth_a_gpu(problem: Problem) -> bool:
    """Whether a GPU pays for host arrays: the modelled transfer and launch against the modelled time of the CPU.

    The model: 10 GB/s over the bus, 0.2 ms for a launch with its allocations, 1e9 products a second on the CPU.
    """
    transferred = problem.images * problem.channels_in * math.prod(problem.extent) * problem.image_dtype.itemsize
    transferred += math.prod(problem.out_shape) * problem.out_dtype.itemsize
    return problem.multiply_adds / 1e9 > transferred / 10e9 + 0.2e-3


def _conversion_error(problem: Problem) -> tuple[float, float]:
    """(relative, absolute) error of writing the result in the output dtype."""
    out = problem.out_dtype
    if is_integer(out):
        exact = is_integer(problem.compute_dtype)
        return 0.0, 0.0 if exact else 0.5 if problem.rounding == "half_even" else 1.0
    narrower = is_integer(problem.compute_dtype) or np.finfo(out).eps > np.finfo(problem.compute_dtype).eps
    return (float(np.finfo(out).eps) if narrower else 0.0), 0.0
