"""gpuconv.ndimage against scipy.ndimage, call for call."""

import inspect
import itertools
import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from ndimage_agreement import ANY_RANK, LINES, MODES, SHAPES, SUPPORTED, SYNONYMS, check, values
from scipy_agreement import layouts

import gpuconv
from gpuconv import ndimage


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


IMPULSE = np.array([0, 0, 0, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "positions"),
    [("convolve", [2, 3]), ("convolve1d", [2, 3]), ("correlate", [3, 4]), ("correlate1d", [3, 4])],
)
def test_centre_of_two_taps(name, positions):
    assert list(np.flatnonzero(getattr(ndimage, name)(IMPULSE, [1, 2]))) == positions


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


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i4", "c16"])
@pytest.mark.parametrize("taps", [(5, 5), (4, 3), (1, 9), (9, 1), (13, 11), (3, 3, 3), (2, 1, 4)])
def test_the_cpu_backend_rounds_as_scipy(taps, dtype):
    for mode in MODES:
        x, w = values([12 + 5 * n for n in range(len(taps))], dtype, 1), values(taps, "f8", 2)
        for weights in (w, np.where(np.arange(w.size).reshape(w.shape) % 3, w, 0)):
            expected = scipy.ndimage.correlate(x, weights, mode=mode, cval=3)
            with gpuconv.backend("cpu"):
                np.testing.assert_array_equal(ndimage.correlate(x, weights, mode=mode, cval=3), expected)
