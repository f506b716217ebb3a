"""Masked arrays of numpy.ma: what is masked is missing, and a result is masked where no valid sample contributed."""

from typing import Any

import numpy as np

from gpuconv import calls
from gpuconv.arrays import adopt
from gpuconv.calls import Arguments, Statement
from gpuconv.missing.samples import adopt_mask, on_host
from gpuconv.missing.task import Task
from gpuconv.statements import separable_call

LAID_OUT = ("size", "boundary", "axes", "channel_axis", "origin", "stride", "dilation", "backend")


def compute(state: Statement, arguments: Arguments) -> Any:
    """Compute a call whose x is a masked array; so is the result."""
    x, out = arguments["x"], arguments["out"]
    if out is not None and not isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out must be a masked array where x is one; got {type(out).__name__}")
    data, mask = np.asarray(x.data), np.ma.getmaskarray(x)
    if arguments["mask"] is not None:
        mask = mask | (adopt_mask(arguments["mask"], adopt("x", data)) != 0)
    task = Task(
        state, {**arguments, "x": data, "mask": mask, "out": out if out is None else out.data}, adopt("x", data)
    )
    missing = task.missing()
    hidden = np.ma.nomask if missing is None else _contributions(task, missing) == 0
    found = task.run()
    if out is None:
        return np.ma.MaskedArray(found, hidden)
    out.mask = hidden
    return out


def _contributions(task: Task, missing: np.ndarray) -> np.ndarray:
    """How many valid samples of x lie under taps other than zero: exactly, as integers are computed."""
    taps = [on_host(adopt("weights", factor)) != 0 for factor in task.factors]
    kept: Arguments = {name: task.given[name] for name in LAID_OUT}  # without fill: what lies outside does not count
    weights = taps if task.state is separable_call else taps[0]
    count: np.ndarray = calls.compute(task.state, {**kept, "x": ~missing, "weights": weights, "out": None})
    return count
