"""gpuconv.signal against scipy.signal, call for call."""

import inspect
import itertools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from scipy_agreement import DTYPES, both, layouts
from signal_agreement import MODES, ONE_RANK, SHAPES, TWO_D, check, values

from gpuconv import signal


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (signal, scipy.signal))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize("name", ONE_RANK)
@pytest.mark.parametrize(("dtype1", "dtype2"), list(itertools.product(DTYPES, repeat=2)))
def test_dtypes_modes_and_shapes(name, dtype1, dtype2):
    for (shape1, shape2), mode in itertools.product(SHAPES, MODES):
        check(name, values(shape1, dtype1), values(shape2, dtype2, 1), mode, "direct")


@pytest.mark.parametrize("name", TWO_D)
@pytest.mark.parametrize("boundary", ["fill", "wrap", "circular", "symm", "symmetric"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_2d(name, boundary, dtype):
    for (shape1, shape2), mode in itertools.product([((5, 4), (2, 3)), ((2, 3), (5, 4)), ((1, 2), (7, 4))], MODES):
        for other in ("int8", "float32", "complex128"):
            check(name, values(shape1, dtype), values(shape2, other, 1), mode, boundary, 3)


@pytest.mark.parametrize("name", ONE_RANK)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "float64", "complex128"])
def test_default_method(name, dtype):
    """For sizes where SciPy's own choice is the direct sum."""
    for (shape1, shape2), mode in itertools.product(SHAPES, MODES):
        check(name, values(shape1, dtype), values(shape2, dtype, 1), mode)


@pytest.mark.parametrize("name", ONE_RANK)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_many_taps(name, dtype):
    check(name, values(500, dtype), values(201, dtype, 1), "same", "direct")
    check(name, values(201, dtype), values(500, dtype, 1), "full", "direct")


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
def test_narrow_integers_wrap(name, dtype):
    x, h = values((9, 9), dtype), values((5, 5), dtype, 1)
    result = getattr(signal, name)(x, h)
    assert not np.array_equal(result, getattr(scipy.signal, name)(x.astype("f8"), h.astype("f8")))  # it did wrap
    np.testing.assert_array_equal(result, getattr(scipy.signal, name)(x, h))


def test_narrow_integers_wrap_even_where_64_bits_would_overflow():
    x, h = np.full(50, -(2**31), "i4"), np.full(20, 2**31 - 1, "i4")
    np.testing.assert_array_equal(signal.convolve(x, h), np.convolve(x, h))


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
def test_layouts(name):
    for dtype in ("int16", "float64"):
        x, h = values((6, 5), dtype), values((2, 4), dtype, 1)
        expected = getattr(signal, name)(x, h, "same")
        for a, b in zip(layouts(x), layouts(h), strict=True):
            np.testing.assert_array_equal(getattr(signal, name)(a, b, "same"), expected)


@pytest.mark.parametrize(
    ("in1", "in2"),
    [
        (3, 4),
        (3, 4.5),
        (True, True),
        (1 + 2j, 3 - 1j),
        (2, 1j),
        (np.uint8(200), np.uint8(2)),
        (np.array(3), np.int8(4)),
    ],
)
@pytest.mark.parametrize("name", ONE_RANK)
def test_numbers(name, in1, in2):
    expected, got = both(scipy.signal, signal, name, in1, in2, "no mode", "no method")
    assert got == expected


@pytest.mark.parametrize("name", ONE_RANK)
def test_lists(name):
    check(name, np.array([3, 2, 1, 0]), np.array([1, 0, -1]))
    np.testing.assert_array_equal(
        getattr(signal, name)([3, 2, 1], (1, 2)), getattr(scipy.signal, name)([3, 2, 1], [1, 2])
    )


IMPULSE = np.array([0, 0, 0, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "positions"),
    [("convolve", [3, 4]), ("correlate", [3, 4]), ("convolve2d", [3, 4]), ("correlate2d", [2, 3])],
)
def test_centre_of_two_taps(name, positions):
    x, h = (IMPULSE, np.array([1, 2])) if name in ONE_RANK else (IMPULSE[None], np.array([[1, 2]]))
    assert list(np.flatnonzero(getattr(signal, name)(x, h, "same"))) == positions


def test_complex_correlation_with_inputs_swapped():
    small, large = np.array([[1, 2j]]), np.array([[1, 2, 3j]])
    np.testing.assert_array_equal(signal.correlate(small, large, "valid"), [[8, 1 + 4j]])
    np.testing.assert_array_equal(signal.correlate2d(small, large, "valid"), [[8, 1 - 4j]])  # SciPy conjugates in1 here
    np.testing.assert_array_equal(scipy.signal.correlate2d(small, large, "valid"), [[8, 1 - 4j]])


def test_every_method_is_exact_for_integers():
    """SciPy's FFT is not: it rounds."""
    x, h = values(50, "int64") << 15, values(20, "int64", 1)
    for method in ("auto", "direct", "fft"):
        np.testing.assert_array_equal(signal.convolve(x, h, method=method), np.convolve(x, h))
    flags, taps = values((20, 20), "bool"), values((5, 5), "bool", 1)
    logical = scipy.signal.convolve(flags.astype(int), taps.astype(int)) != 0
    np.testing.assert_array_equal(signal.convolve(flags, taps, method="fft"), logical)


def test_booleans_of_many_taps():
    """A sum of 256 ones is true, although it is zero in eight bits."""
    ones = np.ones(300, bool)
    result = signal.convolve(ones, ones)
    assert result.dtype == bool
    assert result.all()


def test_half_precision_of_any_rank():
    x, h = values((8, 8), "f2"), values((3, 3), "f2", 1)
    result = signal.convolve(x, h)
    assert result.dtype == np.float16
    np.testing.assert_array_equal(
        result, scipy.signal.convolve(x.astype("f4"), h.astype("f4"), method="direct").astype("f2")
    )


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
def test_large_results_that_fit_64_bits(name):
    """Each sum fits, although the largest sample times the sum of the taps would not."""
    x, h = np.array([[2**62, 2**62 - 1, 2**62 - 5]]), np.array([[1, -3, 2]])
    check(name, x, h, "valid")
    check(name, x.astype("u8"), h.astype("u8") % 2, "full")


@st.composite
def calls(draw):
    rank = draw(st.integers(1, 3))
    shapes = [tuple(draw(st.lists(st.integers(1, 6), min_size=rank, max_size=rank))) for _ in range(2)]
    dtypes = [draw(st.sampled_from(["int8", "uint8", "int16", "uint16", "int64"])) for _ in range(2)]
    return [values(*pair, draw(st.integers(0, 99))) for pair in zip(shapes, dtypes, strict=True)]


@given(calls(), st.sampled_from(MODES), st.sampled_from(["auto", "direct"]))
def test_integers_of_any_shape(arrays, mode, method):
    for name in ONE_RANK:
        check(name, *arrays, mode, method)


@given(calls(), st.sampled_from(MODES), st.sampled_from(["fill", "wrap", "symm"]), st.integers(0, 5))
def test_integers_of_any_shape_in_2d(arrays, mode, boundary, fill):
    x, h = (array.reshape(array.shape[0], -1) for array in arrays)
    for name in TWO_D:
        check(name, x, h, mode, boundary, fill)


@given(calls())
def test_full_convolution_commutes(arrays):
    x, h = arrays
    np.testing.assert_array_equal(signal.convolve(x, h), signal.convolve(h, x))
