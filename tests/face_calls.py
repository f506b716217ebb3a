"""Calls of every function that has an original, drawn from all its arguments: what fits and what does not.

A drawn call comes with its number of taps, and the largest sum of magnitudes that a value of its result can have.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ndimage_agreement import MODES, SYNONYMS
from ndimage_agreement import values as image_of
from signal_agreement import values as signal_of

Draw = np.random.Generator
REAL = ("uint8", "int16", "int32", "float32", "float64")
SPATIAL = (*MODES, *SYNONYMS)
REFUSED: tuple[dict[str, Any], ...] = ({"mode": "bogus"}, {"output": "?"}, {"output": "U3"})


@dataclass
class Drawn:
    """A call: taps and total bound its rounding errors."""

    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    taps: int = 1
    total: float = 0.0


def one_of(draw: Draw, choices: Any) -> Any:
    return choices[draw.integers(len(choices))]


def some(draw: Draw, **pools: Any) -> dict[str, Any]:
    """A value for some of the options, each from its pool."""
    return {name: one_of(draw, pool) for name, pool in pools.items() if draw.random() < 0.6}


def extents(draw: Draw, rank: int, largest: int) -> tuple[int, ...]:
    return tuple(int(n) for n in draw.integers(1, largest + 1, rank))


def largest(x: np.ndarray, fill: float = 0) -> float:
    return max(float(np.abs(x.astype("c16")).max()), abs(fill))


def image(draw: Draw, dtypes: Any = (*REAL, "bool", "uint16", "int64", "complex64", "complex128")) -> np.ndarray:
    """An image of one or two axes, now and then of none or three."""
    rank = one_of(draw, (1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 0))
    shape, dtype = extents(draw, rank, (40, 40, 12, 5)[rank]), one_of(draw, dtypes)
    return np.asarray(image_of(shape, dtype, int(draw.integers(99))))


def common(draw: Draw, x: np.ndarray, modes: Any = SPATIAL) -> dict[str, Any]:
    """The options that every function of scipy.ndimage has; now and then one that is refused."""
    real = ("float32", "float64", np.uint8, "int32", np.int16)
    outputs = ("complex64", "complex128") if x.dtype.kind == "c" else real
    options = some(draw, mode=modes, cval=(0.0, 1.5, -3, 200), output=(None, *outputs))
    return options | (one_of(draw, REFUSED) if draw.random() < 0.08 else {})


def weighted(draw: Draw) -> Drawn:
    """convolve and correlate."""
    x = image(draw)
    rank = x.ndim if draw.random() < 0.9 else 1
    w = image_of(extents(draw, rank, 6), one_of(draw, ("int64", "float64", "float32", "complex64")), 1)
    options = common(draw, x) | ({"output": None} if w.dtype.kind == "c" else {})
    options |= some(draw, origin=(0, 0, 0, 1, -1, (0, -1), [1, 0], 2.0))
    return Drawn((x, w), options, w.size, largest(x, options.get("cval", 0)) * float(np.abs(w).sum()))


def line(draw: Draw) -> Drawn:
    """convolve1d and correlate1d."""
    x = image(draw)
    w = image_of(extents(draw, 1, 12), one_of(draw, ("int64", "float64", "complex64")), 1)
    options = common(draw, x) | ({"output": None} if w.dtype.kind == "c" else {})
    options |= some(draw, origin=(0, 0, 1, -1, 3), axis=(0, 0, -1, -1, 1, -2, 5))
    return Drawn((x, w), options, w.size, largest(x, options.get("cval", 0)) * float(np.abs(w).sum()))


def several(arguments: Callable[[Draw], tuple[Any, ...]], total: float, one_pass: bool = False, **pools: Any) -> Any:
    """A filter of fixed weights: `total` bounds the sum of their magnitudes, in all passes.

    Several passes with fractions for weights have a float output here: each cuts integers off, and what is off by a
    rounding error before the first cut is off by more after the last.
    """

    def drawn(draw: Draw) -> Drawn:
        x = image(draw, ("float32", "float64", "complex64", "uint8", "int16", "bool"))
        options = common(draw, x, SPATIAL if one_pass else (*SPATIAL, ("reflect", "wrap"), ["nearest"]))
        options |= some(draw, **pools) if x.ndim else {}
        if total > 64 and not one_pass and x.dtype.kind != "c":
            options["output"] = one_of(draw, ("float32", "float64"))
        return Drawn((x, *arguments(draw)), options, 200, largest(x, options.get("cval", 0)) * total)

    return drawn


SIGMAS = (0, 0.4, 1, 1.7, 2.5)
AXES = (None, None, 0, 0, -1, -1, (0,), (0, 1), (1,), (0, 0))
NDIMAGE: dict[str, Callable[[Draw], Drawn]] = {
    "convolve": weighted,
    "correlate": weighted,
    "convolve1d": line,
    "correlate1d": line,
    "gaussian_filter1d": several(
        *(lambda draw: (one_of(draw, SIGMAS[1:]),), 1e3, True),
        axis=(0, -1, 1),
        order=(0, 0, 1, 2, 3, -1),
        truncate=(2.0, 4.0),
        radius=(None, None, 0, 3, -1),
    ),
    "gaussian_filter": several(
        *(lambda draw: (one_of(draw, (*SIGMAS[1:], (1, 0.7))),), 1e3),
        order=(0, 0, 0, 1, 1, (0, 2), [1]),
        truncate=(2.0, 4.0),
        radius=(None, None, 2, (1, 3)),
        axes=AXES,
    ),
    "uniform_filter1d": several(
        *(lambda draw: (one_of(draw, (1, 2, 3, 8, 0)),), 1, True), axis=(0, -1, 1), origin=(0, 1, -1)
    ),
    "uniform_filter": several(
        *(lambda draw: (one_of(draw, (1, 2, 3, 8, (2, 3))),), 1), origin=(0, 0, -1, (1, 0)), axes=AXES
    ),
    "sobel": several(lambda draw: (), 64, axis=(0, -1, 1, 3)),
    "prewitt": several(lambda draw: (), 64, axis=(0, -1, 1, 3)),
    "laplace": several(lambda draw: (), 16, axes=AXES),
    "gaussian_laplace": several(lambda draw: (one_of(draw, (*SIGMAS[2:], (1, 1.5))),), 100, axes=AXES),
    "gaussian_gradient_magnitude": several(
        lambda draw: (one_of(draw, (*SIGMAS[2:], (1, 1.5))),), 100, axes=AXES, truncate=(3.0,)
    ),
}


def two(draw: Draw, rank: int | None = None, dtypes: Any = (*REAL, "bool", "complex64", "complex128")) -> Any:
    """A long and a short signal, or the other way round; now and then of ranks that do not fit."""
    rank = one_of(draw, (1, 1, 2, 2, 3)) if rank is None else rank
    shapes = [extents(draw, rank, 40 // rank), extents(draw, rank if draw.random() < 0.95 else 1, 7)]
    draw.shuffle(shapes) if draw.random() < 0.3 else None
    first, second = (signal_of(shape, one_of(draw, dtypes), int(draw.integers(99))) for shape in shapes)
    return first, second


def pair(rank: int | None = None, direct: bool = False, **pools: Any) -> Callable[[Draw], Drawn]:
    """Functions of two arrays; `direct` where SciPy's own choice may be an FFT, which is not exact for integers."""

    def drawn(draw: Draw) -> Drawn:
        x, h = two(draw, rank)
        options = some(draw, mode=(*("full", "same", "valid") * 4, "bogus"), **pools)
        options |= {"method": "direct"} if direct else {}
        total = largest(x, options.get("fillvalue", 0)) * largest(h) * max(x.size, h.size)
        return Drawn((x, h), options, x.size + h.size, total)

    return drawn


def resampled(draw: Draw) -> Drawn:
    """upfirdn, of signals with two samples at least: SciPy divides by zero where one is reflected."""
    dtypes = ("int16", "float32", "float64", "complex64")
    x = signal_of(draw.integers(2, 20, one_of(draw, (1, 2))), one_of(draw, dtypes))
    h = signal_of(extents(draw, 1, 9), one_of(draw, dtypes), 1)
    pools = {"up": (1, 1, 2, 2, 3, 0), "down": (1, 2, 5), "axis": (-1, 0, 1)}
    options = some(draw, **pools, mode=("constant", "edge", "wrap", "symmetric", "reflect"), cval=(0, 2.5))
    return Drawn((h, x), options, h.size, largest(x, 2.5) * largest(h) * h.size)


def smoothed(draw: Draw) -> Drawn:
    """savgol_filter: its weights are a least squares fit, which loses up to four digits here."""
    x = image(draw, ("float32", "float64", "int32"))
    options = some(draw, deriv=(0, 1, 2), delta=(1.0, 0.5), axis=(-1, 0, 1), cval=(0.0, 2.0))
    options |= some(draw, mode=("interp", "mirror", "constant", "nearest", "wrap", "bogus"))
    return Drawn((x, int(draw.integers(2, 10)), int(draw.integers(0, 4))), options, 10**4, 40 * largest(x, 2) * 100)


def separable(draw: Draw) -> Drawn:
    """sepfir2d."""
    dtype = one_of(draw, ("float32", "float64", "complex64", "complex128"))
    x = signal_of(draw.integers(8, 24, 2), dtype)  # SciPy reads outside of images that are smaller than the filter
    row, column = (signal_of((n,), dtype, 1) for n in draw.choice([1, 3, 5, 7, 4], 2, p=[0.2, 0.2, 0.2, 0.3, 0.1]))
    return Drawn((x, row, column), {}, row.size + column.size, largest(x) * largest(row) * largest(column) * 81)


SIGNAL: dict[str, Callable[[Draw], Drawn]] = {
    "convolve": pair(direct=True),
    "correlate": pair(direct=True),
    "convolve2d": pair(rank=2, boundary=("fill", "wrap", "symm", "bogus"), fillvalue=(0, 2)),
    "correlate2d": pair(rank=2, boundary=("fill", "wrap", "symm"), fillvalue=(0, 2)),
    "fftconvolve": pair(axes=(None, None, None, 0, -1, 5)),
    "oaconvolve": pair(axes=(None, None, None, 0, -1, 5)),
    "upfirdn": resampled,
    "savgol_filter": smoothed,
    "sepfir2d": separable,
}
NUMPY: dict[str, Callable[[Draw], Drawn]] = {"convolve": pair(rank=1), "correlate": pair(rank=1)}
