"""Calls of the core's functions as the engine takes them: validate, and state the Problem."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import Adopted, Operands, adopt, flip, insert_axis
from gpuconv.dtypes import is_integer, resolve_dtypes
from gpuconv.engine import Call, factored
from gpuconv.options import Options, check_out, check_place, fill_value, pads, per_axis, spatial_axes
from gpuconv.problem import DType, Ints, Problem


def conjugate(weights: Any) -> Any:
    """Complex weights conjugated; all others as they are."""
    if hasattr(weights, "conj") and getattr(weights, "ndim", 0) > 0:
        return weights.conj()
    return np.conj(weights) if np.iscomplexobj(weights) else weights


def convolution(x: Any, weights: Any, options: Options) -> Call:
    """State a call of `convolve`."""
    return filter_call(x, weights, options, flipped=True)


def correlation(x: Any, weights: Any, options: Options) -> Call:
    """State a call of `correlate`."""
    return filter_call(x, conjugate(weights), options, flipped=False)


def filter_call(x: Any, weights: Any, options: Options, *, flipped: bool) -> Call:
    """Run one N-dimensional filter over the spatial axes of x; `flipped` makes it a convolution."""
    return adopted_call(adopt("x", x), adopt("weights", weights), options, flipped=flipped)


def adopted_call(image: Adopted, taps: Adopted, options: Options, *, flipped: bool) -> Call:
    """As filter_call, for a face that has looked at the arrays already."""
    options.check_names()
    rank = taps.view.ndim
    if rank == 0 or 0 in taps.view.shape:
        raise ValueError(f"weights must have at least one axis and one tap; got shape {taps.view.shape}")
    view = flip(taps.view, tuple(range(rank))) if flipped else taps.view
    check_place(image, taps, "weights")
    weights_view = insert_axis(insert_axis(view, 0), 0)
    return _call(image, view.shape, taps.view.dtype, Operands(None, weights_view), options, flipped=flipped)


def separable_call(x: Any, factors: Sequence[Any], options: Options) -> Call:
    """Convolve with the outer product of 1D weights."""
    options.check_names()
    image = adopt("x", x)
    taps = [adopt(f"weights[{i}]", factor) for i, factor in enumerate(factors)]
    if not taps:
        raise ValueError("weights must hold at least one 1D array; got an empty sequence")
    for i, factor in enumerate(taps):
        if factor.view.ndim != 1 or 0 in factor.view.shape:
            raise ValueError(f"weights[{i}] must be 1D with at least one tap; got shape {factor.view.shape}")
        if factor.on_device:
            raise TypeError(
                f"weights[{i}] must be on the host (separable weights travel with the launch); got {factor.place}"
            )
    dtype = np.result_type(*(factor.view.dtype for factor in taps))
    if dtype.kind == "f" and all(is_integer(factor.view.dtype) for factor in taps):
        raise TypeError(f"weights must share an integer dtype; got {', '.join(str(f.view.dtype) for f in taps)}")
    if is_integer(dtype):  # products of narrow factors need room
        dtype = np.dtype("int64" if dtype.kind == "i" else "uint64")
    arrays = tuple(np.ascontiguousarray(factor.view[::-1], dtype) for factor in taps)
    return _call(image, tuple(map(len, arrays)), dtype, Operands(None, None, arrays), options, flipped=True)


def _call(
    x: Adopted, filter_: Ints, weights_dtype: DType, operands: Operands, options: Options, *, flipped: bool
) -> Call:
    rank = len(filter_)
    axes = spatial_axes(x.view.ndim, rank, options.axes, options.channel_axis)
    batch_axes = tuple(axis for axis in range(x.view.ndim) if axis not in axes)
    image = insert_axis(x.view.transpose((*batch_axes, *axes)), len(batch_axes))
    batch, extent = image.shape[: len(batch_axes)], image.shape[-rank:]
    stride, dilation = per_axis("stride", options.stride, rank, 1), per_axis("dilation", options.dilation, rank, 1)
    before, after = pads(extent, filter_, dilation, options, flipped=flipped)
    compute, result = resolve_dtypes(x.view.dtype, weights_dtype, options.compute_dtype, options.out_dtype)
    padded = any(p > 0 for p in before + after)
    boundary = "constant" if options.boundary == "zero" or not padded else options.boundary
    problem = Problem(
        *(batch, 1, 1, 1, extent, filter_, before, after, stride, dilation),
        boundary=boundary,  # type: ignore[arg-type]  # checked by Options.check_names
        fill=fill_value(options.fill, compute) if padded else 0,
        image_dtype=x.view.dtype,
        weights_dtype=weights_dtype,
        compute_dtype=compute,
        out_dtype=result,
        rounding=options.rounding,  # type: ignore[arg-type]
        overflow=options.overflow,  # type: ignore[arg-type]
        skip_zero_taps=options.skip_zero_taps,
    )
    engine_axes = (*batch_axes, *axes)  # where each engine axis stands for the caller; the channel axis is dropped
    order = tuple(engine_axes.index(axis) + (engine_axes.index(axis) >= len(batch_axes)) for axis in range(x.view.ndim))
    out = None if options.out is None else check_out(options.out, x, tuple(problem.out_shape[i] for i in order), result)
    operands = factored(problem, replace(operands, image=image), options.precision, options.method)
    return Call(problem, x, operands, order, out, options.precision, options.backend, options.method)
