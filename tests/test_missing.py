"""Missing values: nan=, mask=, normalize= and preserve_nan= of the core."""

import numpy as np
import pytest
from agreement import random
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from missing_agreement import check_normalised

import gpuconv
from gpuconv.arrays import Adopted, DeviceView
from gpuconv.engine import prepare
from gpuconv.missing import task, weight_sums
from gpuconv.planning.bounds import gamma

NAN = np.nan
BOUNDARIES = ["zero", "constant", "edge", "symmetric", "mirror", "wrap"]
POSITIVE = np.random.default_rng(1).uniform(0.5, 2, (4, 3))
SIGNED = np.array([[-1.0, 2, 1], [3, 4, 0], [-1, 2, 1]])


def holed(shape, dtype="f8", part=0.3, seed=0):
    """Numbers, some of them NaN, and a hole that the window fits in."""
    x = random(shape, dtype, seed)
    x[np.random.default_rng(seed + 7).random(shape) < part] = NAN
    x[..., 4:11, 5:10] = NAN
    return x


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_normalised_is_the_formula(backend, boundary):
    options = {"fill": 2.5} if boundary == "constant" else {}
    check_normalised("convolve", holed((17, 19), "f4"), POSITIVE, boundary=boundary, backend=backend, **options)


@pytest.mark.parametrize(
    ("kind", "shape", "weights", "options"),
    [
        ("correlate", (17, 19), POSITIVE, {"size": "full", "boundary": "mirror"}),
        ("correlate", (17, 19), POSITIVE.astype("i2"), {"size": "valid"}),
        ("convolve", (17, 19), SIGNED, {"boundary": "edge", "origin": (1, -1)}),
        ("convolve", (2, 17, 19), POSITIVE, {"stride": (2, 3), "dilation": (1, 2), "boundary": "symmetric"}),
        ("convolve", (17, 19, 3), POSITIVE, {"channel_axis": -1}),
        ("convolve", (17, 2, 19), POSITIVE, {"axes": (0, 2), "boundary": "constant", "fill": NAN}),
        ("sepconvolve", (17, 19), [[1, 2, 1], [3.0, 1.0]], {"boundary": "wrap"}),
        ("sepconvolve", (3, 15, 14), [[2, 1], [1, 2, 1], [1, 1]], {"backend": "numpy"}),
        ("convolve", (40, 19), POSITIVE[0], {"axes": 0}),
    ],
)
def test_shapes(kind, shape, weights, options):
    check_normalised(kind, holed(shape), weights, **options)


@pytest.mark.parametrize("dtype", ["f2", "bfloat16", "f4", "c8", "c16"])
def test_dtypes(dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed").bfloat16
    x = holed((14, 15), "c8" if np.dtype(dtype).kind == "c" else "f4").astype(dtype)
    assert check_normalised("convolve", x, POSITIVE).dtype == dtype
    if x.dtype.kind == "c":
        check_normalised("correlate", x, POSITIVE * (1 + 1j) - 0.5j)


@pytest.mark.parametrize("function", [gpuconv.convolve, gpuconv.correlate])
@pytest.mark.parametrize("kind", ["f4", "c8"])
def test_omitted_samples_are_zeros(backend, function, kind):
    if kind == "c8" and backend == "numba_cuda":
        pytest.skip("the Numba kernels have no complex numbers")
    x = holed((13, 17), kind)
    zeros = np.where(np.isnan(x), x.dtype.type(0), x)
    expected = function(zeros, SIGNED, boundary="wrap", backend=backend)
    np.testing.assert_array_equal(function(x, SIGNED, boundary="wrap", nan="omit", backend=backend), expected)
    masked = function(
        np.where(np.isnan(x), 3, x).astype(kind), SIGNED, boundary="wrap", mask=np.isnan(x), backend=backend
    )
    np.testing.assert_array_equal(masked, expected)


def test_masked_integers_are_exact(backend):
    x, mask = random((11, 13), "u1"), random((11, 13), "b", 1)
    result = gpuconv.convolve(x, [[1, 2, 3]], mask=mask, backend=backend)
    assert result.dtype == "i8"
    np.testing.assert_array_equal(result, gpuconv.convolve(np.where(mask, 0, x), [[1, 2, 3]]))


def test_normalised_integers_round_as_asked(backend):
    x, mask = np.array([1, 2, 0, 3, 9, 9, 9], "u1"), [0, 0, 1, 0, 1, 1, 1]
    options = {"mask": mask, "normalize": True, "backend": backend}
    result = gpuconv.convolve(x, [1, 1, 1], **options)
    assert result.dtype == "f4"
    np.testing.assert_array_equal(result, np.array([1, 1.5, 2.5, 3, 3, NAN, 0], "f4"))
    result = gpuconv.convolve(x, [1, 1, 1], out_dtype="u1", **options)
    np.testing.assert_array_equal(result, np.array([1, 2, 2, 3, 3, 0, 0], "u1"))
    result = gpuconv.convolve(x, [1, 1, 1], out_dtype="u1", rounding="trunc", **options)
    np.testing.assert_array_equal(result[:5], [1, 1, 2, 3, 3])
    with pytest.raises(OverflowError, match="must fit uint8"):
        gpuconv.convolve(x, [1, 1, 1], out_dtype="u1", overflow="raise", mask=mask, normalize=True, backend="numpy")


def test_what_lies_outside():
    x = np.array([1.0, NAN, 3, 5])
    options = {"nan": "omit", "normalize": True}
    np.testing.assert_array_equal(gpuconv.convolve(x, [1, 1, 1], **options), [0.5, 2, 4, 8 / 3])
    omitted = gpuconv.convolve(x, [1, 1, 1], boundary="constant", fill=NAN, **options)
    np.testing.assert_array_equal(omitted, [1, 2, 4, 4])
    omitted = gpuconv.convolve([2, 4, 6], [1, 1, 1], boundary="constant", fill=NAN, **options)
    np.testing.assert_allclose(omitted, [3, 4, 5], rtol=4e-16)
    spread = gpuconv.convolve(x, [1, 1, 1], boundary="constant", fill=NAN, mask=np.isnan(x), normalize=True)
    np.testing.assert_array_equal(np.isnan(spread), [True, False, False, True])


def test_nothing_missing():
    """Weights are divided by their sum, and a NaN that is not omitted spreads."""
    x = random((9, 11), "f8")
    scaled = gpuconv.convolve(x, POSITIVE / POSITIVE.sum())
    for nan in ("propagate", "omit", "raise"):
        result = gpuconv.convolve(x, POSITIVE, nan=nan, normalize=True)
        assert (np.abs(result - scaled) <= 4 * 2.0**-53 * gpuconv.convolve(np.abs(x), POSITIVE)).all()
    x[4, 5] = NAN
    result = gpuconv.convolve(x, POSITIVE, mask=np.eye(9, 11, dtype=bool), normalize=True)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(gpuconv.convolve(x, POSITIVE)))


def test_transforms_give_the_same(backend):
    """A NaN is replaced before it could spoil a transform."""
    if backend == "numba_cuda":
        pytest.skip("the Numba kernels have no transforms")
    x, weights = holed((45, 70), "f4"), random((9, 8), "f4", 3) ** 2
    check_normalised("convolve", x, weights, method="fft", backend=backend, boundary="mirror")
    check_normalised("convolve", x, weights, method="direct", backend=backend, boundary="mirror")


@pytest.mark.parametrize("nan_of_fill", [False, True])
def test_transforms_that_cannot_tell_weights_from_zero(nan_of_fill):
    """Only the tail of the filter reaches over the hole: named, a transform gives NaN there, "auto" takes sums."""
    tails = np.exp(-(np.arange(-300, 301) ** 2) / 1000.0)
    x = np.ones(3000, "f4")
    x[1000:1500] = NAN
    x[0] = 7
    options = {"nan": "omit", "normalize": True, "backend": "numpy"}
    options |= {"boundary": "constant", "fill": NAN} if nan_of_fill else {"boundary": "edge"}
    transformed = gpuconv.convolve(x, tails, method="fft", **options)
    assert np.isnan(transformed[1200:1300]).all()
    assert not np.isnan(transformed[:1000]).any()
    assert gpuconv.explain(x.shape, tails, backend="numpy").algorithm == "fft"
    out = x.copy()
    assert gpuconv.convolve(out, tails, out=out, **options) is out
    for automatic in (gpuconv.convolve(x, tails, **options), out):
        np.testing.assert_array_equal(automatic, gpuconv.convolve(x, tails, method="direct", **options))
        assert (automatic[700:1800] == 1).all()


def test_a_mask_for_many_images(monkeypatch):
    """What it decides alone is computed once, and broadcast."""
    shapes = []
    sums = task.weight_sums
    monkeypatch.setattr(task, "weight_sums", lambda *call: shapes.append(call[1]["x"].shape) or sums(*call))
    x, mask = random((3, 12, 14, 2), "f4"), random((12, 14, 1), "b", 1)
    options = {"normalize": True, "channel_axis": -1}
    each = gpuconv.convolve(x, POSITIVE, mask=np.broadcast_to(mask, x.shape), **options)
    np.testing.assert_array_equal(gpuconv.convolve(x, POSITIVE, mask=mask, **options), each)
    assert shapes == [x.shape, (1, 12, 14, 1)]
    row = np.arange(14) % 3 == 0
    check_normalised("convolve", x[..., 0], POSITIVE, mask=row)
    check_normalised("convolve", x[..., 0], POSITIVE, mask=np.eye(12, 14, dtype="u1"))
    check_normalised("convolve", holed((3, 12, 14)), POSITIVE, mask=row)


@pytest.mark.parametrize("normalize", [False, True])
def test_out(backend, normalize):
    x = holed((13, 17), "f4")
    options = {"nan": "omit", "normalize": normalize, "backend": backend}
    expected = gpuconv.convolve(x, POSITIVE, **options)
    wide = np.zeros((26, 17), "f4")
    assert gpuconv.convolve(x, POSITIVE, out=wide[::2], **options).base is wide
    np.testing.assert_array_equal(wide[::2], expected)
    assert not wide[1::2].any()
    assert gpuconv.convolve(x, POSITIVE, out=x, **options) is x
    np.testing.assert_array_equal(x, expected)


def test_preserve_nan():
    x, mask = holed((13, 17)), random((13, 17), "b", 1)
    for normalize in (False, True):
        options = {"nan": "omit", "mask": mask, "normalize": normalize}
        kept, all_ = (gpuconv.convolve(x, POSITIVE, preserve_nan=kept, **options) for kept in (True, False))
        np.testing.assert_array_equal(kept, np.where(np.isnan(x) | mask, NAN, all_))


def test_raise(backend):
    x = random((13, 17), "f4")
    expected = gpuconv.convolve(x, POSITIVE, backend=backend)
    np.testing.assert_array_equal(gpuconv.convolve(x, POSITIVE, nan="raise", backend=backend), expected)
    x[3, 4:6] = NAN
    with pytest.raises(ValueError, match="no NaN under nan='raise'; got 2 of them"):
        gpuconv.convolve(x, POSITIVE, nan="raise", backend=backend)
    gpuconv.convolve(x, POSITIVE, nan="raise", mask=np.isnan(x), backend=backend)
    gpuconv.convolve(x.astype("c8"), POSITIVE, nan="raise", mask=np.isnan(x), backend="numpy")
    with pytest.raises(ValueError, match="got 2 of them"):
        gpuconv.convolve(x * 1j, POSITIVE, nan="raise", backend="numpy")


def test_weight_sums_are_remembered(monkeypatch):
    prepared = []
    monkeypatch.setattr(weight_sums, "prepare", lambda call: prepared.append(call) or prepare(call))
    images = [holed((33, 40), seed=seed) for seed in (1, 2, 1)]
    results = [gpuconv.convolve(x, POSITIVE, nan="omit", normalize=True, backend="numpy") for x in images]
    np.testing.assert_array_equal(results[0], results[2])
    assert len(prepared) == 1


X, W = np.ones((5, 6)), np.ones((3, 3))
REFUSED = [
    (ValueError, "nan must be one of 'propagate', 'omit', 'raise'; got 'omitt'; did you mean 'omit'", {"nan": "omitt"}),
    (TypeError, "normalize must be True or False; got 'yes'", {"normalize": "yes"}),
    (TypeError, "preserve_nan must be True or False; got 1", {"preserve_nan": 1, "nan": "omit"}),
    (ValueError, r"mask must have x's shape, \(5, 6\), or one that broadcasts to it; got \(6, 5\)", {"mask": X.T != 0}),
    (ValueError, r"got \(1, 5, 6\)", {"mask": X[None] != 0}),
    (TypeError, "mask must be boolean .* got dtype float64", {"mask": X}),
    (ValueError, "finite sum other than zero under normalize=True; theirs is 0", {"weights": W - 1, "normalize": True}),
    (ValueError, "finite sum other than .*; theirs is inf", {"weights": W * 1e308, "normalize": True}),
    (ValueError, "theirs is nan", {"weights": W * NAN, "normalize": True}),
    (ValueError, "other than zero", {"weights": [[0.1, 0.2, -0.3]], "normalize": True}),
    (ValueError, "one tap; got shape", {"weights": np.ones((0, 3)), "normalize": True}),
    (TypeError, "longdouble is not supported", {"weights": W.astype(np.longdouble), "normalize": True}),
    (TypeError, "got dtype <U1", {"x": np.array([["a"]]), "nan": "omit"}),
    (TypeError, "compute_dtype must not be an integer under", {"compute_dtype": "i8", "normalize": True}),
    (ValueError, "fill needs boundary='constant'", {"fill": NAN, "nan": "omit"}),
    (ValueError, "preserve_nan needs a result of x's shape", {"mask": X == 1, "preserve_nan": True, "stride": (1, 2)}),
    (ValueError, "a dtype that has NaN; .* int32", {"mask": X == 1, "preserve_nan": True, "out_dtype": "i4"}),
    (ValueError, r"out must have shape \(5, 6\)", {"mask": X == 1, "normalize": True, "out": np.ones(5)}),
    (ValueError, "out must have dtype float64", {"mask": X == 1, "out": X.astype("f4")}),
    (TypeError, "out must be a masked array where x is one; got ndarray", {"x": np.ma.array(X), "out": X}),
]


@pytest.mark.parametrize(("error", "message", "arguments"), REFUSED)
def test_refused(error, message, arguments):
    arguments = {"x": X, "weights": W, **arguments}
    with pytest.raises(error, match=message):
        gpuconv.correlate(arguments.pop("x"), arguments.pop("weights"), **arguments)


class TestMaskedArrays:
    X = np.ma.masked_equal([1, 2, 0, 3, 0, 0, 0, 0], 0)

    def test_masked_where_no_valid_sample_contributed(self):
        result = gpuconv.convolve(self.X, [1, 1, 1])
        assert isinstance(result, np.ma.MaskedArray)
        assert result.tolist() == [3, 3, 5, 3, 3, None, None, None]
        hosts = np.ma.convolve(self.X, [1, 1, 1], "same", propagate_mask=False)
        assert result.tolist() == hosts.tolist()
        outside = gpuconv.convolve(self.X, [1, 1, 1], boundary="constant", fill=7)
        assert outside.tolist() == [10, 3, 5, 3, 3, None, None, None]
        result = gpuconv.convolve(self.X, [1, 1, 1], normalize=True)
        assert result.tolist() == [1, 1.5, 2.5, 3, 3, None, None, None]
        assert gpuconv.sepconvolve(self.X, [[1, 1]], boundary="edge").tolist() == [2, 3, 2, 3, 3, None, None, None]
        assert gpuconv.convolve(self.X, [0, 1, 0]).tolist() == self.X.tolist()

    @pytest.mark.parametrize("size", ["full", "same", "valid"])
    @pytest.mark.parametrize("weights", [[1, 2, 3], [2, -2, 1], [1, 1, 1, 1, 2]])
    def test_as_numpy_convolves_them(self, size, weights):
        x = np.ma.masked_less(random(40, "i1") % 9, 6)
        hosts = np.ma.convolve(x, weights, size, propagate_mask=False)
        assert gpuconv.convolve(x, weights, size=size).tolist() == hosts.tolist()

    def test_with_a_mask_and_nan(self):
        x = np.ma.masked_equal([[1.0, 2, 0, NAN, NAN, NAN, 6]], 0)
        mask = [True] + [False] * 6
        result = gpuconv.correlate(x, [[1, 1, 1]], mask=mask, nan="omit", normalize=True, boundary="wrap")
        assert result.tolist() == [[4, 2, 2, None, None, 6, 6]]

    def test_nothing_masked(self):
        result = gpuconv.convolve(np.ma.array([1.0, 2, 3]), [1.0])
        assert isinstance(result, np.ma.MaskedArray)
        assert result.tolist() == [1, 2, 3]

    def test_out_may_be_x(self):
        out = np.ma.masked_equal([1.0, 2, 0, 3, 0, 0, 0, 0], 0)
        expected = gpuconv.convolve(out, [1, 1, 1], normalize=True)
        assert gpuconv.convolve(out, [1, 1, 1], normalize=True, out=out) is out
        assert out.tolist() == expected.tolist()


def test_labels_stay():
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    x = xarray.DataArray([[1.0, NAN, 3, 5]], dims=("y", "x"), coords={"x": [10, 20, 30, 40]}, attrs={"unit": "K"})
    result = gpuconv.convolve(x, [[1, 1, 1]], mask=x.isnull(), normalize=True, size="valid")
    xarray.testing.assert_identical(result, x[:, 1:3].copy(data=[[2.0, 4.0]]))


class TestDeviceArrays:
    @pytest.fixture(autouse=True)
    def cupy(self):
        reason = gpuconv.backends.reason_unavailable("cupy")
        if reason:
            pytest.skip(reason)
        self.cupy = pytest.importorskip("cupy")

    @pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "f2", "bfloat16", "i2"])
    def test_as_on_the_host(self, dtype):
        if dtype == "bfloat16":
            dtype = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed").bfloat16
        x, mask = np.zeros((13, 17), dtype), random((13, 17), "b", 1)
        x[:] = random((13, 17), "i2") if dtype == "i2" else holed((13, 17), "c8" if dtype == "c8" else "f4")
        options = {"nan": "omit", "boundary": "mirror"}
        for more in ({"normalize": True}, {"mask": mask}, {"mask": mask, "preserve_nan": dtype != "i2"}):
            expected = gpuconv.convolve(x, SIGNED, **options, **more, backend="cupy")
            more = {**more, "mask": self.cupy.asarray(mask)} if "mask" in more else more
            result = gpuconv.convolve(self.cupy.asarray(x), SIGNED, **options, **more)
            assert isinstance(result, self.cupy.ndarray)
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result.get().view("u1"), expected.view("u1"))

    def test_out_weights_and_stray_masks(self):
        x, weights = holed((13, 17), "f4"), POSITIVE.astype("f4")
        expected = gpuconv.convolve(x, weights, nan="omit", normalize=True, backend="cupy")
        device, out = self.cupy.asarray(x), self.cupy.empty(x.shape, "f4")
        options = {"nan": "omit", "normalize": True}
        assert gpuconv.convolve(device, self.cupy.asarray(weights), out=out, **options) is out
        np.testing.assert_array_equal(out.get(), expected)
        np.testing.assert_array_equal(
            gpuconv.convolve(device, weights, mask=np.isnan(x), normalize=True).get(), expected
        )
        with pytest.raises(ValueError, match="x on host and mask on cuda:0"):
            gpuconv.convolve(x, weights, mask=self.cupy.asarray(np.isnan(x)))

    def test_two_launches(self):
        standin = pytest.importorskip("standin")
        if not hasattr(self.cupy.ndarray, "_wrap"):
            pytest.skip("the stand-in cupy counts launches; this process has the real one")
        x = self.cupy.asarray(holed((13, 17), "f4"))
        with standin.recording() as launches:
            gpuconv.convolve(x, POSITIVE, nan="omit", normalize=True)
            assert len(launches) == 2
            gpuconv.convolve(x, POSITIVE, nan="omit")
            gpuconv.convolve(x, POSITIVE, nan="propagate", normalize=True)
            assert len(launches) == 4

    def test_transforms(self):
        x, weights = holed((40, 60), "f4"), np.ones((9, 9))
        result = gpuconv.convolve(self.cupy.asarray(x), weights, nan="omit", normalize=True, method="fft").get()
        expected = check_normalised("convolve", x, weights, method="fft", backend="cupy")
        np.testing.assert_array_equal(result, expected)

    def test_raise(self):
        x = holed((13, 17), "f4")
        with pytest.raises(ValueError, match=f"got {np.isnan(x).sum()} of them"):
            gpuconv.convolve(self.cupy.asarray(x), POSITIVE, nan="raise")
        gpuconv.convolve(self.cupy.asarray(x), POSITIVE, nan="raise", mask=np.isnan(x))


def test_a_device_without_cupy(monkeypatch):
    monkeypatch.setattr(gpuconv.backends, "reason_unavailable", lambda name: "no driver")
    view = DeviceView(0, (5, 6), (24, 4), np.dtype("f4"), 0, None)
    with pytest.raises(gpuconv.UnsupportedProblemError, match="looked for with CuPy, which cannot run: no driver"):
        gpuconv.convolve(Adopted(view, "cupy", None), [[1.0]], nan="omit")


def test_torch_tensors():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for dtype in (torch.float64, torch.bfloat16):
        x = torch.tensor([[1.0, NAN, 3, 5]], dtype=dtype)
        mask = torch.tensor([False, False, False, True])
        result = gpuconv.convolve(x, [[1, 1, 1]], nan="omit", mask=mask, normalize=True)
        assert result.dtype == dtype
        assert result.tolist() == [[0.5, 2, 3, 1.5]]
        assert gpuconv.convolve(x, [[1, 1, 1]], nan="omit").tolist() == [[1, 4, 8, 8]]
        kept = gpuconv.convolve(x, [[1, 1, 1]], nan="omit", preserve_nan=True, out=torch.empty_like(x))
        assert torch.isnan(kept).tolist() == [[False, True, False, False]]


@st.composite
def masked(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=9))
    elements = st.floats(-100, 100, width=32)
    x, mask = draw(hnp.arrays("f8", shape, elements=elements)), draw(hnp.arrays(bool, shape))
    taps = draw(hnp.arrays("f8", tuple(draw(st.integers(1, 5)) for _ in shape), elements=st.floats(0.125, 8, width=32)))
    return x, mask, taps


NORMALISED = st.booleans()
INSIDE = st.sampled_from(["edge", "symmetric", "mirror", "wrap"])


@given(masked(), INSIDE, st.floats(-100, 100, width=32))
def test_constants_stay_constant(case, boundary, value):
    x, mask, taps = case
    result = gpuconv.convolve(np.full_like(x, value), taps, mask=mask, normalize=True, boundary=boundary)
    limit = 3 * gamma(2 * taps.size + 8, 2.0**-53) * abs(value)  # of two sums, over the sum of all weights
    assert np.all(np.isnan(result) | (np.abs(result - value) <= limit))
    if not mask.any():
        assert not np.isnan(result).any()


@given(masked(), INSIDE, NORMALISED)
def test_a_mask_is_nan(case, boundary, normalize):
    x, mask, taps = case
    options = {"normalize": normalize, "boundary": boundary}
    spoiled = np.where(mask, NAN, x)
    by_mask = gpuconv.convolve(spoiled, taps, mask=mask, **options)
    np.testing.assert_array_equal(gpuconv.convolve(spoiled, taps, nan="omit", **options), by_mask)
    np.testing.assert_array_equal(gpuconv.convolve(x, taps, mask=mask, **options), by_mask)


@given(masked(), INSIDE)
def test_omitting_is_filling_with_zeros(case, boundary):
    x, mask, taps = case
    expected = gpuconv.convolve(np.where(mask, 0, x), taps, boundary=boundary)
    np.testing.assert_array_equal(gpuconv.convolve(x, taps, mask=mask, boundary=boundary), expected)
