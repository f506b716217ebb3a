"""Overlap-save on a GPU: batches of tiles, cuFFT through CuPy, and kernels that load, multiply and store.

Whether every output is finite is known when all is done: the host waits for that one number, and computes the plan
without transforms if it has to.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.backends.numpy_fft import spectrum
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_fft import batch_of
from gpuconv.planning.planner import Plan

Launch = Callable[[LaunchPlan, tuple[Any, ...]], None]


def compute(plan: Plan, operands: Operands, image: Any, out: Any, launch: Launch) -> bool:
    """Compute into `out`, C-contiguous like the image; False if an output is not finite, and all must be redone."""
    import cupy

    assert plan.tiles is not None
    batch = batch_of(plan.problem, plan.tiles)
    weights = operands.full_weights().astype(plan.accumulator)
    scale = 1 / math.prod(plan.tiles.points)  # of a transform and back, which neither is scaled by
    filter_ = cupy.asarray(np.ascontiguousarray(spectrum(plan.problem, plan.tiles, plan.accumulator, weights) * scale))
    spoiled = cupy.asarray(np.zeros(1, "int32"))
    load, multiply, store = plan.launches
    sizes = tuple(batch.points[axis - 1] for axis in batch.axes)
    for first in range(0, batch.count, batch.size):
        tiles = cupy.empty((batch.size, *batch.span), plan.accumulator)
        launch(load, _values(load, first, image=image, tiles=tiles))
        spectra = cupy.fft.rfftn(tiles, axes=batch.axes)
        numbers = {"spectra": spectra.view(plan.accumulator), "filter": filter_.view(plan.accumulator)}
        launch(multiply, _values(multiply, first, **numbers))
        tiles = cupy.fft.irfftn(spectra, s=sizes, axes=batch.axes, norm="forward")
        launch(store, _values(store, first, tiles=tiles, out=out, spoiled=spoiled))
        del tiles, spectra, numbers  # so that the next batch finds their memory free
    return not bool(spoiled.get()[0])


def _values(launch: LaunchPlan, first: int, **arrays: Any) -> tuple[Any, ...]:
    """The arguments of a launch on the batch that begins with tile `first`."""
    types: dict[str, Any] = {"int": np.int32, "long long": np.int64, "float": np.float32, "double": np.float64}
    values = []
    for argument in launch.arguments:
        if argument.kind == "scalar":
            value = first if argument.name == "first" else argument.value
            values.append(types[argument.type](value))
        else:
            values.append(arrays[argument.name])
    return tuple(values)
