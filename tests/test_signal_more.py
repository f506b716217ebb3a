"""gpuconv.signal's fftconvolve, oaconvolve, upfirdn, savgol_filter, sepfir2d and their kin against scipy.signal."""

import itertools

import numpy as np
import pytest
import scipy.signal
from scipy_agreement import DTYPES, assert_within, both, check_raises, unit
from signal_agreement import MODES, values

import gpuconv
from gpuconv import signal
from gpuconv.planning.bounds import gamma

SHAPES = [  # in1, in2, axes
    ((7,), (3,), None),
    ((3,), (6,), None),
    ((5, 4), (2, 3), None),
    ((5, 4), (5, 3), 1),
    ((1, 4), (5, 3), (1,)),
    ((5, 4), (1, 3), -1),
    ((4, 3, 5), (4, 2, 1), (1, 2)),
    ((3, 1), (1, 4), None),
    ((2, 3, 4), (2, 3, 4), (0, 2)),
]


def check(name, x, h, *args, **options):
    """The same dtype, shape and exception; floats within the errors of both sides, SciPy's by an FFT."""
    expected, got = both(scipy.signal, signal, name, x, h, *args, **options)
    if isinstance(expected, Exception):
        return
    norms = [np.linalg.norm(np.abs(np.asarray(a).astype("c16" if np.iscomplexobj(a) else "f8"))) for a in (x, h)]
    allowed = 20 * gamma(x.size + h.size, max(map(transformed, (x, h)))) * norms[0] * norms[1]
    assert_within(got, expected, np.full(expected.shape, allowed))


def transformed(array):
    """Unit roundoff of the FFT that SciPy takes of an input, in its own precision."""
    return unit({"float16": "f4"}.get(array.dtype.name, array.dtype)) if array.dtype.kind in "fc" else unit("f8")


@pytest.mark.parametrize(("first", "second", "axes"), SHAPES)
@pytest.mark.parametrize("mode", MODES)
def test_fftconvolve_shapes(first, second, axes, mode):
    for name in ("fftconvolve", "oaconvolve"):
        check(name, values(first, "f8"), values(second, "f8", 1), mode=mode, axes=axes)


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.product([d for d in DTYPES if "64" not in d or d[0] in "fc"], ["float32", "int16", "complex64"])),
)
def test_fftconvolve_dtypes(first, second):
    check("fftconvolve", values((6,), first), values((3,), second, 1))


@pytest.mark.parametrize("name", ["fftconvolve", "oaconvolve"])
def test_fftconvolve_corners_and_refusals(name):
    both(scipy.signal, signal, name, np.zeros((0,)), np.ones(3))
    assert getattr(signal, name)(3.0, 4.0) == 12
    for args in (
        (np.ones((2, 3)), np.ones(3)),
        (np.ones((2, 3)), np.ones((3, 3)), "full", 1),
        (np.ones(3), np.ones(2), "bogus"),
        (np.ones((5, 2)), np.ones((3, 4)), "valid"),
        (np.ones((5, 2)), np.ones((3, 2)), "full", ()),
        (np.ones((5, 2)), np.ones((3, 2)), "full", (0, 0)),
        (np.ones((5, 2)), np.ones((3, 2)), "full", 2),
        (np.ones((5, 2)), np.ones((3, 2)), "full", 0.5),
    ):
        check_raises(scipy.signal, signal, name, *args)


@pytest.mark.parametrize(("n", "k", "mode"), list(itertools.product((1, 4, 7), (1, 3, 8), MODES)))
def test_correlation_lags(n, k, mode):
    np.testing.assert_array_equal(signal.correlation_lags(n, k, mode), scipy.signal.correlation_lags(n, k, mode))


def test_choose_conv_method():
    assert signal.choose_conv_method(np.ones(50), np.ones(3)) == "direct"
    assert signal.choose_conv_method(np.ones(50, int), np.ones(3, int)) == "direct"
    method, times = signal.choose_conv_method(np.ones(50), np.ones(3), measure=True)
    assert times[method] == min(times.values())
    assert set(times) == {"fft", "direct"}
    check_raises(scipy.signal, signal, "choose_conv_method", np.ones(50), np.ones(3), "bogus")


UPFIRDN = ["constant", "symmetric", "reflect", "edge", "wrap", "smooth", "antisymmetric", "antireflect", "line"]


@pytest.mark.parametrize("mode", UPFIRDN)
@pytest.mark.parametrize(("up", "down"), [(1, 1), (3, 1), (1, 3), (2, 3), (4, 6), (5, 2)])
def test_upfirdn(mode, up, down):
    for taps, samples in itertools.product((1, 2, 5, 9), (2, 3, 7)):
        h, x = values((taps,), "f8"), values((2, samples), "f8", 1)
        expected = scipy.signal.upfirdn(h, x, up, down, mode=mode, cval=1.5)
        got = signal.upfirdn(h, x, up, down, mode=mode, cval=1.5)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        largest = np.abs(x).max() * 8 * samples + 1.5  # what the continued slopes reach
        assert_within(got, expected, np.full(got.shape, 2 * gamma(taps + 6, unit("f8")) * np.abs(h).sum() * largest))


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.product(["i2", "i4", "f4", "f8", "c8"], ["i4", "f4", "c16"]))
)
def test_upfirdn_dtypes_and_axes(first, second):
    h, x = values((5,), second), values((6, 2), first, 1)
    expected, got = both(scipy.signal, signal, "upfirdn", h, x, 3, 2, axis=0)
    norm = np.abs(h).sum() * np.abs(x.astype("c16")).max()
    assert_within(got, expected, np.full(got.shape, 4 * gamma(9, unit(got.dtype)) * norm))


def test_upfirdn_refusals():
    for args in (
        ([], [1.0]),
        (np.ones((2, 2)), [1.0]),
        ([1.0], [1.0], 0),
        ([1.0], [1.0], 1, 0),
        ([1.0], [1.0, 2], 1, 1, 3),
    ):
        check_raises(scipy.signal, signal, "upfirdn", *args)
    with pytest.raises(ValueError, match="mode must be one of constant"):
        signal.upfirdn([1.0], [1.0], mode="bogus")


SAVGOL = [
    ((5, 2), {}),
    ((6, 3), {"mode": "nearest"}),
    ((7, 3), {"deriv": 1, "delta": 0.5}),
    ((5, 4), {"deriv": 2, "axis": 0}),
    ((5, 1), {"deriv": 2}),
    ((4, 2), {}),
    ((1, 0), {}),
]


@pytest.mark.parametrize(("args", "options"), SAVGOL)
@pytest.mark.parametrize("mode", ["interp", "mirror", "constant", "nearest", "wrap"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_savgol_filter(args, options, mode, dtype):
    """SciPy's own weights and edge fits are rounded, too, by the condition of their least squares: up to 1e4 here."""
    x = values((8, 9), dtype).astype(dtype)
    options = {"mode": mode} | options
    expected, got = both(scipy.signal, signal, "savgol_filter", x, *args, **options)
    scale = np.abs(x.astype("f8")).max() * args[0] / options.get("delta", 1) ** options.get("deriv", 0)
    assert_within(got, expected, np.full(got.shape, 1e4 * unit(expected.dtype) * scale))


def test_savgol_refusals():
    for args, options in (((5, 5), {}), ((11, 2), {}), ((5, 2), {"mode": "bogus"}), ((5, 2), {"axis": 2})):
        check_raises(scipy.signal, signal, "savgol_filter", np.ones(9), *args, **options)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize(("row", "column"), [(1, 1), (3, 5), (7, 1)])
def test_sepfir2d(dtype, row, column):
    x = values((9, 8), dtype)
    h, c = values((row,), "f8", 1).astype(dtype), values((column,), "f8", 2).astype(dtype)
    expected, got = both(scipy.signal, signal, "sepfir2d", x, h, c)
    norm = np.abs(h).sum() * np.abs(c).sum() * np.abs(x).max()
    assert_within(got, expected, np.full(got.shape, 4 * gamma(row + column + 4, unit(dtype)) * norm))


def test_sepfir2d_refusals():
    for args in ((np.ones(5), np.ones(3), np.ones(3)), (np.ones((5, 5)), np.ones(2), np.ones(3))):
        check_raises(scipy.signal, signal, "sepfir2d", *args)


def test_every_backend(backend):
    x, h = values((300,), "f4"), values((31,), "f4", 1)
    with gpuconv.backend(backend):
        check("fftconvolve", x, h)
        expected, got = both(scipy.signal, signal, "upfirdn", h, x, 3, 2)
        norm = np.abs(h).sum() * np.abs(x).max()
        assert_within(got, expected, np.full(got.shape, 2 * gamma(40, unit("f4")) * norm))
