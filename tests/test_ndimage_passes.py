"""gpuconv.ndimage's filters of several passes against scipy.ndimage, call for call."""

import itertools

import numpy as np
import pytest
import scipy.ndimage
from ndimage_agreement import MODES, values
from scipy_agreement import assert_within, both, check_raises, unit

import gpuconv
from gpuconv import ndimage
from gpuconv.planning.bounds import gamma

TAPS = 200  # more than any filter here has in all its passes


def check(name, x, *args, **options):
    """The same dtype, shape and exception; integers equal, floats within the rounding of both sides."""
    expected, got = both(scipy.ndimage, ndimage, name, x, *args, **options)
    if isinstance(expected, Exception):
        return
    largest = np.abs(x.astype("c16" if x.dtype.kind == "c" else "f8")).max() + abs(options.get("cval", 0))
    error = 4 * response_norm(name, x.ndim, *args, **options) * largest
    if expected.dtype.kind in "biu":  # cut off: they may differ where the value is within rounding of a whole number
        exact = getattr(scipy.ndimage, name)(x, *args, **options | {"output": "f8"})
        near = np.abs(exact - np.rint(exact)) <= error * gamma(TAPS, unit("f8"))
        np.testing.assert_array_equal(got[~near], expected[~near])
        assert np.all(np.abs(got.astype("i8") - expected.astype("i8")) <= near)
        return
    precision = max(gamma(TAPS, unit("f8")), 8 * unit(expected.dtype))
    assert_within(got, expected, precision * error)


def response_norm(name, rank, *args, **options):
    """Sum of the magnitudes of the taps, with which every rounding error of a filter is weighed."""
    if rank == 0:
        return 1.0
    delta = np.zeros((2 * TAPS // rank**3 + 1,) * rank)
    delta[(len(delta) // 2,) * rank] = 1
    options = {key: value for key, value in options.items() if key not in ("mode", "cval", "output")}
    norm = np.abs(getattr(scipy.ndimage, name)(delta, *args, **options)).sum()
    return norm * (4 if "laplace" in name else 1)  # parts that cancel in the sum


FILTERS = [
    ("gaussian_filter1d", (1.3,), {}),
    ("gaussian_filter1d", (0.8, 0, 1), {"truncate": 3.0}),
    ("gaussian_filter1d", (2,), {"order": 3, "radius": 5}),
    ("gaussian_filter", (1.1,), {}),
    ("gaussian_filter", ((0.7, 2.0),), {"order": (0, 1), "radius": (2, 3)}),
    ("gaussian_filter", ((0, 1.5),), {"truncate": 2.5}),
    ("gaussian_filter", (0,), {}),
    ("gaussian_filter", (1.5,), {"axes": 1, "order": 2}),
    ("gaussian_filter", ((1.5, 0.5),), {"axes": (-1, 0)}),
    ("uniform_filter1d", (3,), {}),
    ("uniform_filter1d", (4, 0), {"origin": -2}),
    ("uniform_filter", (3,), {}),
    ("uniform_filter", ((4, 5),), {"origin": (1, -2)}),
    ("uniform_filter", ((1, 2),), {}),
    ("uniform_filter", (1,), {}),
    ("prewitt", (), {}),
    ("prewitt", (0,), {}),
    ("sobel", (), {}),
    ("sobel", (-2,), {}),
    ("laplace", (), {}),
    ("laplace", (), {"axes": (1,)}),
    ("gaussian_laplace", (1.2,), {}),
    ("gaussian_laplace", ((0.9, 2),), {"truncate": 3}),
    ("gaussian_laplace", (1.4,), {"axes": 0}),
    ("gaussian_gradient_magnitude", (1.2,), {}),
    ("gaussian_gradient_magnitude", ((0.5, 1.0),), {"axes": 1}),
]


@pytest.mark.parametrize(("name", "args", "options"), FILTERS)
@pytest.mark.parametrize("mode", [*MODES, ("reflect", "wrap")])
def test_modes(name, args, options, mode):
    if name.endswith("1d"):
        mode = "mirror" if mode == ("reflect", "wrap") else mode
    check(name, values((7, 9), "f8"), *args, **options, mode=mode, cval=2.5 if mode == "constant" else 0.0)


@pytest.mark.parametrize(("name", "args", "options"), FILTERS)
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "c8", "c16", "bool"])
def test_dtypes(name, args, options, dtype):
    x = values((6, 8), dtype)
    if name == "gaussian_gradient_magnitude" and dtype in ("u1", "i2", "i4", "bool"):
        x = x // 32 if dtype != "bool" else x  # squares that C still defines
    check(name, x, *args, **options)


@pytest.mark.parametrize(("name", "args", "options"), FILTERS)
def test_output(name, args, options):
    x = values((6, 8), "f4")
    for output in ("f8", np.dtype("i4"), np.float32):
        check(name, x, *args, **options, output=output)
    ours, theirs = np.empty((6, 8)), np.empty((6, 8))
    assert getattr(ndimage, name)(x, *args, **options, output=ours) is ours
    getattr(scipy.ndimage, name)(x, *args, **options, output=theirs)
    assert_within(ours, theirs, 4 * gamma(TAPS, unit("f4")) * response_norm(name, 2, *args, **options) * 100)


@pytest.mark.parametrize(
    ("name", "args"), [("gaussian_filter", (1,)), ("sobel", (1,)), ("laplace", ()), ("uniform_filter", ())]
)
@pytest.mark.parametrize("shape", [(), (5,), (1, 1), (3, 4, 5), (0, 3)])
def test_ranks(name, args, shape):
    check(name, values(shape, "f8"), *args) if np.prod(shape) else both(scipy.ndimage, ndimage, name, np.ones(shape))


def test_generic_functions_are_given_what_scipy_gives():
    def derivative(x, axis, output, mode, cval, factor, plus=0):
        result = scipy.ndimage.correlate1d(x, [1, -2, 1], axis, output, mode, cval)
        result *= factor + plus
        return result

    x = values((5, 6), "f8")
    for name in ("generic_laplace", "generic_gradient_magnitude"):
        for axes, mode in itertools.product((None, (0,), ()), ("reflect", "wrap")):
            arguments = (x, derivative, None, mode, 0.0, (3.0,), {"plus": 1.0})
            expected, got = both(scipy.ndimage, ndimage, name, *arguments, axes=axes)
            np.testing.assert_allclose(got, expected, rtol=1e-15)


@pytest.mark.parametrize("name", ["gaussian_filter", "sobel", "laplace", "uniform_filter"])
def test_every_backend(backend, name):
    x = values((40, 37), "f4")
    args = (1.5,) if name == "gaussian_filter" else ()
    with gpuconv.backend(backend):
        check(name, x, *args, mode="mirror")


def test_volumes_on_every_backend(backend):
    """Kernels filter two axes at a time."""
    x = values((6, 9, 7), "f4")
    with gpuconv.backend(backend):
        check("gaussian_filter", x, (0.8, 1.2, 0.5), mode="wrap")
        check("sobel", x, 1)


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("gaussian_filter1d", (1,), {"order": -1}),
        ("gaussian_filter1d", (1,), {"radius": -1}),
        ("gaussian_filter1d", (1,), {"radius": 1.5}),
        ("gaussian_filter", ((1, 2, 3),), {}),
        ("gaussian_filter", (1,), {"mode": ("reflect",)}),
        ("gaussian_filter", (1,), {"mode": "bogus"}),
        ("gaussian_filter", (1,), {"axes": (0, 0)}),
        ("gaussian_filter", (1,), {"axes": 2}),
        ("uniform_filter1d", (0,), {}),
        ("uniform_filter1d", (3,), {"origin": 2}),
        ("uniform_filter1d", (3,), {"axis": 2}),
        ("uniform_filter", ((3, 4, 5),), {}),
        ("sobel", (5,), {}),
        ("laplace", (), {"mode": ("reflect",)}),
        ("laplace", (np.zeros(3),), {}),
    ],
)
def test_refusals(name, args, options):
    check_raises(scipy.ndimage, ndimage, name, values((4, 5), "f8"), *args, **options)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("size", [1, 3, 7, 10, 49, 1000, 4096, 4097])
def test_means_of_integers_are_cut_off_exactly(size, dtype):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(size)
    for low, high in ((info.min, info.max), (info.max - 1, info.max), (info.min, info.min + 1), (0, 2)):
        x = rng.integers(low, high, 5000, dtype, endpoint=True)
        x[100:2100] = high  # whole means
        sums = np.convolve(np.pad(x.astype("i8"), (size // 2, size - 1 - size // 2), "symmetric"), np.ones(size, "i8"))
        exact = sums[size - 1 : size - 1 + len(x)]
        expected = (np.sign(exact) * (np.abs(exact) // size)).astype(dtype)
        np.testing.assert_array_equal(ndimage.uniform_filter1d(x, size), expected)
