"""Compare a call of gpuconv.ndimage with the same call of scipy.ndimage."""

import math

import numpy as np
import scipy.ndimage
from scipy_agreement import DTYPES, SAME_ROUNDING, assert_within, both, sum_bound, unit

from gpuconv import ndimage

MODES = ("reflect", "constant", "nearest", "mirror", "wrap")
SYNONYMS = ("grid-mirror", "grid-constant", "grid-wrap")
ANY_RANK = ("convolve", "correlate")
LINES = ("convolve1d", "correlate1d")
SHAPES = [
    ((7,), (3,)),
    ((7,), (4,)),
    ((3,), (8,)),
    ((5, 4), (2, 3)),
    ((2, 3), (5, 4)),
    ((1, 1), (3, 2)),
    ((4, 3, 2), (2, 3, 2)),
]
SUPPORTED = tuple(dtype for dtype in DTYPES if dtype != "float16")


def values(shape, dtype, seed=0):
    """Values from -20 to 120 in integers: their sums leave eight bits, but no 32 bits, where C stops to be defined."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind in "biu":
        return rng.integers(0 if dtype.kind in "bu" else -20, 2 if dtype.kind == "b" else 120, shape).astype(dtype)
    if dtype.kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return (10 * rng.standard_normal(shape)).astype(dtype)


def check(name, x, weights, **options):
    """The same dtype, shape and values as SciPy, or the same exception."""
    expected, got = both(scipy.ndimage, ndimage, name, x, weights, **options)
    if isinstance(expected, Exception):
        return
    if np.array_equal(got, expected, equal_nan=True):
        return
    assert name in LINES or expected.dtype.kind == "c" or not SAME_ROUNDING, f"{got}\nSciPy: {expected}"
    bound = 2 * sum_bound(
        weights.size, "c16" if expected.dtype.kind == "c" else "f8", magnitude_of(name, x, weights, options)
    )
    if expected.dtype.kind in "biu":
        check_integers(
            got, expected, np.asarray(getattr(scipy.ndimage, name)(x, weights, **options | {"output": "f8"})), bound
        )
    else:
        assert_within(got, expected, bound + rounding(x, expected, bound, magnitude_of(name, x, weights, options)))


def magnitude_of(name, x, weights, options):
    """|w| * |x|, in float64."""
    wide = [np.abs(array.astype("c16" if array.dtype.kind == "c" else "f8")) for array in (x, weights)]
    return getattr(scipy.ndimage, name)(*wide, **options | {"output": "f8", "cval": abs(options.get("cval", 0))})


def rounding(x, result, bound, magnitude):
    """Rounding to the output dtype, once; three times in each part of SciPy's complex results, in input's precision."""
    if result.dtype.kind != "c":
        return 2 * unit(result.dtype) * (magnitude + bound)
    coarsest = max(unit(dtype) for dtype in (result.dtype, x.dtype) if dtype.kind in "fc")
    return (3 * math.sqrt(2) + 1) * coarsest * (1 + 4 * coarsest) * (magnitude + bound)


def check_integers(got, expected, in_float64, bound):
    """Equal, or one apart where the sum before its conversion is within the bound of an integer."""
    near = np.abs(in_float64 - np.rint(in_float64)) <= bound
    wide = got.astype("i8") - expected.astype("i8")
    assert np.all((wide == 0) | (near & (np.abs(wide) == 1))), (
        f"{got}\nSciPy: {expected}\nbefore conversion: {in_float64}"
    )


X = np.arange(12.0).reshape(3, 4)


ONES = np.ones((3, 3))
