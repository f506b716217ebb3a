"""Compare a call of gpuconv.signal with the same call of scipy.signal."""

import numpy as np
import scipy.signal
from scipy_agreement import assert_within, both, sum_bound, unit

from gpuconv import signal

MODES = ("full", "same", "valid")
ONE_RANK = ("convolve", "correlate")
TWO_D = ("convolve2d", "correlate2d")
SHAPES = [
    ((7,), (3,)),
    ((7,), (4,)),
    ((3,), (6,)),
    ((1,), (1,)),
    ((5, 4), (2, 3)),
    ((2, 3), (5, 4)),
    ((4, 3, 2), (2, 2, 2)),
]


def values(shape, dtype, seed=0):
    """Values that fill a dtype, up to 2**24, or 2**20 in 64 bits, so that sums of products fit 64 bits."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        widest = 2**20 if dtype.itemsize == 8 else min(info.max, 2**24)
        return rng.integers(max(info.min, -widest), widest, shape, dtype=dtype, endpoint=True)
    if dtype.kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def check(name, in1, in2, mode="full", *args):
    """The same dtype, shape and values as SciPy, or the same exception."""
    expected, got = both(scipy.signal, signal, name, in1, in2, mode, *args)
    if isinstance(expected, Exception):
        return
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(got, expected)
        return
    x, h = np.abs(in1.astype("c16")), np.abs(in2.astype("c16"))
    how = args if name in TWO_D else ["direct"]  # fill values here are positive
    magnitude = getattr(scipy.signal, name)(x, h, mode, *how)
    taps = min(in1.size, in2.size) if mode != "same" else in2.size
    compute = "float32" if expected.dtype == np.float16 else expected.dtype
    bound = 2 * sum_bound(taps, compute, magnitude)
    if expected.dtype == np.float16:  # both round once more, to half precision
        bound = bound + 2 * unit("f2") * (magnitude + bound) + float(np.finfo("f2").smallest_subnormal)
    assert_within(got, expected, bound)


ROW, TABLE = [1, 2, 3], [[1, 2], [3, 4]]
