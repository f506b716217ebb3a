"""HOW a problem is computed: the Plan of a backend, with its error bound and its reasons. Pure functions."""

import functools
import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gpuconv.dtypes import accumulator
from gpuconv.launches import LaunchPlan, cpu, cpu_fft
from gpuconv.planning import low_rank
from gpuconv.planning.bounds import ErrorBound, kernel_bound, transform_bound, winograd_bound
from gpuconv.planning.costs import sum_seconds, transform_seconds
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Tiles
from gpuconv.planning.transforms import fitting
from gpuconv.problem import DType, Problem

if TYPE_CHECKING:
    from gpuconv.planning.sliced import Sliced

LaunchPlanner = Callable[[Problem, Facts], LaunchPlan | str]
KERNELS = {"cupy": "cuda", "numba_cuda": "numba_cuda"}  # modules of launches, by the GPU backend that has the kernels


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
    facts: Facts = field(default_factory=Facts)  # what it was made from
    seconds: float = 0.0  # modelled
    tiles: Tiles | None = None  # of transforms
    instead: "Plan | None" = None  # for data with nan or infinity, which transforms would spread
    sliced: "Sliced | None" = None  # of a layer over volumes: the layers over images that it is computed as

    @property
    def terms(self) -> int:
        """Outer products that are computed pass by pass; 0: the sum over all taps, or transforms."""
        return self.facts.terms if self.algorithm == "low_rank" else int("separable" in self.algorithm)


@functools.cache
def launchers(backend: str, rank: int) -> tuple[LaunchPlanner, ...]:
    """The kernels of a GPU backend for so many axes, the preferred first; imported when they are first asked for."""
    module = importlib.import_module(f"gpuconv.launches.{KERNELS[backend]}")
    found: tuple[LaunchPlanner, ...] = module.VOLUME_LAUNCHERS if rank > 2 else module.LAUNCHERS
    return found


def make_plan(problem: Problem, facts: Facts, backend: str) -> Plan | str:
    """Return the plan of `backend`, or the sentence why it has none."""
    plain = best = _sums(problem, facts, backend)
    image_filter = problem.rank == 2 and problem.is_filter
    for name, alternative, considered in (("low_rank", _low_rank, image_filter), ("fft", _transforms, True)):
        wanted = facts.method == name or (facts.method == "auto" and considered)
        if wanted and isinstance(plain, Plan) and isinstance(best, Plan):
            best = _better(best, alternative(plain, facts), name, facts)
    return best


def _better(best: Plan, found: Plan | str, name: str, facts: Facts) -> Plan | str:
    """The plan that was asked for by its algorithm's name, or else the faster one; with the reasons."""
    if isinstance(found, str):
        if facts.method == name and facts.finite is not False:
            return f"method='{name}' cannot be taken: {found}"
        return replace(best, reasons=(*best.reasons, f"{name}: {found}"))
    if facts.method != name and found.seconds >= best.seconds:
        return replace(best, reasons=(*best.reasons, f"{name}: modelled {_text(found.seconds)}"))
    return replace(found, reasons=(*best.reasons, f"{best.algorithm}: modelled {_text(best.seconds)}"))


def _low_rank(plain: Plan, facts: Facts) -> Plan | str:
    """The plan with passes for each of few outer products, in the place of the direct sum; or why there is none."""
    problem, backend = plain.problem, plain.backend
    refusal = low_rank.refusal(problem, facts, backend)
    if refusal:
        return refusal
    launch = None
    if backend == "cupy":
        from gpuconv.launches.cuda_low_rank import low_rank as launcher

        launch = launcher(problem, facts)
    if isinstance(launch, str):
        return launch
    return replace(
        plain,
        algorithm="low_rank",
        launches=launch.all if launch else (),
        bound=kernel_bound(problem, "low_rank", terms_error=facts.terms_error),
        seconds=sum_seconds(problem, facts, backend, terms=facts.terms) * (len(launch.all) if launch else 1),
        facts=facts,
        instead=None if launch else plain,
    )


def _transforms(plain: Plan, facts: Facts) -> Plan | str:
    """The plan with transforms, in the place of one without; or why there is none."""
    problem, backend = plain.problem, plain.backend
    cut = fitting(problem, facts, backend)
    if isinstance(cut, str):
        return cut
    launches: tuple[LaunchPlan, ...] | str = ()
    if backend == "cupy":
        from gpuconv.launches import cuda_fft

        launches = cuda_fft.transforms(problem, facts, cut)
    if isinstance(launches, str):
        return launches
    return replace(
        plain,
        algorithm="fft",
        launches=launches,
        bound=transform_bound(problem, cut.points, cpu_fft.shared_tiles(problem) if backend == "cpu" else 1),
        seconds=transform_seconds(problem, facts, backend, cut),
        tiles=cut,
        instead=plain,
    )


def _sums(problem: Problem, facts: Facts, backend: str) -> Plan | str:
    """The plan without transforms."""
    passes = facts.separable and facts.method in ("auto", "separable")
    if facts.method == "separable" and not facts.separable:
        return "method='separable' needs weights that are the outer product of 1D weights, within the error bound"
    if backend in KERNELS:
        return _launched(problem, replace(facts, separable=passes, terms=0), backend)
    if backend == "cpu" and passes and not cpu.takes_passes(problem, named=facts.method == "separable"):
        if facts.method == "separable":
            return "the cpu backend takes passes over several axes of real numbers only"
        passes = False
    if backend == "cpu" and not problem.is_filter and problem.op != "magnitude":
        return _layer(problem, facts)
    return _plan(problem, facts, backend, "separable" if passes else "direct", ())


def _layer(problem: Problem, facts: Facts) -> Plan:
    """The cpu backend's plan of a layer."""
    refusal = cpu.refuses_layer(problem) or cpu.takes_winograd(problem, facts)
    plain = _plan(problem, facts, "cpu", "direct", (refusal,) if refusal else ())
    return plain if refusal else replace(plain, algorithm="winograd", bound=winograd_bound(problem), instead=plain)


def _launched(problem: Problem, facts: Facts, backend: str) -> Plan | str:
    """The plan with the first kernel that takes the problem."""
    refusals: list[str] = []
    for launcher in launchers(backend, problem.rank):
        launch = launcher(problem, facts)
        if isinstance(launch, LaunchPlan):
            kernel = launcher.__name__
            if facts.method != "separable" or "separable" in kernel:
                plan = _plan(problem, facts, backend, kernel, tuple(refusals))
                return replace(plan, launches=launch.all)
            launch = f"{kernel} sums all taps at once; method='separable' asks for passes"
        refusals.append(launch)
    return "; ".join(dict.fromkeys(refusals))


def _plan(problem: Problem, facts: Facts, backend: str, algorithm: str, refusals: tuple[str, ...]) -> Plan:
    bound = kernel_bound(problem, algorithm, facts.residual, gain=facts.gain)
    seconds = sum_seconds(problem, facts, backend, terms=int("separable" in algorithm))
    sums = accumulator(problem, facts)
    return Plan(problem, backend, algorithm, sums, (), bound, refusals, facts, seconds)


def _text(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"


def plan_part(plan: Plan, part: Problem) -> Plan | None:
    """The plan of a part of the plan's problem, with the same kernel: the same sums in the same order."""
    if plan.instead is not None:
        instead = plan_part(plan.instead, part)
        found = _transforms(instead, replace(plan.facts, method="fft")) if instead else None
        return found if isinstance(found, Plan) else None
    whole_pixels = part.batch[-1:] == plan.problem.batch[-1:]
    facts = replace(plan.facts, interleaved=plan.facts.interleaved and whole_pixels)
    for launcher in launchers(plan.backend, part.rank):
        launch = launcher(part, facts) if launcher.__name__ == plan.algorithm else None
        if isinstance(launch, LaunchPlan):
            return replace(plan, problem=part, launches=launch.all)
    return None


def worth_a_gpu(problem: Problem) -> bool:
    """Whether a GPU pays for host arrays: the modelled transfer and launch against the modelled time of the CPU.

    The model: 10 GB/s over the bus, 0.2 ms for a launch with its allocations, 1e9 products a second on the CPU.
    """
    transferred = problem.images * problem.channels_in * math.prod(problem.extent) * problem.image_dtype.itemsize
    transferred += math.prod(problem.out_shape) * problem.out_dtype.itemsize
    return problem.multiply_adds / 1e9 > transferred / 10e9 + 0.2e-3
