"""Missing values: samples that are NaN, or masked, contribute nothing; the others can take over their weight.

A composition above the core. With v = 1 where a sample is valid and 0 where it is missing, and weights that sum to 1,

    y = (w * (v x)) / (w * v)

is the normalised convolution of Knutsson and Westin. Both convolutions run where x is, as calls of the core.
"""

from typing import Any

import numpy as np

from gpuconv import calls
from gpuconv.arrays import adopt
from gpuconv.calls import Arguments, Statement
from gpuconv.errors import check_choice
from gpuconv.missing import masked_arrays
from gpuconv.missing.task import Task
from gpuconv.options import NANS


def compute(state: Statement, arguments: Arguments) -> Any:
    """Compute a call of the core as its arguments `nan`, `mask`, `normalize` and `preserve_nan` ask for."""
    x, asked = arguments["x"], arguments["mask"] is not None or arguments["normalize"]
    if not asked and arguments["nan"] == "propagate" and not isinstance(x, np.ma.MaskedArray):
        return calls.compute(state, arguments)
    check_choice("nan", arguments["nan"], NANS)
    for name in ("normalize", "preserve_nan"):
        if not isinstance(arguments[name], bool | np.bool):
            raise TypeError(f"{name} must be True or False; got {arguments[name]!r}")
    if isinstance(x, np.ma.MaskedArray):
        return masked_arrays.compute(state, arguments)
    return Task(state, arguments, adopt("x", x)).run()
