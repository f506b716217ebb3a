"""HOW a problem is computed: the Plan of a backend, with its error bound and its reasons. Pure functions."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gpuconv.dtypes import accumulator
from gpuconv.launches import LaunchPlan, cpu, cuda, cuda_fft, numba_cuda
from gpuconv.planning.bounds import ErrorBound, kernel_bound, transform_bound, winograd_bound
from gpuconv.planning.costs import sum_seconds, transform_seconds
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Tiles
from gpuconv.planning.transforms import fitting
from gpuconv.problem import DType, Problem

LaunchPlanner = Callable[[Problem, Facts], LaunchPlan | str]
# The kernels of each GPU backend, the preferred first.
LAUNCHERS: dict[str, tuple[LaunchPlanner, ...]] = {"cupy": cuda.LAUNCHERS, "numba_cuda": numba_cuda.LAUNCHERS}


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


def make_plan(problem: Problem, facts: Facts, backend: str) -> Plan | str:
    """Return the plan of `backend`, or the sentence why it has none."""
    plain = _sums(problem, facts, backend)
    if isinstance(plain, str) or facts.method in ("direct", "separable"):
        return plain
    found = _transforms(plain, facts)
    if isinstance(found, str):
        if facts.method == "fft" and facts.finite is not False:
            return f"method='fft' cannot be taken: {found}"
        return replace(plain, reasons=(*plain.reasons, f"fft: {found}"))
    if facts.method != "fft" and found.seconds >= plain.seconds:
        return replace(plain, reasons=(*plain.reasons, f"fft: modelled {_text(found.seconds)}"))
    return found


def _transforms(plain: Plan, facts: Facts) -> Plan | str:
    """The plan with transforms, in the place of one without; or why there is none."""
    problem, backend = plain.problem, plain.backend
    cut = fitting(problem, facts, backend)
    if isinstance(cut, str):
        return cut
    launches = cuda_fft.transforms(problem, facts, cut) if backend == "cupy" else ()
    if isinstance(launches, str):
        return launches
    return replace(
        plain,
        algorithm="fft",
        launches=launches,
        bound=transform_bound(problem, cut.points),
        reasons=(*plain.reasons, f"{plain.algorithm}: modelled {_text(plain.seconds)}"),
        seconds=transform_seconds(problem, facts, backend, cut),
        tiles=cut,
        instead=plain,
    )


def _sums(problem: Problem, facts: Facts, backend: str) -> Plan | str:
    """The plan without transforms."""
    passes = facts.separable and facts.method in ("auto", "separable")
    if facts.method == "separable" and not facts.separable:
        return "method='separable' needs weights that are the outer product of 1D weights, within the error bound"
    if backend in LAUNCHERS:
        return _launched(problem, replace(facts, separable=passes), backend)
    if backend == "cpu" and passes and not cpu.takes_passes(problem, named=facts.method == "separable"):
        if facts.method == "separable":
            return "the cpu backend takes passes over two axes of real numbers only"
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
    for launcher in LAUNCHERS[backend]:
        launch = launcher(problem, facts)
        if isinstance(launch, LaunchPlan):
            kernel = launch.specialization.kernel
            if facts.method != "separable" or "separable" in kernel:
                plan = _plan(problem, facts, backend, kernel, tuple(refusals))
                return replace(plan, launches=launch.all)
            launch = f"{kernel} sums all taps at once; method='separable' asks for passes"
        refusals.append(launch)
    return "; ".join(dict.fromkeys(refusals))


def _plan(problem: Problem, facts: Facts, backend: str, algorithm: str, refusals: tuple[str, ...]) -> Plan:
    passes = "separable" in algorithm
    bound = kernel_bound(problem, algorithm, facts.residual)
    seconds = sum_seconds(problem, facts, backend, passes=passes)
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
    for launcher in LAUNCHERS[plan.backend]:
        launch = launcher(part, plan.facts) if launcher.__name__ == plan.algorithm else None
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
