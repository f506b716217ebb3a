"""Overlap-save on a GPU: batches of tiles, cuFFT through CuPy, and kernels that load, multiply and store.

The host waits for nothing: the spectrum of the filter is made on the device, in double precision, and what nan and
infinities spoil is summed up again by the kernel that stores it.
"""

import math
from typing import Any

import numpy as np

from gpuconv.backends.cupy_builder import Builder, Launches
from gpuconv.backends.cupy_steps import GIVEN, Copy, Transform
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_fft import batch_of, half
from gpuconv.problem import DType, Ints

# cuFFT's names of transforms, by the dtype of what is transformed.
FORWARD = {"float32": "CUFFT_R2C", "float64": "CUFFT_D2Z", "complex64": "CUFFT_C2C", "complex128": "CUFFT_Z2Z"}
INVERSE = {**FORWARD, "float32": "CUFFT_C2R", "float64": "CUFFT_Z2D"}


def add_transforms(build: Builder, launches: Launches) -> None:
    """Add the steps of all batches."""
    plan = build.plan
    assert plan.tiles is not None
    load, multiply, store, filter_ = launches
    batch, sums = batch_of(plan.problem, plan.tiles), plan.accumulator
    lengths, bins = batch.lengths, math.prod(half(batch.lengths, real=sums.kind != "c"))
    spectrum = _fixed_spectrum(build, filter_, lengths) if build.fixed else _spectrum(build, filter_, lengths)
    tiles = build.buffer((batch.samples,), sums)
    spectra = build.buffer((batch.transforms * bins,), np.result_type(sums, "complex64"))
    forward = _transform(build, lengths, batch.apart, batch.transforms, sums, forward=True)
    inverse = _transform(build, lengths, batch.apart, batch.transforms, sums, forward=False)
    for first in range(0, batch.count, batch.size):
        build.kernel(load, {"tiles": tiles}, first=first)
        build.steps.append(Transform(forward, tiles, spectra, -1))
        build.kernel(multiply, {"spectra": spectra, "filter": spectrum})
        build.steps.append(Transform(inverse, spectra, tiles, 1))
        build.kernel(store, {"tiles": tiles}, first=first)


def _spectrum(build: Builder, filter_: LaunchPlan, lengths: Ints) -> Any:
    """Add the steps that make the spectrum of the filter; its slot."""
    sums = build.plan.accumulator
    wide = np.result_type(sums, "float64")
    bins = math.prod(half(lengths, real=wide.kind != "c"))
    tile, spectrum = build.buffer((math.prod(lengths),), wide), build.buffer((bins,), "complex128")
    build.kernel(filter_, {"tile": tile})
    build.steps.append(Transform(_transform(build, lengths, 1, 1, wide, forward=True), tile, spectrum, -1))
    if wide == sums:
        return spectrum
    rounded = build.buffer((bins,), "complex64")
    build.steps.append(Copy(spectrum, rounded, (0,)))
    return rounded


def _fixed_spectrum(build: Builder, filter_: LaunchPlan, lengths: Ints) -> Any:
    """The spectrum of weights that do not change, made now."""
    once = Builder(build.plan, build.operands, build.out, fixed=True, own=False)
    slot = _spectrum(once, filter_, lengths)
    made = once.made()
    buffers = made.allocate()
    made.run((None,) * GIVEN, buffers)
    return buffers[slot - GIVEN]


def _transform(build: Builder, lengths: Ints, apart: int, count: int, dtype: DType, *, forward: bool) -> Any:
    """A plan of cuFFT's, whose work area is the builder's own, or else one that CuPy keeps for this thread."""
    import cupy

    key: tuple[Any, ...] = ("gpuconv", lengths, apart, count, dtype.name, forward or dtype.kind == "c")
    if build.own:
        return build.once(key, lambda: build.holding(_cufft(lengths, apart, count, dtype, forward=forward)))
    cache = cupy.fft.config.get_plan_cache()
    key = (*key, cupy.cuda.get_current_stream().ptr)  # two streams must not share a work area
    made = cache.get(key)
    if made is None:
        cache[key] = made = _cufft(lengths, apart, count, dtype, forward=forward)
    return made


def _cufft(lengths: Ints, apart: int, count: int, dtype: DType, *, forward: bool) -> Any:
    """Transforms side by side where their samples are `apart`, else one behind the other."""
    from cupy.cuda import cufft

    spectrum = half(lengths, real=dtype.kind != "c")
    source, target = (lengths, spectrum) if forward else (spectrum, lengths)
    lying = [(shape, apart, 1 if apart > 1 else math.prod(shape)) for shape in (source, target)]
    kind = getattr(cufft, (FORWARD if forward else INVERSE)[dtype.name])
    return cufft.PlanNd(lengths, *lying[0], *lying[1], kind, count, "C", len(lengths) - 1, target[-1])
