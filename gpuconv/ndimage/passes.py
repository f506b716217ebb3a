"""Filters made of 1D passes, one axis after another, or of one fused pass where that gives the same.

SciPy converts to the output dtype after every pass. Integers are therefore filtered pass by pass; floats in one over
the last three axes, with the outer product of the weights, where the boundary allows it: a constant outside other than
0 would be filtered too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv.arrays import Adopted, adopt
from gpuconv.backends import reason_unavailable, requested
from gpuconv.core import sepconvolve
from gpuconv.ndimage.output import Target, deliver, find_target
from gpuconv.ndimage.rules import BOUNDARIES, boundary_of, fill_value, filter_line


@dataclass(frozen=True)
class Pass:
    """A correlation with 1D weights along one axis."""

    axis: int
    weights: np.ndarray
    mode: str
    origin: int = 0


def per_axis(value: Any, count: int) -> list[Any]:
    """One value for each filtered axis, or the one value for all; RuntimeError as in SciPy."""
    if np.iterable(value) and not isinstance(value, str):
        values = list(value)
        if len(values) != count:
            raise RuntimeError(f"an argument must be one value or one per filtered axis ({count}); got {value!r}")
        return values
    return [value] * count


def run(image: Any, passes: Sequence[Pass], output: Any, cval: Any) -> Any:
    """Filter an image by all passes; without any it is copied."""
    x = adopt("input", image)
    target = find_target(output, x, x.view.dtype.kind == "c")
    if not x.view.ndim:
        return _number(x, target)
    passes = passes or [Pass(-1, np.ones(1), "reflect")]
    if _fusable(passes, target, x.view.shape, cval, x.view.dtype.kind):
        ordered = sorted(passes, key=lambda one: one.axis)
        first = max(0, len(ordered) - _axes_at_once(x))
        for one in ordered[:first]:
            image = filter_line(image, one.weights, one.axis, target.engine_dtype, one.mode, cval, 0, flipped=False)
        return _fused(image, ordered[first:], target)
    for last, one in enumerate(passes, start=1 - len(passes)):
        to = target.engine_dtype if last else target.dtype if target.array is None else target.array
        image = filter_line(image, one.weights, one.axis, to, one.mode, cval, one.origin, flipped=False)
    return image


def _number(x: Adopted, target: Target) -> Any:
    """An image without axes: nothing but its dtype changes."""
    if x.on_device:
        return x.original
    converted = filter_line(np.reshape(x.view, 1), np.ones(1), 0, target.engine_dtype, "reflect", 0.0, 0, flipped=False)
    result = x.empty((), target.engine_dtype)
    result.view[...] = converted[0]
    return deliver(x.deliver(result), target)


def _fusable(passes: Sequence[Pass], target: Target, shape: Any, cval: Any, kind: str) -> bool:
    """Whether one pass with the outer product is what the passes give, up to rounding."""
    boundaries = {boundary_of(one.mode) for one in passes}
    centred = all(len(one.weights) % 2 and not one.origin for one in passes)
    if len(passes) < 2 or len(boundaries) > 1 or not centred or 0 in shape or not target.direct:
        return False
    filled = "constant" in boundaries and fill_value(cval, kind, "f") != 0
    return target.dtype.kind in "fc" and not filled


def _axes_at_once(x: Adopted) -> int:
    """Axes that kernels filter in one pass: two, where those in Numba are to compute."""
    backend = requested(None)
    numba = backend == "numba_cuda" or (backend == "auto" and x.on_device and reason_unavailable("cupy"))
    return 2 if numba else 3


def _fused(image: Any, ordered: Sequence[Pass], target: Target) -> Any:
    boundary = BOUNDARIES[ordered[0].mode]
    return sepconvolve(
        image,
        [one.weights[::-1] for one in ordered],
        axes=tuple(one.axis for one in ordered),
        boundary="zero" if boundary == "constant" else boundary,
        precision="strict",
        compute_dtype="complex128" if target.dtype.kind == "c" else "float64",
        out_dtype=target.engine_dtype,
        out=target.array,
    )
