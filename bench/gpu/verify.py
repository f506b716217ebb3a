"""Whether gpuconv and its peers compute what a cell says, before they are timed."""

import numpy as np

from gpuconv import backends
from gpuconv.arrays import Operands
from gpuconv.planning.planner import Plan
from gpuconv.reference import error_share

from .cells import Cell, Runs
from .peers import on_host

NEAR = 1e-3  # relative error that a peer may have and still computes the same
LEAST = 1 << 16  # outputs that are worth compiled code for the exact result
HALF = 1e-2  # where it sums in half precision


def checked(cell: Cell, plan: Plan, operands: Operands, result: np.ndarray) -> float:
    """Return gpuconv's largest error as a share of its plan's bound.

    Raises
    ------
    AssertionError
        If gpuconv misses its bound.
    """
    compiled = result.size >= LEAST and not backends.reason_unavailable("cpu")
    share = error_share(plan, operands, result, "cpu" if compiled else "numpy")
    assert share <= 1, f"{cell}: {plan.algorithm} has {share:.3g} times the error of its bound"
    return share


def same(cell: Cell, runs: Runs, result: np.ndarray) -> tuple[Runs, dict[str, str]]:
    """Return the peers that compute the cell, and what is wrong with the others."""
    kept, wrong = {}, {}
    wide = np.result_type(result.dtype, "float64")
    near = (HALF if cell.dtype == "float16" else NEAR) * float(np.abs(result.astype(wide)).max())
    near += 1.01 if cell.dtype == "uint8" else 0  # rounded otherwise
    for name, run in runs.items():
        try:
            got = on_host(run()).astype(wide)
            error = float(np.abs(got - result).max()) if got.shape == result.shape else np.inf
            if not error <= near:
                wrong[name] = f"differs by {error:.3g}"
        except Exception as failure:  # whatever a peer does not support belongs in the report
            wrong[name] = f"{type(failure).__name__}: {str(failure)[:200]}"
        if name not in wrong:
            kept[name] = run
    return kept, wrong
