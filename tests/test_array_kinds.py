"""Every face takes arrays of every library, and answers in kind."""

import numpy as np
import pytest
from agreement import random
from array_kinds import ALL, maker

import gpuconv
import gpuconv.numpy
from gpuconv import filters, ndimage, nn, opencv, signal

X, W, LINE = random((8, 9), "f4"), random((3, 3), "f4", 1), np.array([1.0, 2.0, 1.0], "f4")
PIXELS = np.arange(72, dtype="u1").reshape(8, 9) * 3

CALLS = {
    "convolve": lambda of: gpuconv.convolve(of(X), of(W), size="valid", stride=2),
    "correlate": lambda of: gpuconv.correlate(of(X), of(W), boundary="wrap"),
    "sepconvolve": lambda of: gpuconv.sepconvolve(of(X), [LINE, LINE], size="full"),
    "saturated": lambda of: gpuconv.convolve(of(PIXELS), W, out_dtype="uint8"),
    "signal.convolve": lambda of: signal.convolve(of(X), of(W)),
    "signal.fftconvolve": lambda of: signal.fftconvolve(of(X), of(X[:, :3]), "same", axes=1),
    "signal.fftconvolve of numbers": lambda of: signal.fftconvolve(of(X), of(X[:1, :1]), "same"),
    "signal.correlate2d": lambda of: signal.correlate2d(of(W), of(X), "valid"),
    "signal of booleans": lambda of: signal.convolve(of(X[0] > 0), of(LINE > 1)),
    "signal.savgol_filter": lambda of: signal.savgol_filter(of(X), 5, 2),
    "signal.sepfir2d": lambda of: signal.sepfir2d(of(X), LINE, LINE),
    "signal.upfirdn": lambda of: signal.upfirdn(LINE, of(X), 3, 2),
    "ndimage.convolve": lambda of: ndimage.convolve(of(X), of(W)),
    "ndimage into bool": lambda of: ndimage.correlate(of(PIXELS), W, output=bool),
    "ndimage of nothing": lambda of: ndimage.convolve(of(X[:0]), W),
    "ndimage.gaussian_filter": lambda of: ndimage.gaussian_filter(of(PIXELS), 1.0),
    "ndimage.uniform_filter": lambda of: ndimage.uniform_filter(of(PIXELS), 3),
    "ndimage.laplace": lambda of: ndimage.laplace(of(X)),
    "ndimage.generic_gradient_magnitude": lambda of: ndimage.generic_gradient_magnitude(of(PIXELS), ndimage.sobel),
    "numpy.convolve": lambda of: gpuconv.numpy.convolve(of(X[0]), of(LINE), "same"),
    "numpy.correlate": lambda of: gpuconv.numpy.correlate(of(LINE), of(X[0])),
    "filters.gaussian": lambda of: filters.gaussian(of(PIXELS), 1.0),
    "filters.sobel": lambda of: filters.sobel(of(PIXELS)),
    "filters.log": lambda of: filters.log(of(X), 1.0),
    "filters.unsharp_mask": lambda of: filters.unsharp_mask(of(PIXELS), 1.0),
    "filters.match_template": lambda of: filters.match_template(of(X), W),
    "opencv.filter2D": lambda of: opencv.filter2D(of(PIXELS), -1, W),
    "opencv.matchTemplate": lambda of: opencv.matchTemplate(of(X), of(W), opencv.TM_CCOEFF_NORMED),
    "nn.conv1d": lambda of: nn.conv1d(of(X), np.ones((2, 8, 3), "f4"), padding=1),
    "nn.conv_transpose1d": lambda of: nn.conv_transpose1d(of(X), np.ones((8, 2, 3), "f4"), stride=2),
    "nn.conv1d_input": lambda of: nn.conv1d_input((2, 9), np.ones((8, 2, 3), "f4"), of(X), padding=1),
}


@pytest.mark.parametrize("library", ALL)
@pytest.mark.parametrize("call", CALLS)
def test_in_kind(call, library):
    of = maker(library)
    with gpuconv.backend("numpy"):
        expected, result = CALLS[call](lambda array: array), CALLS[call](of)
    assert type(result) is type(of(np.ones((2,) * expected.ndim)))
    dtype = np.asarray(of(np.ones(1, expected.dtype))).dtype  # JAX narrows
    np.testing.assert_array_equal(np.asarray(result), expected.astype(dtype), strict=True)


@pytest.mark.parametrize("library", [*ALL[:2], "array_api_strict"])
def test_the_gradient_of_weights(library):
    """Its axes are others than the image's, so that labels would be wrong."""
    x, gradient = random((1, 2, 9), "f4"), random((1, 3, 7), "f4", 1)
    result = nn.conv1d_weight(maker(library)(x), (3, 2, 3), gradient)
    assert type(result) is type(maker(library)(x))
    np.testing.assert_array_equal(np.asarray(result), nn.conv1d_weight(x, (3, 2, 3), gradient))


@pytest.mark.parametrize("library", ["torch", "array_api_strict", "xarray"])
def test_results_go_into_arrays(library):
    of = maker(library)
    out, output = of(np.zeros_like(X)), of(np.zeros_like(X))
    assert gpuconv.convolve(of(X), W, out=out) is out
    np.testing.assert_array_equal(np.asarray(out), gpuconv.convolve(X, W))
    assert ndimage.gaussian_laplace(of(X), 1.0, output) is output
    np.testing.assert_array_equal(np.asarray(output), ndimage.gaussian_laplace(X, 1.0))


@pytest.mark.parametrize("library", ["jax", "pandas"])
def test_arrays_that_cannot_be_written(library):
    of = maker(library)
    with pytest.raises(ValueError, match="out must be writeable"):
        gpuconv.convolve(of(X), W, out=of(X))


def test_nothing_is_copied_on_the_way_in():
    for library in ALL:
        x = maker(library)(X)
        assert np.shares_memory(gpuconv.arrays.adopt("x", x).view, np.asarray(x)), library


class TestJax:
    @pytest.fixture(autouse=True)
    def library(self):
        self.jax = pytest.importorskip("jax", reason="jax is not installed")
        self.array = self.jax.numpy.array

    def test_wide_results_become_narrow_ones_that_fit(self):
        x = self.array(PIXELS)
        result = gpuconv.convolve(x, W.astype("i8"))
        assert result.dtype == "int32"
        assert gpuconv.convolve(self.array(PIXELS.astype("i4")), W).dtype == "float32"
        with pytest.raises(OverflowError, match="must fit int32 while jax_enable_x64 is off"):
            gpuconv.convolve(x, np.full((3, 3), 1 << 28))
        with self.jax.enable_x64(True):
            assert gpuconv.convolve(x, np.full((3, 3), 1 << 28)).dtype == "int64"

    def test_bfloat16(self):
        x = self.array(np.arange(6.0), self.jax.numpy.bfloat16)
        result = gpuconv.convolve(x, [1.0, 2.0])
        assert result.dtype == self.jax.numpy.bfloat16
        np.testing.assert_array_equal(result.astype("f4"), [0, 1, 4, 7, 10, 13])

    def test_traced_arrays_are_refused(self):
        def filtered(x):
            return gpuconv.convolve(x, W).sum()

        for transform in (self.jax.jit, self.jax.grad, self.jax.vmap):
            with pytest.raises(TypeError, match=r"x must have values .* got a traced array float32\["):
                transform(filtered)(self.array(X if transform is not self.jax.vmap else X[None]))

    def test_a_callback_from_traced_code(self):
        like = self.jax.ShapeDtypeStruct(X.shape, X.dtype)
        filtered = self.jax.jit(lambda x: self.jax.pure_callback(lambda y: gpuconv.convolve(y, W), like, x))
        np.testing.assert_array_equal(filtered(X), gpuconv.convolve(X, W))


def test_another_device_of_the_standard():
    strict = pytest.importorskip("array_api_strict", reason="array_api_strict is not installed")
    device = strict.Device("device1")
    assert gpuconv.convolve(strict.ones((4, 5), device=device), W).device == device


def test_memmaps_are_read_and_written_in_place(tmp_path):
    x = np.memmap(tmp_path / "x", "f4", "w+", shape=(100, 80))
    x[:] = random((100, 80), "f4")
    out = np.memmap(tmp_path / "out", "f4", "w+", shape=(100, 80))
    assert np.shares_memory(gpuconv.arrays.adopt("x", x).view, x)
    assert type(gpuconv.convolve(x, W)) is np.ndarray
    assert gpuconv.convolve(x, W, out=out) is out
    out.flush()
    np.testing.assert_array_equal(
        np.fromfile(tmp_path / "out", "f4").reshape(100, 80), gpuconv.convolve(np.array(x), W)
    )
