"""`gpuconv.explain`: how a call would be computed, why so, and what the model says of it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv import explanation_text as text
from gpuconv.engine import facts_of
from gpuconv.errors import check_choice
from gpuconv.folding import fold
from gpuconv.options import Options
from gpuconv.planned import STATEMENTS
from gpuconv.planning import costs
from gpuconv.planning.planner import Plan
from gpuconv.plans import OPTIONS, example


@dataclass(frozen=True)
class Explanation:
    """What `gpuconv.explain` returns; `str` gives it as a table of plain text.

    Attributes
    ----------
    task : str
        What is computed.
    backend, algorithm : str
        Where, and how: "direct", "separable", "low_rank", "fft", or the name of a CUDA kernel.
    kernels : tuple of str
        What is compiled for it, in the order of the launches; empty where NumPy computes.
    tile : str
        How the output is cut.
    registers : int or None
        Registers a thread of the first CUDA kernel, of the binary for this machine's GPU; None where there is none.
    bytes_moved, flops : int
        Bytes read and written at least, and floating-point (or integer) operations.
    seconds : float
        Modelled time.
    limit : str
        What takes most of it: "arithmetic", "memory" or "overhead".
    error_bound : str
        Bound of each output's error, in words.
    rejected : tuple of (str, str)
        Every other candidate with the reason why it was not taken.
    plan : gpuconv.planning.planner.Plan
        All the details.
    """

    task: str
    backend: str
    algorithm: str
    kernels: tuple[str, ...]
    tile: str
    registers: int | None
    bytes_moved: int
    flops: int
    seconds: float
    limit: str
    error_bound: str
    rejected: tuple[tuple[str, str], ...]
    plan: Plan

    def rows(self) -> list[tuple[str, str]]:
        """The table, without what was rejected."""
        kernels = [("kernel", kernel) for kernel in self.kernels]
        terms = f"{self.plan.terms}: outer products that are added up"
        rank = [("rank", terms)] if self.algorithm == "low_rank" else []
        registers = [("registers", str(self.registers))] if self.registers is not None else []
        return [
            *(("backend", self.backend), ("algorithm", self.algorithm), *rank, *kernels),
            *(("tile", self.tile), *registers),
            ("moves", f"{self.bytes_moved / 1e6:,.3g} MB"),
            ("computes", f"{self.flops / 1e9:,.3g} Gflop"),
            ("modelled", f"{text.milliseconds(self.seconds)}, limited by {self.limit}"),
            ("error", self.error_bound),
        ]

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in (*rows, *self.rejected))
        lines = [self.task, *(f"  {name:{width}}  {words}" for name, words in rows)]
        if self.rejected:
            lines += ["not taken", *(f"  {name:{width}}  {words}" for name, words in self.rejected)]
        return "\n".join(lines)


def explain(x: Any, weights: Any, *, kind: str = "convolve", dtype: Any = "float32", **options: Any) -> Explanation:
    """Say how a call would be computed, and why; nothing is computed.

    Parameters
    ----------
    x : array_like or tuple of int
        The image as the function takes it, or its shape.
    weights : array_like
        As the function takes them.
    kind : {"convolve", "correlate", "sepconvolve"}
        The function of gpuconv.
    dtype : dtype
        Of x, if only its shape is given.
    **options
        Keyword arguments of that function but `out` and those for missing values: see `gpuconv.convolve`.

    Returns
    -------
    Explanation
        Algorithm, kernels, traffic, operations, modelled time and error bound, and why nothing else was taken. It is
        what a loop of such calls comes to: a single call may leave the compiler out and use NumPy meanwhile. Times are
        modelled, not measured.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As the function raises them.
    BackendUnavailableError, UnsupportedProblemError
        If the backend or the method asked for cannot be taken.

    Examples
    --------
    >>> import numpy as np, gpuconv
    >>> found = gpuconv.explain((1000, 1000), np.random.default_rng(0).random((63, 63)), backend="numpy")
    >>> found.algorithm, found.rejected[-1][0]
    ('fft', 'direct')
    >>> gpuconv.explain([1.0, np.nan] * 100, np.arange(64.0), backend="numpy", method="fft").algorithm
    'direct'
    """
    state = STATEMENTS[check_choice("kind", kind, tuple(STATEMENTS))]
    for name in options:
        check_choice("an option of explain", name, OPTIONS)
    stated = isinstance(x, tuple) and all(isinstance(n, int) for n in x)
    image = example(x, dtype, weights, options.get("backend")) if stated else x
    call = replace(state(image, weights, Options(**options)), example=stated)
    facts = facts_of(call) if stated else replace(facts_of(call), finite=_finite(call.operands))
    folded = fold(call.problem, call.operands, call.out_order, None)
    problem = folded[0] if folded else call.problem
    found = list(backends.considered(problem, facts, call.backend))
    plan = next(plan for _, plan in found if isinstance(plan, Plan))
    return _explanation(f"{kind} {text.task(call.problem)}", plan, text.rejected(plan, found))


def _finite(operands: Any) -> bool | None:
    """Whether image and weights are; None where they are on a device and would have to be looked at there."""
    arrays = [view for view in (operands.image, operands.weights, *operands.factors) if view is not None]
    if not all(isinstance(view, np.ndarray) for view in arrays):
        return None
    return all(bool(np.isfinite(view).all()) for view in arrays)


def _explanation(task: str, plan: Plan, rejected: tuple[tuple[str, str], ...]) -> Explanation:
    return Explanation(
        task=task,
        backend=plan.backend,
        algorithm=plan.algorithm,
        kernels=tuple(str(launch.specialization) for launch in plan.launches),
        tile=text.tile(plan),
        registers=text.registers(plan),
        bytes_moved=costs.traffic_bytes(plan.problem),
        flops=costs.operations(plan.problem, plan.tiles, plan.terms),
        seconds=plan.seconds,
        limit=text.limit(plan),
        error_bound=text.error(plan),
        rejected=rejected,
        plan=plan,
    )
