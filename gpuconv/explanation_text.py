"""The words of an explanation."""

import math

from gpuconv.dtypes import is_integer
from gpuconv.planning import costs
from gpuconv.planning.bounds import transform_error
from gpuconv.planning.planner import Plan
from gpuconv.problem import Problem


def task(problem: Problem) -> str:
    """What is computed."""
    image = " x ".join(map(str, (*problem.batch, *problem.extent)))
    taps = " x ".join(map(str, problem.filter))
    return f"{image} {problem.image_dtype}, {taps} taps in {problem.compute_dtype}, into {problem.out_dtype}"


def rejected(plan: Plan, found: list[tuple[str, Plan | str]]) -> tuple[tuple[str, str], ...]:
    """Backends first, then algorithms and kernels of the one that was taken."""
    rows = []
    for name, other in found:
        if isinstance(other, str):
            rows.append((name, other))
        elif other is not plan:
            rows.append(
                (name, f"{plan.backend} comes first; {other.algorithm} would be modelled {milliseconds(other.seconds)}")
            )
    for reason in plan.reasons:
        name, separator, text = reason.partition(": ")
        rows.append((name, text) if separator and " " not in name else ("kernel", reason))
    return tuple(rows)


def tile(plan: Plan) -> str:
    """How the output is cut."""
    if plan.tiles is not None:
        points, outputs = (" x ".join(map(str, n)) for n in (plan.tiles.points, plan.tiles.outputs))
        return f"{points} points for {outputs} outputs"
    if not plan.launches:
        return "blocks that fit the cache"
    launch = plan.launches[0]
    return f"{math.prod(launch.grid):,} blocks of {math.prod(launch.block)} threads"


def registers(plan: Plan) -> int | None:
    """Of the binary that CuPy's compiler makes for the GPU."""
    if plan.backend != "cupy" or not plan.launches:
        return None
    from gpuconv.backends.cupy import loaded

    registers = getattr(loaded(plan.launches[0]), "num_regs", None)
    return None if registers is None else int(registers)


def limit(plan: Plan) -> str:
    """What takes most of the time."""
    parts = costs.parts(plan.problem, plan.facts, plan.backend, plan.tiles, terms=plan.terms)
    return max(parts, key=parts.__getitem__)


def error(plan: Plan) -> str:
    """The error bound in words."""
    bound = plan.bound
    if is_integer(plan.problem.compute_dtype):
        text = "exact"
    elif plan.tiles is not None:
        error = transform_error(plan.tiles.points, plan.problem.compute_dtype)
        text = f"at most {error:.1e} ||weights||2 ||image||2 of a tile"
    elif plan.algorithm == "low_rank":
        text = f"at most {plan.facts.terms_error:.1e} ||weights||2 ||image||2 under the filter"
    else:
        text = f"at most {bound.relative:.1e} (|weights| * |image|)"
    steps = [f"{bound.out_step:g} of rounding"] if bound.out_step else []
    steps += [f"{bound.out_relative:.1e} |result| of rounding"] if bound.out_relative else []
    return " and ".join([text, *steps])


def milliseconds(seconds: float) -> str:
    """A time with three digits."""
    return f"{seconds * 1e3:.3g} ms"
