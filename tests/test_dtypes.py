"""What computes, what comes out, and how a result becomes an integer."""

import math
from fractions import Fraction

import numpy as np
import pytest
from agreement import check_convolve, random
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpuconv
from gpuconv.conversion import convert
from gpuconv.dtypes import resolve_dtypes
from gpuconv.problem import ROUNDINGS

RULES = [  # image, weights -> compute, out
    ("f4", "f8", "f4", "f4"),
    ("f4", "i8", "f4", "f4"),
    ("f2", "f4", "f4", "f2"),
    ("f8", "f4", "f8", "f8"),
    ("u1", "f8", "f4", "f4"),
    ("i2", "f4", "f4", "f4"),
    ("i4", "f4", "f8", "f8"),
    ("u8", "f4", "f8", "f8"),
    ("?", "f4", "f4", "f4"),
    ("?", "?", "u8", "u8"),
    ("u1", "u2", "u8", "u8"),
    ("u1", "i1", "i8", "i8"),
    ("i4", "u4", "i8", "i8"),
    ("f4", "c16", "c8", "c8"),
    ("f8", "c8", "c16", "c16"),
    ("i4", "c8", "c16", "c16"),
    ("c8", "f8", "c8", "c8"),
    ("c16", "i1", "c16", "c16"),
]


@pytest.mark.parametrize(("image", "weights", "compute", "out"), RULES)
def test_rules(image, weights, compute, out):
    assert resolve_dtypes(np.dtype(image), np.dtype(weights)) == (np.dtype(compute), np.dtype(out))
    x, w = random((7, 9), image), random((3, 2), weights, 1)
    if weights == "u4":
        w >>= 8  # six products of 63 bits need not fit
    assert check_convolve(x, w, boundary="symmetric", backend="numpy").dtype == out


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("weights_dtype", ["f4", "i2", "u1"])
def test_real_images(backend, dtype, weights_dtype):
    check_convolve(random((20, 33), dtype), random((3, 3), weights_dtype, 1), boundary="edge", backend=backend)


@pytest.mark.parametrize("out_dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])
def test_out_dtypes(backend, out_dtype):
    for x, w in ((random((9, 9), "u1"), random((3, 3), "f4", 1)), (random((9, 9), "i2"), random((3, 3), "i1", 1))):
        check_convolve(x, w, out_dtype=out_dtype, backend=backend)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_rounding_and_overflow(backend, rounding, overflow):
    x = np.array(
        [
            -1e30,
            -130.5,
            -128.5,
            -1.5,
            -0.5,
            0.49999997,
            0.5,
            1.5,
            2.5,
            126.5,
            127.5,
            128.5,
            300.7,
            1e6,
            np.inf,
            -np.inf,
            np.nan,
        ],
        "f4",
    )
    for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
        result = gpuconv.convolve(x, [1.0], out_dtype=dtype, rounding=rounding, overflow=overflow, backend=backend)
        info = np.iinfo(dtype)
        round_ = {"half_even": round, "trunc": math.trunc, "floor": math.floor, "half_up": _half_up}[rounding]
        for value, got in zip(x.tolist(), result.tolist(), strict=True):
            assert got == _as_integer(value, round_, overflow, info), (value, dtype)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4"])
def test_float64_wraps_at_every_power_of_two(backend, dtype):
    powers = 2.0 ** np.arange(7, 70)
    x = np.concatenate([sign * (powers + step) for sign in (1, -1) for step in (-1, 0, 1, 0.75, 77)])
    got = gpuconv.convolve(x, [1.0], out_dtype=dtype, rounding="trunc", overflow="wrap", backend=backend)
    assert got.tolist() == [_as_integer(value, math.trunc, "wrap", np.iinfo(dtype)) for value in x.tolist()]


def _half_up(value):
    return math.floor(Fraction(value) + Fraction(1, 2))


def _as_integer(value, round_, overflow, info):
    if math.isnan(value):
        return 0
    if math.isinf(value):
        return info.max if value > 0 else info.min
    whole = round_(value)
    if overflow == "wrap":
        return (whole - info.min) % 2**info.bits + info.min
    return min(max(whole, info.min), info.max)


def test_integers_are_exact_or_refused():
    large = np.full(3, 2**62, "i8")
    np.testing.assert_array_equal(gpuconv.convolve(large, [1]), large)
    with pytest.raises(OverflowError, match="pass compute_dtype='float64'"):
        gpuconv.convolve(large, [1, 1])
    assert gpuconv.convolve(large, [1, 1], compute_dtype="float64", size="full")[1] == 2.0**63
    assert gpuconv.convolve(np.full(3, 2**63, "u8"), np.array([1], "u8"))[0] == 2**63
    with pytest.raises(OverflowError, match="must fit int32"):
        gpuconv.convolve(np.ones(3, "i4"), [1], compute_dtype="int32")


def test_uint8_200_times_3():
    x, three = np.full(1, 200, "u1"), np.array([3], "u1")
    assert gpuconv.convolve(x, three)[0] == 600
    assert gpuconv.convolve(x, three, out_dtype="u1")[0] == 255
    assert gpuconv.convolve(x, three, out_dtype="u1", overflow="wrap")[0] == 88


def test_negative_zero_and_wide_accumulators(backend):
    x = np.full((4, 300), 2**31 - 1, "i4")
    check_convolve(x, np.full((2, 2), 3, "i4"), backend=backend)  # needs 64-bit sums


@given(
    hnp.arrays("f8", st.integers(1, 30), elements=st.floats(-1e20, 1e20) | st.floats(-300, 300) | st.just(np.nan)),
    st.sampled_from(["i1", "u1", "i4", "u4", "i8", "u8"]),
)
def test_convert_against_python(values, dtype):
    info = np.iinfo(dtype)
    for overflow in ("saturate", "wrap"):
        got = convert(values, np.dtype(dtype), "half_even", overflow)
        assert got.tolist() == [_as_integer(v, round, overflow, info) for v in values.tolist()]


@given(hnp.arrays("i8", st.integers(1, 20)), st.sampled_from(["i1", "u1", "i4", "u4", "u8"]))
def test_convert_integers_against_python(values, dtype):
    info = np.iinfo(dtype)
    for overflow in ("saturate", "wrap"):
        got = convert(values, np.dtype(dtype), "half_even", overflow)
        assert got.tolist() == [_as_integer(v, round, overflow, info) for v in values.tolist()]


@pytest.mark.parametrize("value", [128.0, -129.0, np.nan, np.inf])
def test_overflow_raise(value):
    np.testing.assert_array_equal(convert(np.array([127.2]), np.dtype("i1"), "half_even", "raise"), [127])
    with pytest.raises(OverflowError, match="must fit int8"):
        convert(np.array([1.0, value]), np.dtype("i1"), "half_even", "raise")
    with pytest.raises(OverflowError, match="must fit uint8"):
        convert(np.array([256]), np.dtype("u1"), "half_even", "raise")
