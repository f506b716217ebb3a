"""One cell: gpuconv planned and verified, its peers compared, all of them and a copy timed."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.arrays import adopt
from gpuconv.engine import Prepared, prepare
from gpuconv.gpu_timing import interleaved

from .cells import Cell, Runs
from .peers import peers
from .verify import checked, same

Row = dict[str, Any]
COPY = "copy"


def measure(cell: Cell, seconds: float, with_peers: bool) -> Row:
    """Verify and time one cell."""
    import cupy

    x, w = cell.arrays()
    image, weights = on_device(cell, x), cupy.asarray(w)
    made = _prepared(cell, image, weights if cell.is_layer else w)
    on_host = _prepared(cell, x, w)
    out = _like(cell, cupy.empty(made.shape, x.dtype))
    ours = _ours(cell, made, (image, weights, out))
    ours()
    result = out.get()
    error = checked(cell, made.plan, on_host.operands, on_host.in_engine_order(result))
    runs, left_out = peers(cell, image, weights) if with_peers else ({}, {})
    kept, wrong = same(cell, runs, result)
    times = interleaved({"gpuconv": ours, COPY: _copy(cell.moved), **kept}, seconds)
    return {
        **asdict(cell),
        "moved": cell.moved,
        "products": cell.products,
        "kernel": made.plan.algorithm,
        "error": round(error, 4),
        "left_out": left_out | wrong,
        "copy": summary(times.pop(COPY)),
        "times": {name: summary(values) for name, values in times.items()},
    }


def on_device(cell: Cell, x: np.ndarray) -> Any:
    """The image on the device, with its channels where the cell has them in memory."""
    import cupy

    return _like(cell, cupy.asarray(x))


def _like(cell: Cell, array: Any) -> Any:
    import cupy

    if not cell.last:
        return array
    order = (0, *range(2, array.ndim), 1)
    return cupy.ascontiguousarray(array.transpose(order)).transpose((0, array.ndim - 1, *range(1, array.ndim - 1)))


def _prepared(cell: Cell, x: Any, w: Any) -> Prepared:
    return prepare(replace(cell.call(x, w), backend="cupy", layout="channels_last" if cell.last else "channels_first"))


def _ours(cell: Cell, made: Prepared, arrays: tuple[Any, Any, Any]) -> Any:
    """What a planned filter or layer does at each call: its launches, and nothing else."""
    image, weights, out = arrays
    target = made.in_engine_order(adopt("out", out).view)
    if cell.is_layer:
        layer: Any = backends.ready_layer(made.plan, made.operands, target)
        return partial(layer.held().run, image, weights, None, out)
    ready: Any = backends.ready(made.plan, made.operands, target)
    return partial(ready.run, image, out)


def summary(values: list[float]) -> dict[str, float]:
    """Median and quartiles in microseconds, and how many runs stand behind them."""
    low, median, high = (round(float(q), 2) for q in np.percentile(values, (25, 50, 75)))
    return {"median": median, "low": low, "high": high, "samples": len(values)}


def _copy(nbytes: int) -> Any:
    """A copy on the device that reads and writes as many bytes as the cell must."""
    import cupy

    source, target = (cupy.empty(max(1, nbytes // 2), "uint8") for _ in range(2))
    return partial(cupy.copyto, target, source)


def warm_up(seconds: float) -> None:
    """Copy for a while: the clocks of an idle device are low."""
    work: Runs = {COPY: _copy(1 << 28)}
    interleaved(work, seconds)
