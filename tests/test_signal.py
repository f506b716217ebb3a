"""gpuconv.signal against scipy.signal, call for call."""

import inspect
import itertools
import math

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from scipy_agreement import (
    DTYPES,
    assert_within,
    both,
    check_raises,
    cupy_or_skip,
    layouts,
    sum_bound,
    torch_or_skip,
    unit,
)

import gpuconv
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


FILLS = [1, -2, 1.7, 2.5, True, np.float32(2), [1], [[2]], 1 + 2j, 1j, math.nan, math.inf, 300, 2**40, [1, 2], []]


@pytest.mark.parametrize("name", TWO_D)
@pytest.mark.parametrize("fill", FILLS, ids=repr)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "complex128"])
def test_fillvalue(name, fill, dtype):
    x, h = np.arange(6).reshape(2, 3).astype(dtype), np.arange(1, 7).reshape(3, 2).astype(dtype)
    for boundary, mode in itertools.product(["fill", "wrap"], MODES[:2]):
        expected, got = both(scipy.signal, signal, name, x, h, mode, boundary, fill)
        if not isinstance(expected, Exception):  # small whole numbers: exact in floating point, too
            np.testing.assert_allclose(got, expected, rtol=8 * unit("f8"))


def test_complex_correlation_with_inputs_swapped():
    small, large = np.array([[1, 2j]]), np.array([[1, 2, 3j]])
    np.testing.assert_array_equal(signal.correlate(small, large, "valid"), [[8, 1 + 4j]])
    np.testing.assert_array_equal(signal.correlate2d(small, large, "valid"), [[8, 1 - 4j]])  # SciPy conjugates in1 here
    np.testing.assert_array_equal(scipy.signal.correlate2d(small, large, "valid"), [[8, 1 - 4j]])


ROW, TABLE = [1, 2, 3], [[1, 2], [3, 4]]


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
        (TABLE, TABLE, "full", "fill", object()),
        (np.ones((0, 0)), np.ones((0, 0))),
    ],
    ids=repr,
)
def test_refusals_in_2d(name, arguments):
    check_raises(scipy.signal, signal, name, *arguments)


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
def test_an_overflow_of_64_bits_raises(name):
    for x in (np.full((2, 2), 2**62), np.array([[2**62, 2**62], [-(2**62), 1]]), np.full((2, 2), 2**63, "u8")):
        with pytest.raises(OverflowError, match=r"must fit u?int64"):
            getattr(signal, name)(x, np.full((2, 2), 2, x.dtype))


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
def test_large_results_that_fit_64_bits(name):
    """Each sum fits, although the largest sample times the sum of the taps would not."""
    x, h = np.array([[2**62, 2**62 - 1, 2**62 - 5]]), np.array([[1, -3, 2]])
    check(name, x, h, "valid")
    check(name, x.astype("u8"), h.astype("u8") % 2, "full")


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


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("mode", MODES)
def test_every_backend(backend, name, mode):
    """The same values within both bounds, wherever they are computed."""
    with gpuconv.backend(backend):
        for dtype, shapes in itertools.product(("float32", "float64"), (((9, 20), (3, 4)), ((3, 4), (9, 20)))):
            check(name, values(shapes[0], dtype), values(shapes[1], dtype, 1), mode)
        assert gpuconv.backends.last_used() == backend


def test_backend_is_chosen_outside():
    with gpuconv.backend("numpy"):
        signal.convolve(ROW, ROW)
    with pytest.raises(TypeError):
        signal.convolve(ROW, ROW, backend="numpy")


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "complex64"])
def test_tensors(name, dtype):
    torch = torch_or_skip()
    if name in TWO_D and dtype == "float16":
        dtype = "float64"
    x, h = values((6, 5), dtype), values((2, 3), dtype, 1)
    for a, b, mode in [(x, h, "same"), (h, x, "full"), (h, x, "valid")]:
        result = getattr(signal, name)(torch.from_numpy(a), torch.from_numpy(b), mode)
        assert isinstance(result, torch.Tensor)
        np.testing.assert_array_equal(result.numpy(), getattr(signal, name)(a, b, mode))
    assert isinstance(getattr(signal, name)(h, torch.from_numpy(x)), np.ndarray)  # in1 decides


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float64"])
def test_device_arrays(name, dtype):
    """Results stay on the device, whichever input is there."""
    cupy = cupy_or_skip()
    x, h = values((6, 5), dtype), values((2, 3), dtype, 1)
    x, h = (x, h) if dtype != "float64" else (np.rint(x), np.rint(h))  # exact in any order
    there_x, there_h = cupy.asarray(x), cupy.asarray(h)
    for in1, in2, arrays, mode in [
        (x, h, (there_x, there_h), "same"),
        (x, h, (there_x, h), "same"),
        (h, x, (there_h, there_x), "full"),
        (h, x, (there_h, there_x), "valid"),
        (h, x, (h, there_x), "valid"),
    ]:
        result = getattr(signal, name)(*arrays, mode)
        assert isinstance(result, cupy.ndarray)
        np.testing.assert_array_equal(cupy.asnumpy(result), getattr(scipy.signal, name)(in1, in2, mode))


def test_tensors_that_are_numbers_or_flags():
    torch = torch_or_skip()
    assert signal.correlate(torch.tensor(2.0), torch.tensor(3.0)) == torch.tensor(6.0)
    assert signal.correlate(torch.tensor(1j), torch.tensor(1j)) == torch.tensor(1 + 0j)
    assert signal.convolve(torch.tensor([True, False]), torch.tensor([True])).dtype == torch.bool
    with pytest.raises(TypeError, match="gradient"):
        signal.convolve(torch.ones(3, requires_grad=True), torch.ones(2))


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
