"""gpuconv.ndimage against scipy.ndimage, call for call."""

import inspect
import itertools
import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from scipy_agreement import (
    DTYPES,
    SAME_ROUNDING,
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


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (ndimage, scipy.ndimage))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


def origins(taps):
    """The extreme origins and zero."""
    return sorted({-(min(taps) // 2), 0, (min(taps) - 1) // 2})


@pytest.mark.parametrize("name", ANY_RANK)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", SUPPORTED)
def test_any_rank(name, mode, dtype):
    for (shape, taps), weights_dtype in itertools.product(SHAPES, ("int64", "float64", "complex64")):
        x, w = values(shape, dtype), values(taps, weights_dtype, 1)
        for origin in origins(taps):
            check(name, x, w, mode=mode, cval=1.5, origin=origin)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", SUPPORTED)
def test_lines(name, mode, dtype):
    for shape, taps, weights_dtype in itertools.product(
        [(7,), (3, 5)], (1, 2, 5, 12), ("int64", "float64", "complex64")
    ):
        x, w = values(shape, dtype), values(taps, weights_dtype, 1)
        for axis, origin in itertools.product(range(-1, len(shape) - 1), origins((taps,))):
            check(name, x, w, axis=axis, mode=mode, cval=1.5, origin=origin)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("mode", SYNONYMS)
def test_grid_modes(name, mode):
    for (shape, taps), dtype in itertools.product(SHAPES, ("uint8", "float64")):
        weights = values(taps if name in ANY_RANK else taps[:1], "f8", 1)
        check(name, values(shape, dtype), weights, mode=mode, cval=1.5)


OUTPUTS = [np.dtype(dtype) for dtype in DTYPES] + [
    "float32",
    "f4",
    "bool",
    "U1",
    "complex64",
    "zz",
    ">i2",
    float,
    int,
    bool,
    object,
    list,
    np.uint8,
]


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64", "complex64"])
@pytest.mark.parametrize("output", OUTPUTS, ids=repr)
def test_outputs(name, dtype, output):
    x, w = values((4, 5), dtype), values((3,) * (2 if name in ANY_RANK else 1), "f8", 1)
    check(name, x, w, output=output)


def test_promoting_an_output_dtype_warns_in_the_callers_line():
    with pytest.warns(UserWarning, match="promoting specified output dtype to complex") as warned:
        ndimage.convolve(X, ONES * 1j, output=float)
    assert [warning.filename for warning in warned] == [__file__]


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", [*SUPPORTED, ">f4", ">i8"])
def test_output_arrays(name, dtype):
    x, w = (
        values((4, 5), "c16" if np.dtype(dtype).kind == "c" else "f4"),
        values((3,) * (2 if name in ANY_RANK else 1), "f8", 1),
    )
    expected, output = np.zeros((4, 5), dtype), np.zeros((4, 5), dtype)
    getattr(scipy.ndimage, name)(x, w, output=expected)
    assert getattr(ndimage, name)(x, w, output=output) is output
    check(name, x, w, output=np.dtype(dtype))
    strided = np.zeros((8, 10), dtype)[::2, ::-2]
    assert getattr(ndimage, name)(x, w, output=strided) is strided
    np.testing.assert_array_equal(strided, output)
    assert np.any(output)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "bool", "float32", "complex128"])
def test_output_may_be_the_input(name, dtype):
    x, w = values((6, 7), dtype), values((3,) * (2 if name in ANY_RANK else 1), "f8", 1)
    expected = getattr(ndimage, name)(x, w)
    shifted = np.concatenate([x, x[:1]])
    assert getattr(ndimage, name)(x, w, output=x) is x
    np.testing.assert_array_equal(x, expected)
    getattr(ndimage, name)(shifted[:-1], w, output=shifted[1:])
    np.testing.assert_array_equal(shifted[1:], expected)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_layouts(name):
    for dtype in ("uint16", "float32"):
        x, w = values((6, 5), dtype), values((2, 3) if name in ANY_RANK else (3,), "f8", 1)
        expected = getattr(ndimage, name)(x, w)
        for a, b in zip(layouts(x), layouts(w), strict=True):
            result = getattr(ndimage, name)(a, b)
            np.testing.assert_array_equal(result, expected)
            assert result.dtype.isnative


@pytest.mark.parametrize("name", ANY_RANK)
@pytest.mark.parametrize(
    ("axes", "taps", "origin"),
    [
        (0, (3,), 1),
        ((1,), (2,), -1),
        ((-1,), (3,), 0),
        ((0, 2), (2, 3), (0, 1)),
        ((2, 0), (2, 3), (1, 0)),
        ([1, 2], (3, 2), [1, -1]),
        ((2, 1, 0), (3, 2, 1), (1, -1, 0)),
        ((0, 1, 2), (3, 2, 1), (1, -1, 0)),
        (np.array([0, 1]), (3, 3), np.array([1, -1])),
        ((), (), 0),
        (None, (1, 2, 3), (0, -1, 1)),
    ],
)
def test_axes(name, axes, taps, origin):
    origin = origin if name == "correlate" else np.multiply(origin, -1) - (np.array(taps) % 2 == 0)
    origin = origin if np.ndim(origin) == np.ndim(axes) or axes is None else int(np.min(origin, initial=0))
    for dtype, weights_dtype in itertools.product(("uint8", "float64"), ("float64", "complex128")):
        check(name, values((4, 3, 5), dtype), np.asarray(values(taps, weights_dtype, 1)), axes=axes, origin=origin)


@pytest.mark.parametrize("name", ANY_RANK)
def test_numbers(name):
    for x, w, output in [(3.0, 2.0, None), (3, 2.6, None), (3.0, 2j, None), (3.0, 2.0, "f4"), (True, 0.5, None)]:
        expected, got = both(scipy.ndimage, ndimage, name, x, w, output=output)
        assert got == expected
    target = np.zeros(())
    assert getattr(ndimage, name)(3.0, 2.0, output=target) is target
    assert target == 6


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_empty_images(name):
    for shape, output in itertools.product([(0,), (0, 3), (3, 0), (2, 0, 3)], [None, "f4", bool]):
        rank = len(shape) if name in ANY_RANK else 1
        both(scipy.ndimage, ndimage, name, np.ones(shape), np.ones((3,) * rank), output=output)
        target = np.ones(shape)
        assert getattr(ndimage, name)(np.ones(shape), np.ones((3,) * rank), output=target) is target


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize(
    "weights",
    [
        [1, math.nan, 1],
        [math.nan, 1, 1],
        [1, 1, math.nan],
        [0, 1, 0],
        [1e-17, 1, -1e-17],
        [1e-16, 2e-16, 3e-16],
        [0.0, 0.0, 0.0],
        [1, 2, 1 + 2e-16],
        [-1, 3, 1 + 2e-16],
        [math.inf, 1, 1],
        [1e-17 + 1j, 1, math.nan * 1j],
    ],
    ids=repr,
)
def test_tiny_infinite_and_nan_taps(name, weights):
    x = np.array([1.0, 2.0, math.nan, 4.0, 5.0, 6.0, math.inf, 8.0, 9.0, 7.0])
    for image in (np.arange(10.0), x):
        if not (np.iscomplexobj(weights) and image is x):  # there nan and inf spread to both parts of the result
            check(name, image, np.array(weights))


def test_zero_taps_do_not_spread_nan():
    x = np.array([0.0, 0.0, math.nan, 0.0])
    np.testing.assert_array_equal(ndimage.correlate(x, [1, 0, 0], mode="constant"), [0, 0, 0, math.nan])
    np.testing.assert_array_equal(ndimage.correlate1d(x, [1, 0, 0], mode="constant"), [0, math.nan, math.nan, math.nan])
    np.testing.assert_array_equal(ndimage.correlate(np.ones(3), [1, math.nan, 1]), [2, 2, 2])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_conversion_to_integers(name, dtype):
    """Cut off, then wrapped as far as C defines it."""
    x = np.array(
        [-0.5, 0.5, 2.5, 255.9, 256.0, -1.0, -1.5, -200.7, -300.2, 70000.7, -70000.7, 2.0**31 - 0.5, -(2.0**31)]
    )
    np.testing.assert_array_equal(
        getattr(ndimage, name)(x, [1.0], output=np.dtype(dtype)),
        getattr(scipy.ndimage, name)(x, [1.0], output=np.dtype(dtype)),
    )
    wide = np.array([2.0**53 + 2, 2.0**62, 2.0**63 - 1024])
    if np.dtype(dtype).itemsize == 8:
        np.testing.assert_array_equal(getattr(ndimage, name)(wide, [1.0], output=np.dtype(dtype)), wide.astype(dtype))


def test_conversion_that_c_leaves_open():
    x = np.array([math.nan, math.inf, -math.inf, 2.0**32 + 7])
    np.testing.assert_array_equal(ndimage.correlate(x, [1.0], output="i4"), [0, 2**31 - 1, -(2**31), 7])


def test_uint8_is_cut_off():
    np.testing.assert_array_equal(ndimage.correlate(np.full(3, 200, "u1"), [3]), np.full(3, 88, "u1"))


IMPULSE = np.array([0, 0, 0, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "positions"),
    [("convolve", [2, 3]), ("convolve1d", [2, 3]), ("correlate", [3, 4]), ("correlate1d", [3, 4])],
)
def test_centre_of_two_taps(name, positions):
    assert list(np.flatnonzero(getattr(ndimage, name)(IMPULSE, [1, 2]))) == positions


NUMBERS = [1, True, np.float32(3), np.array(2), math.nan, 2**70, 1j, "a", "3", None, [1], np.array([2]), [1, 2]]


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("cval", NUMBERS, ids=repr)
@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_cval(name, cval, mode):
    taps = (3, 3) if name in ANY_RANK else (3,)
    for dtype, weights_dtype in [("f8", "f8"), ("f8", "c16"), ("c16", "f8")]:
        if dtype == "c16" and isinstance(cval, str):
            continue  # SciPy takes real and imaginary parts of text there
        expected, got = both(
            scipy.ndimage, ndimage, name, values((3, 4), dtype), values(taps, weights_dtype, 1), mode=mode, cval=cval
        )
        if not isinstance(expected, Exception) and not np.iscomplexobj(expected):
            np.testing.assert_allclose(got, expected, rtol=0, atol=np.nanmax(np.abs(expected)) * 1e-13)


X = np.arange(12.0).reshape(3, 4)
ONES = np.ones((3, 3))


@pytest.mark.parametrize("name", ANY_RANK)
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((X, [1, 2]), {}),
        ((X, 3), {}),
        ((X, []), {}),
        ((X, [[]]), {}),
        ((X, np.ones((0, 3))), {}),
        ((X, np.ones((2, 2, 2))), {}),
        ((X, "a"), {}),
        ((X, None), {}),
        ((3.0, [1.0]), {}),
        *(((X.astype(dtype), ONES), {}) for dtype in ("f2", "g", "G", "O", "M8[s]")),
        ((X.astype("f2"), ONES * 1j), {}),
        *(((X, ONES), {"output": output}) for output in ("U1", "?", "zz", "f2", "c8", object, list, str, "O")),
        *(
            ((X, ONES), {"output": output})
            for output in (5, [0] * 4, np.zeros((4, 3)), np.zeros((3, 4), "c8"), np.zeros((3, 4), "f2"))
        ),
        ((X + 1j, ONES), {"output": "f8"}),
        ((X + 1j, ONES), {"output": np.zeros((3, 4))}),
        ((X, ONES * 1j), {"output": np.zeros((3, 4))}),
        *(((X, ONES), {"mode": mode}) for mode in ("zz", "symmetric", None, 3, ["reflect", "wrap"], ("wrap",), [])),
        *(
            ((X, ONES), {"origin": origin})
            for origin in (2, -2, 1.0, "a", None, [1], [0, 0, 0], [1.0, 0], [], 10**30, (0, 2))
        ),
        *(((X, np.ones((2, 2))), {"origin": origin}) for origin in (2, -2)),
        *(((X, ONES), {"axes": axes}) for axes in (0, (0, 0), (2, 0), 1.0, "a", (), (0.5, 1), (0, 1, 2))),
        ((X, np.ones(3)), {"axes": (2,)}),
        ((X, np.ones(3)), {"axes": 1, "origin": (0, 0)}),
    ],
    ids=repr,
)
def test_refusals(name, arguments, options):
    check_raises(scipy.ndimage, ndimage, name, *arguments, **options)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((X, []), {}),
        ((X, [[1]]), {}),
        ((X, np.ones((0, 3))), {}),
        ((3.0, [1.0]), {}),
        *(((X.astype(dtype), [1.0]), {}) for dtype in ("f2", "g", "G", "O", "M8[s]")),
        *(
            ((X, [1.0]), {"output": output})
            for output in ("?", "zz", "f2", "c8", object, 5, np.zeros((4, 3)), np.zeros((3, 4), "c8"))
        ),
        ((X + 1j, [1.0]), {"output": "f8"}),
        *(((X, [1.0]), {"mode": mode}) for mode in ("zz", None, ["reflect", "wrap"], [])),
        *(((X, [1.0, 2.0, 3.0]), {"origin": origin}) for origin in (2, -2, 1.0, "a", None, [1], (0, 0), 10**30)),
        *(((X, [1.0, 2.0]), {"origin": origin}) for origin in (2, -2)),
        *(((X, [1.0]), {"axis": axis}) for axis in (2, -3, 1.0, None, "a", (0,))),
    ],
    ids=repr,
)
def test_refusals_of_lines(name, arguments, options):
    check_raises(scipy.ndimage, ndimage, name, *arguments, **options)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_read_only_output(name):
    output = np.zeros((3, 4))
    output.flags.writeable = False
    check_raises(scipy.ndimage, ndimage, name, X, ONES if name in ANY_RANK else [1.0], output=output)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_masked_arrays(name):
    with pytest.raises(TypeError, match="masked"):
        getattr(ndimage, name)(np.ma.array(X), ONES if name in ANY_RANK else [1.0])


def test_unknown_mode_suggests_the_nearest():
    with pytest.raises(RuntimeError, match=r"mode must be one of .*did you mean 'reflect'"):
        ndimage.convolve(X, ONES, mode="reflecting")


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_every_backend(backend, name, dtype):
    """Integer weights and values small enough to be exact wherever they are computed."""
    x, taps = values((9, 20), dtype), (3, 4) if name in ANY_RANK else (4,)
    x = x if x.dtype.kind in "iu" else np.rint(x).astype(dtype)
    with gpuconv.backend(backend):
        for mode in ("reflect", "constant", "wrap"):
            try:
                result = getattr(ndimage, name)(x, values(taps, "i8", 1), mode=mode)
            except gpuconv.UnsupportedProblemError as refusal:
                pytest.skip(str(refusal))
            np.testing.assert_array_equal(result, getattr(scipy.ndimage, name)(x, values(taps, "i8", 1), mode=mode))
        assert gpuconv.backends.last_used() == backend


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "complex64"])
def test_tensors(name, dtype):
    torch = torch_or_skip()
    x, w = values((6, 5), dtype), values((2, 3) if name in ANY_RANK else (3,), "f8", 1)
    tensor = torch.from_numpy(x)
    result = getattr(ndimage, name)(tensor, torch.from_numpy(w), mode="mirror")
    assert isinstance(result, torch.Tensor)
    np.testing.assert_array_equal(result.numpy(), getattr(ndimage, name)(x, w, mode="mirror"))
    assert getattr(ndimage, name)(tensor, w.tolist(), output=tensor, mode="mirror") is tensor
    np.testing.assert_array_equal(tensor.numpy(), result.numpy())
    if dtype != "complex64":
        assert getattr(ndimage, name)(x, w, output=torch.float64).dtype == np.float64
        assert getattr(ndimage, name)(tensor, w, output=torch.float64).dtype == torch.float64
        assert getattr(ndimage, name)(tensor, w, output=bool).dtype == torch.bool


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_device_arrays(name, dtype):
    """Results stay on the device; the weights may be on either side."""
    cupy = cupy_or_skip()
    x, w = values((6, 5), dtype), values((2, 3) if name in ANY_RANK else (3,), "i8", 1)
    x = np.rint(x) if x.dtype.kind == "f" else x  # exact in any order
    expected, output = getattr(scipy.ndimage, name)(x, w), cupy.empty((6, 5), dtype)
    for weights in (w, cupy.asarray(w)):
        result = getattr(ndimage, name)(cupy.asarray(x), weights)
        assert isinstance(result, cupy.ndarray)
        np.testing.assert_array_equal(cupy.asnumpy(result), expected)
        assert getattr(ndimage, name)(cupy.asarray(x), weights, output=output) is output
        np.testing.assert_array_equal(cupy.asnumpy(output), expected)


@st.composite
def calls(draw):
    rank = draw(st.integers(1, 3))
    sizes = st.lists(st.integers(1, 5), min_size=rank, max_size=rank)
    taps = draw(sizes)
    origin = [draw(st.integers(-((n - 1) // 2), (n - 1) // 2)) for n in taps]  # allowed in both directions
    dtype, weights_dtype = draw(st.sampled_from(SUPPORTED)), draw(st.sampled_from(["i4", "f4", "f8"]))
    x, w = values(draw(sizes), dtype, draw(st.integers(0, 99))), values(taps, weights_dtype, draw(st.integers(0, 99)))
    return x, w, {"mode": draw(st.sampled_from(MODES + SYNONYMS)), "cval": draw(st.integers(0, 3)), "origin": origin}


@given(calls(), st.sampled_from(ANY_RANK))
def test_any_call(call, name):
    x, w, options = call
    check(name, x, w, **options)


@given(calls(), st.sampled_from(LINES))
def test_any_call_of_lines(call, name):
    x, w, options = call
    check(name, x, w[(0,) * (w.ndim - 1)], **options | {"origin": options["origin"][-1]})
