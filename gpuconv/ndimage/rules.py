"""The rules of scipy.ndimage: axes, origins, taps and refusals. What `output` means is in output.py."""

import operator
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from gpuconv.arrays import Adopted, adopt, insert_axis
from gpuconv.engine import execute
from gpuconv.errors import check_choice
from gpuconv.faces import backwards, conjugated
from gpuconv.ndimage.output import Target, check_supported, deliver, find_target
from gpuconv.options import Options
from gpuconv.problem import Ints
from gpuconv.statements import adopted_call

BOUNDARIES = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "constant": "constant",
    "grid-constant": "constant",
    "nearest": "edge",
    "mirror": "mirror",
    "wrap": "wrap",
    "grid-wrap": "wrap",
}
EPSILON = np.finfo("float64").eps  # DBL_EPSILON, below which SciPy's C code sees zero


def filter_axes(
    x: Any, weights: Any, output: Any, mode: Any, cval: Any, origin: Any, axes: Any, *, flipped: bool
) -> Any:
    """Convolve (flipped) or correlate with weights of any rank; tiny taps and nan taps are left out."""
    image, taps = adopt("input", x), adopt("weights", weights)
    numbers = filter_numbers(axes, image.view.ndim)
    taps = _without_tiny(_in_float64(taps if flipped else conjugated("weights", taps)))
    if taps.view.ndim != len(numbers) or 0 in taps.view.shape:
        raise RuntimeError(
            f"weights must have {len(numbers)} axes, one per filtered axis of input, and a tap; got shape "
            f"{tuple(taps.view.shape)}"
        )
    origins = _origins(origin, numbers, image.view.ndim)
    if flipped:
        taps, origins = backwards(taps), _backwards(origins, taps.view.shape)
    axes = tuple(sorted(numbers))
    return _correlate(image, taps, output, mode, cval, origins, axes, skip_zero_taps=True)


def filter_line(
    x: Any, weights: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any, *, flipped: bool
) -> Any:
    """Convolve (flipped) or correlate with 1D weights along one axis."""
    image, taps = adopt("input", x), adopt("weights", weights)
    taps = _in_float64(taps if flipped else conjugated("weights", taps))
    if taps.view.ndim != 1 or 0 in taps.view.shape:
        raise RuntimeError(f"weights must be 1D with at least one tap; got shape {tuple(taps.view.shape)}")
    axes: Ints = (normalize_axis_index(axis, image.view.ndim),)
    origins: Ints = (operator.index(origin),)
    if flipped:
        taps, origins = backwards(taps), _backwards(origins, taps.view.shape)
    return _correlate(image, _mirrored(taps), output, mode, cval, origins, axes, skip_zero_taps=False)


def _correlate(
    x: Adopted, taps: Adopted, output: Any, mode: Any, cval: Any, origins: Ints, axes: Ints, *, skip_zero_taps: bool
) -> Any:
    """Correlate in float64 (complex128), and convert as C does."""
    kinds = x.view.dtype.kind, taps.view.dtype.kind
    check_supported("input", x.view.dtype)
    _check_origins(origins, taps.view.shape)
    target = find_target(output, x, "c" in kinds)
    boundary, fill = boundary_of(mode), fill_value(cval, *kinds)
    options = Options(
        boundary=boundary,
        fill=fill if boundary == "constant" else 0,
        axes=axes,
        origin=origins,
        precision="strict",
        compute_dtype="complex128" if "c" in kinds else "float64",
        out_dtype=target.engine_dtype,
        overflow="wrap",
        rounding="trunc",
        skip_zero_taps=skip_zero_taps,
    )
    return _run(x, taps, target, options)


def _run(x: Adopted, taps: Adopted, target: Target, options: Options) -> Any:
    """Compute; the engine takes neither empty images nor those without axes, nor weights without."""
    if 0 in x.view.shape:
        return x.deliver(x.empty(x.view.shape, target.dtype)) if target.array is None else target.array
    if not options.axes:
        taps, options = replace(taps, view=insert_axis(taps.view, 0)), replace(options, axes=(-1,), origin=(0,))
    if target.direct and x.view.ndim:
        return execute(adopted_call(x, taps, replace(options, out=target.array), flipped=False))
    image = adopt("input", x.plain)
    if not x.view.ndim:
        image = replace(image, view=insert_axis(image.view, 0))
    result = execute(adopted_call(image, taps, options, flipped=False))
    delivered = deliver(result.reshape(x.view.shape), target)
    return x.in_kind(delivered) if target.array is None else delivered


def boundary_of(mode: Any) -> str:
    """The boundary that a mode names."""
    try:
        return BOUNDARIES[check_choice("mode", mode, tuple(BOUNDARIES))]
    except ValueError as error:
        raise RuntimeError(str(error)) from None


def fill_value(cval: Any, image_kind: str, weights_kind: str) -> complex:
    """`cval` as a number that input may hold; checked under every mode, as SciPy does."""
    if isinstance(cval, str) or np.ndim(cval):
        raise TypeError(f"cval must be a number; got {cval!r}")
    if image_kind == "c":
        return complex(cval)
    if np.iscomplexobj(cval):
        kind = ValueError if weights_kind == "c" else TypeError
        raise kind(f"cval must be real where input is; got {cval!r}")
    return float(cval)


def filter_numbers(axes: Any, ndim: int) -> Ints:
    """The `axes` argument as numbers from the front, in the caller's order."""
    if axes is None:
        return tuple(range(ndim))
    given = axes if isinstance(axes, Iterable) and not isinstance(axes, str) else [axes]
    numbers = tuple(operator.index(axis) for axis in given)
    if any(not -ndim <= axis < ndim for axis in numbers):
        raise ValueError(f"axes must be between {-ndim} and {ndim - 1} for an input of {ndim} axes; got {axes!r}")
    numbers = tuple(axis % ndim for axis in numbers)
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"axes must be unique; got {axes!r}")
    return numbers


def _origins(origin: Any, axes: Ints, ndim: int) -> Ints:
    """One origin per axis, in the order of the sorted axes; SciPy takes them as sorted where every axis is named."""
    given = list(origin) if np.iterable(origin) and not isinstance(origin, str) else [origin] * len(axes)
    if len(given) != len(axes):
        raise RuntimeError(f"origin must be an integer or one per filtered axis ({len(axes)}); got {origin!r}")
    numbers = tuple(map(operator.index, given))
    if len(axes) == ndim:
        return numbers
    return tuple(number for _, number in sorted(zip(axes, numbers, strict=True)))


def _backwards(origins: Ints, taps: Ints) -> Ints:
    """The origins of a correlation that is a convolution with the weights reversed."""
    return tuple(-o - (n % 2 == 0) for o, n in zip(origins, taps, strict=True))


def _check_origins(origins: Ints, taps: Ints) -> None:
    if any(not -(n // 2) <= o <= (n - 1) // 2 for o, n in zip(origins, taps, strict=True)):
        raise ValueError(
            "origin must satisfy -(n // 2) <= origin <= (n - 1) // 2 for n taps, and its negative for a convolution; "
            f"got {origins} (as a correlation) for weights of shape {tuple(taps)}"
        )


def _in_float64(taps: Adopted) -> Adopted:
    """A copy of host weights as SciPy has them; those on a device stay as they are."""
    if taps.on_device:
        return taps
    return replace(taps, view=np.array(taps.view, "complex128" if taps.view.dtype.kind == "c" else "float64"))


def _without_tiny(taps: Adopted) -> Adopted:
    """Zero for the taps that scipy.ndimage.correlate leaves out: |w| <= DBL_EPSILON, and nan."""
    for part in _parts(taps):
        part[~(np.abs(part) > EPSILON)] = 0
    return taps


def _mirrored(taps: Adopted) -> Adopted:
    """Weights within DBL_EPSILON of symmetry or antisymmetry made exactly so, as scipy's correlate1d takes them."""
    for part in _parts(taps):
        half = len(part) // 2
        left, right = part[:half], part[: -half - 1 : -1]
        for sign in (1, -1):
            with np.errstate(invalid="ignore"):  # inf - inf
                unlike = np.abs(right - sign * left) > EPSILON
            if len(part) % 2 and not unlike.any():
                right[:] = sign * left
                break
    return taps


def _parts(taps: Adopted) -> tuple[np.ndarray, ...]:
    """Real and imaginary parts of host weights, to be changed in place."""
    if taps.on_device:
        return ()
    return (taps.view.real, taps.view.imag) if taps.view.dtype.kind == "c" else (taps.view,)
