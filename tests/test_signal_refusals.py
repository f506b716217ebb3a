"""What gpuconv.signal refuses, and that scipy.signal refuses it with the same type of exception."""

import itertools
import math

import numpy as np
import pytest
import scipy.signal
from scipy_agreement import assert_within, both, check_raises, sum_bound
from signal_agreement import MODES, ONE_RANK, ROW, TABLE, TWO_D

from gpuconv import signal

FILLS = [1, -2, 1.7, 2.5, True, np.float32(2), [1], [[2]], 1 + 2j, 1j, math.nan, math.inf, 300, 2**40, [1, 2], []]


@pytest.mark.parametrize("name", TWO_D)
@pytest.mark.parametrize("fill", FILLS, ids=repr)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "complex128"])
def test_fillvalue(name, fill, dtype):
    x, h = np.arange(6).reshape(2, 3).astype(dtype), np.arange(1, 7).reshape(3, 2).astype(dtype)
    for boundary, mode in itertools.product(["fill", "wrap"], MODES[:2]):
        expected, got = both(scipy.signal, signal, name, x, h, mode, boundary, fill)
        if not isinstance(expected, Exception):
            largest = np.abs(h).sum() * max(
                np.abs(x).max(), np.nan_to_num(np.abs(fill).max(), posinf=0) if boundary == "fill" else 0
            )
            assert_within(got, expected, 0 if got.dtype.kind in "iu" else 2 * sum_bound(h.size, got.dtype, largest))


@pytest.mark.parametrize("name", ONE_RANK)
@pytest.mark.parametrize(
    "arguments",
    [
        (ROW, TABLE),
        (3, ROW),
        (ROW, ROW, "fast"),
        (ROW, ROW, None),
        (ROW, ROW, 2),
        (ROW, ROW, "FULL"),
        (ROW, ROW, "full", "quick"),
        (ROW, ROW, "full", None),
        (np.ones((3, 2)), np.ones((2, 3)), "valid"),
        ([], ROW),
        (ROW, []),
        ([], []),
        (np.ones((0, 2), int), np.ones((2, 2), int)),
        ([[1], [2, 3]], TABLE),
        (None, None),
        ("a", "b"),
        (np.ones((2, 2), bool), np.ones((2, 2), bool)),
        (np.ones(2, bool), np.ones(3, bool), "same"),
        (np.ones((2, 2), "f2"), np.ones((2, 2), "f2"), "full", "direct"),
        (np.ones(2, "f2"), np.ones(3, "f2"), "same", "direct"),
    ],
    ids=repr,
)
def test_refusals(name, arguments):
    check_raises(scipy.signal, signal, name, *arguments)


@pytest.mark.parametrize("name", TWO_D)
@pytest.mark.parametrize(
    "arguments",
    [
        (ROW, ROW),
        (3, 4),
        ([TABLE], [TABLE]),
        (TABLE, TABLE, "fast"),
        (TABLE, TABLE, 1),
        (TABLE, TABLE, "full", "zz"),
        (TABLE, TABLE, "full", None),
        (TABLE, TABLE, "full", "constant"),
        (TABLE, TABLE, "full", "reflect"),
        (np.ones((3, 2)), np.ones((2, 3)), "valid"),
        (np.ones((2, 2), bool), np.ones((2, 2), bool)),
        (np.ones((2, 2), "f2"), np.ones((2, 2), "u1")),
        (TABLE, TABLE, "full", "fill", object),
        (np.ones((0, 0)), np.ones((0, 0))),
    ],
    ids=repr,
)
def test_refusals_in_2d(name, arguments):
    check_raises(scipy.signal, signal, name, *arguments)


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
def test_an_overflow_of_64_bits_raises(name):
    for x in (np.full((2, 2), 2**62), np.array([[2**62, 2**62], [-(2**62), 1]]), np.full((2, 2), 2**63, "u8")):
        with pytest.raises(OverflowError, match=r"must fit u?int64"):
            getattr(signal, name)(x, np.full((2, 2), 2, x.dtype))


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble", "object", "M8[s]"])
def test_dtypes_without_arithmetic_here(name, dtype):
    x = np.ones((2, 2)).astype(dtype)
    with pytest.raises(TypeError, match="in1 must be boolean, integer"):
        getattr(signal, name)(x, x)


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
def test_masked_and_empty_arrays(name):
    with pytest.raises(TypeError, match="masked"):
        getattr(signal, name)(np.ma.array(TABLE), TABLE)
    with pytest.raises(ValueError, match="in2 must not be empty"):
        getattr(signal, name)(TABLE, np.ones((2, 0)), "same")
