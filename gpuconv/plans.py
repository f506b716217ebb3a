"""Plans: everything about a call but its arrays is done once; for loops, streams and CUDA graphs."""

import operator
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from gpuconv import backends, calls
from gpuconv.arrays import Adopted, DeviceView, adopt
from gpuconv.engine import Prepared, prepare
from gpuconv.errors import check_choice
from gpuconv.options import Options
from gpuconv.planned import STATEMENTS, OnHost, Planned, Runner
from gpuconv.problem import DType, Ints

OPTIONS = tuple(field.name for field in fields(Options) if field.name not in ("out", "skip_zero_taps"))


def plan(
    shape: int | Sequence[int], weights: Any, dtype: Any = "float32", *, kind: str = "convolve", **options: Any
) -> Planned:
    r"""Plan the convolution of many arrays of one shape and dtype.

    .. math:: y[i] = \sum_r w[r] \, x[i + c - d r]

    All that depends on shapes, weights and options alone is done once: checks, the choice of backend and algorithm,
    compilation. What is left for each call is the launch.

    Parameters
    ----------
    shape : tuple of int
        Shape of x, batch axes among them.
    weights : array_like
        As the planned function takes them. Their values are read now, those on a device too where CuPy is installed.
    dtype : dtype
        Dtype of x.
    kind : {"convolve", "correlate", "sepconvolve"}
        The function of gpuconv that is planned.
    **options
        Keyword arguments of that function but `out` and those for missing values: see `gpuconv.convolve`. Where
        backend="cupy" or "numba_cuda" is asked for in any way, x is on the current device; where the weights are on a
        device, there; else on the host. "auto" compiles at once what it would let NumPy do for a single call.

    Returns
    -------
    Planned
        To be called with arrays, ``planned(x, out=None, stream=None)``; the results and their error bound are those of
        the planned function.

    Raises
    ------
    ValueError, TypeError
        As the planned function raises them, and for options that it does not have.
    OverflowError
        If sums of integers might not fit 64 bits. Unlike a call, a plan has no 64-bit image to look at: pass
        compute_dtype="float64", or overflow="wrap".
    BackendUnavailableError, UnsupportedProblemError
        If the backend asked for cannot run here, or not this.

    Examples
    --------
    >>> import gpuconv, numpy as np
    >>> sharpen = gpuconv.plan((480, 640), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], "uint8", out_dtype="uint8")
    >>> frames, out = np.full((3, 480, 640), 7, "uint8"), np.empty((480, 640), "uint8")
    >>> [int(sharpen(frame, out=out)[1, 1]) for frame in frames]
    [7, 7, 7]
    """
    state = STATEMENTS[check_choice("kind", kind, tuple(STATEMENTS))]
    for name in options:
        check_choice("an option of a plan", name, OPTIONS)
    weights = _kept(weights, kind)
    x = example(shape, dtype, weights, options.get("backend"))
    prepared = prepare(replace(state(x, weights, Options(**options)), example=True))
    made, runner, workspace = prepared.plan, *_runner(prepared)
    return Planned(
        *(kind, prepared.call.problem, made.backend, made.algorithm, made.bound, workspace),
        *(x.view.shape, x.view.dtype, x.place, prepared.shape, made.problem.out_dtype),
        {**options, "weights": weights, "backend": made.backend},
        runner,
    )


def _runner(prepared: Prepared) -> tuple[Runner | None, int | None]:
    """What computes C-contiguous arrays, if the backend has it, and the memory that it takes."""
    x = prepared.call.x.view
    if not prepared.call.x.on_device:
        known = calls.known_of(prepared)
        return (None, None) if known is None else (OnHost(known, x.shape, x.dtype), known.ready.workspace_bytes)
    if 0 in prepared.shape:
        return None, None
    from gpuconv.backends.cupy_plans import OnDevice

    result = _example(prepared.shape, prepared.plan.problem.out_dtype, x.device).view
    ready = backends.ready(prepared.plan, prepared.operands, prepared.in_engine_order(result))
    if ready is None:
        return None, None
    return OnDevice(ready, prepared.plan.backend, x, result), ready.workspace_bytes


def _kept(weights: Any, kind: str) -> Any:
    """Weights as they are now, which nobody else changes."""
    if kind == "sepconvolve":
        return [_kept(factor, "convolve") for factor in weights]
    taps = adopt("weights", weights)
    if not taps.on_device:
        return taps.view.copy()
    if backends.reason_unavailable("cupy"):
        return weights
    from cupy.cuda import get_current_stream

    from gpuconv.backends.cupy_arrays import on_device, place

    with place(taps.view, taps.stream):
        copy = on_device(taps.view).copy()
        get_current_stream().synchronize()  # for launches on other streams
    return copy


def _device(weights: Any, backend: str | None) -> int | None:
    """Number of the device where x will be; None on the host."""
    for taps in weights if isinstance(weights, list) else [weights]:
        view = adopt("weights", taps).view
        if isinstance(view, DeviceView):
            return view.device
    name = backends.requested(backend)
    return backends.current_device(name) if name in backends.GPU else None


def example(shape: int | Sequence[int], dtype: Any, weights: Any, backend: str | None) -> Adopted:
    """Return an array without values where a call with these weights on this backend would have it."""
    return _example(_shape(shape), _dtype(dtype), _device(weights, backend))


def _example(shape: Ints, dtype: DType, device: int | None) -> Adopted:
    """An array of that place without values."""
    if device is None:
        array = np.empty(shape, dtype)
        return Adopted(array, "numpy", array)
    from gpuconv.backends.cupy_plans import dense_view

    return Adopted(dense_view(shape, dtype, device), "cupy", None)


def _shape(shape: int | Sequence[int]) -> Ints:
    try:
        extents = tuple(map(operator.index, [shape] if isinstance(shape, int) else shape))
    except TypeError:
        raise TypeError(f"shape must be a tuple of integers; got {shape!r}") from None
    if any(n < 0 for n in extents):
        raise ValueError(f"shape must not be negative; got {shape!r}")
    return extents


def _dtype(dtype: Any) -> DType:
    try:
        found: DType = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be a NumPy dtype; got {dtype!r}") from None
    return found.newbyteorder("=")
