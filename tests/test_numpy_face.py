"""gpuconv.numpy against NumPy, call for call."""

import numpy as np
import pytest
from scipy_agreement import DTYPES, assert_within, both, check_raises, sum_bound
from signal_agreement import values

import gpuconv.numpy

MODES = ("full", "same", "valid")


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("n", "k"), [(1, 1), (7, 3), (7, 4), (6, 4), (3, 8), (4, 4), (2, 6), (1, 5)])
def test_lengths(name, mode, n, k):
    expected, got = both(np, gpuconv.numpy, name, values((n,), "int32"), values((k,), "int32", 1), mode)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name, dtype):
    a, v = values((9,), dtype), values((4,), "float32" if dtype == "float16" else dtype, 1)
    expected, got = both(np, gpuconv.numpy, name, a, v)
    if got.dtype.kind in "biu":
        np.testing.assert_array_equal(got, expected)
    else:
        wide = [np.abs(x.astype("c16" if x.dtype.kind == "c" else "f8")) for x in (a, v)]
        assert_within(got, expected, 2 * sum_bound(4, got.dtype, getattr(np, name)(*wide)))


def test_numbers_and_default_modes():
    assert gpuconv.numpy.convolve(3, [1, 2]).tolist() == [3, 6]
    assert gpuconv.numpy.correlate([1, 2, 3], 2).tolist() == [2, 4, 6]


@pytest.mark.parametrize("args", [([], [1]), ([1], []), ([[1, 2]], [1]), ([1], [1], "bogus")])
def test_refusals(args):
    check_raises(np, gpuconv.numpy, "convolve", *args)
    check_raises(np, gpuconv.numpy, "correlate", *args)
