"""One cell: gpuconv planned and verified, its peers compared, all of them and a copy timed."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.engine import prepare
from gpuconv.gpu_timing import interleaved

from .cells import Cell
from .peers import peers
from .verify import checked, same

Row = dict[str, Any]
COPY = "copy"


def measure(cell: Cell, seconds: float, with_peers: bool) -> Row:
    """Verify and time one cell."""
    import cupy

    from gpuconv.backends import cupy as backend

    x, w = cell.arrays()
    made, on_host = (prepare(replace(cell.call(a, w), backend="cupy")) for a in (cupy.asarray(x), x))
    plan, out = made.plan, cupy.empty(made.shape, x.dtype)
    ours = partial(backend.run, plan, made.operands, made.in_engine_order(adopt("out", out).view))
    ours()
    result = out.get()
    error = checked(cell, plan, on_host.operands, on_host.in_engine_order(result))
    runs, left_out = peers(cell, cupy.asarray(x), cupy.asarray(w)) if with_peers else ({}, {})
    kept, wrong = same(cell, runs, result)
    times = interleaved({"gpuconv": ours, COPY: _copy(cell), **kept}, seconds)
    return {
        **asdict(cell),
        "moved": cell.moved,
        "products": cell.products,
        "kernel": plan.algorithm,
        "error": round(error, 4),
        "left_out": left_out | wrong,
        "copy": summary(times.pop(COPY)),
        "times": {name: summary(values) for name, values in times.items()},
    }


def summary(values: list[float]) -> dict[str, float]:
    """Median and quartiles in microseconds, and how many runs stand behind them."""
    low, median, high = (round(float(q), 2) for q in np.percentile(values, (25, 50, 75)))
    return {"median": median, "low": low, "high": high, "samples": len(values)}


def _copy(cell: Cell) -> Any:
    """A copy on the device that reads and writes as many bytes as the cell must."""
    import cupy

    source, target = (cupy.empty(max(1, cell.moved // 2), "uint8") for _ in range(2))
    return partial(cupy.copyto, target, source)
