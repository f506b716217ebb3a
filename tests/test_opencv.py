"""gpuconv.opencv beside OpenCV, call for call."""

import itertools

import numpy as np
import pytest
from opencv_agreement import BORDERS, DEPTHS, DTYPES, SHAPES, both, check, cv2, picture
from scipy_agreement import assert_within, unit

import gpuconv
from gpuconv import opencv
from gpuconv.planning.bounds import gamma

each_dtype = pytest.mark.parametrize("dtype", DTYPES)
rng = np.random.default_rng(11)
FRACTIONS = rng.standard_normal((3, 4))
WHOLE = rng.integers(-3, 4, (4, 3)).astype("float32")


@pytest.fixture(autouse=True)
def on_numpy(automatic_selection):
    with gpuconv.backend("numpy"):
        yield


@each_dtype
def test_filter2d(dtype):
    compared = 0
    for shape, ddepth, border in itertools.product(SHAPES, DEPTHS, BORDERS):
        src = picture(dtype, shape)
        compared += check("filter2D", src, ddepth, WHOLE, borderType=border)
        options = {"anchor": (3, 0), "delta": -7.5, "borderType": border}
        compared += check("filter2D", src, ddepth, FRACTIONS, taps=12, total=np.abs(FRACTIONS).sum(), **options)
    assert compared >= 2 * 2 * len(SHAPES) * len(BORDERS)


@each_dtype
def test_sepfilter2d(dtype):
    whole, fractions = np.array([1.0, -2, 3]), rng.random(4)
    total = 6 * fractions.sum()
    for shape, ddepth, border in itertools.product(SHAPES, DEPTHS, BORDERS):
        src = picture(dtype, shape)
        assert check("sepFilter2D", src, ddepth, whole, np.array([[2.0, 1]]), borderType=border) or ddepth == 5
        options = {"anchor": (0, 2), "delta": 3.25, "borderType": border}
        check("sepFilter2D", src, ddepth, whole, fractions[:, None], taps=12, total=total, **options)


def test_sums_below_zero_saturate_at_zero():
    src = np.full((8, 40), -5, np.int16)
    for ddepth in (opencv.CV_8U, opencv.CV_16U):
        assert not opencv.boxFilter(src, ddepth, (3, 3), normalize=False).any()


def test_smooth_weights_in_fixed_point():
    src, weights = picture("uint8", (40, 51)), np.array([1.0, 2, 1]) / 4
    check("sepFilter2D", src, -1, weights, weights, taps=6, total=1, fixed_point=True)


def test_means_of_even_boxes_are_rounded_right():
    """OpenCV adds too much before it divides: a flat image of 10 becomes 11."""
    flat = np.full((6, 7), 10, np.uint8)
    assert (opencv.blur(flat, (2, 1)) == 10).all()


@each_dtype
def test_derivatives(dtype):
    for shape, ddepth in itertools.product(SHAPES, DEPTHS):
        src = picture(dtype, shape)
        for (dx, dy), ksize in itertools.product([(1, 0), (0, 1), (1, 1), (2, 0), (0, 2)], [1, 3, 5]):
            check("Sobel", src, ddepth, dx, dy, ksize=ksize)
        check("Sobel", src, ddepth, 0, 1, ksize=-1, borderType=opencv.BORDER_REPLICATE)
        check("Sobel", src, ddepth, 1, 2, ksize=7, scale=0.5, delta=4, borderType=opencv.BORDER_CONSTANT)
        check("Sobel", src, ddepth, 1, 0, scale=0.3, taps=9, total=8 * 0.3)
        check("Scharr", src, ddepth, 1, 0)
        check("Scharr", src, ddepth, 0, 1, scale=2, delta=-1, borderType=opencv.BORDER_REFLECT)
        for ksize in (1, 3, 5):
            check("Laplacian", src, ddepth, ksize=ksize)
            check("Laplacian", src, ddepth, ksize=ksize, scale=0.25, delta=10, borderType=opencv.BORDER_REPLICATE)


@each_dtype
def test_boxes(dtype):
    for shape, border in itertools.product(SHAPES, BORDERS):
        src = picture(dtype, shape)
        for ksize in ((3, 3), (4, 2), (1, 5)):
            taps, options = ksize[0] * ksize[1], {"borderType": border}
            check("blur", src, ksize, taps=taps, total=1, fixed_point=dtype == "uint8", anchor=(0, -1), **options)
            for ddepth in (*DEPTHS, opencv.CV_32S):
                if dtype != "int16" or ddepth not in (opencv.CV_8U, opencv.CV_16U):
                    check("boxFilter", src, ddepth, ksize, normalize=False, **options)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_gaussian_of_unsigned_integers_has_opencvs_bits(dtype):
    sizes = [((3, 3), 0, 0), ((5, 7), 0, 0), ((9, 1), 0, 0), ((5, 5), 1.3, 0.6), ((0, 0), 0.8, 2), ((11, 3), -1, 0)]
    for shape, border in itertools.product([*SHAPES, (40, 50)], (*BORDERS, opencv.BORDER_WRAP)):
        for ksize, sigma_x, sigma_y in sizes:
            check("GaussianBlur", picture(dtype, shape), ksize, sigma_x, sigmaY=sigma_y, borderType=border)


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_gaussian_of_others(dtype):
    for shape, border in itertools.product(SHAPES, BORDERS):
        for ksize, sigma, taps in (((3, 5), 0, 15), ((0, 0), 1.2, 121), ((5, 5), 0.7, 25)):
            check("GaussianBlur", picture(dtype, shape), ksize, sigma, taps=taps, total=1, borderType=border)


def test_gaussian_weights():
    for n, sigma in itertools.product(range(1, 32), (-1, 0, 0.3, 1, 2.7)):
        expected, got = both("getGaussianKernel", n, sigma)
        exponent = n**2 / 8 / (sigma if sigma > 0 else 0.15 * n + 0.35) ** 2  # its rounding error is one of the weight
        assert_within(got, expected, 2 * gamma(int(4 * exponent) + n + 8, unit("f8")) * expected + np.finfo("f8").tiny)
    expected, got = both("getGaussianKernel", 11, 2, ktype=opencv.CV_32F)
    assert_within(got, expected, 2 * unit("f4") * expected)


def test_every_backend(backend):
    src = picture("uint8", (12, 17, 3))
    with gpuconv.backend(backend):
        check("filter2D", src, -1, WHOLE, delta=3)
        check("GaussianBlur", src, (5, 5), 1.1)
        check("Sobel", src, opencv.CV_16S, 1, 0)


def test_constants():
    for name in opencv.__all__:
        if name.isupper():
            assert getattr(opencv, name) == getattr(cv2, name)


def test_dst_and_named_arguments():
    src = picture("uint8", (6, 7))
    dst = np.empty((6, 7), "int16")
    result = opencv.filter2D(src=src, ddepth=opencv.CV_16S, kernel=WHOLE, dst=dst)
    assert result is dst
    assert np.array_equal(dst, cv2.filter2D(src, cv2.CV_16S, WHOLE))
    scores = np.empty((5, 5), "float32")
    assert opencv.matchTemplate(src, src[:2, :3], opencv.TM_CCORR, scores) is scores


def test_tensors_stay_tensors():
    torch = pytest.importorskip("torch", reason="torch is not installed: nothing to compare tensors with")
    src = picture("uint8", (9, 8))
    for name, args, options in [
        ("filter2D", (-1, WHOLE), {"delta": 5}),
        ("GaussianBlur", ((5, 5), 0), {}),
        ("Sobel", (-1, 1, 0), {}),
    ]:
        result = getattr(opencv, name)(torch.from_numpy(src), *args, **options)
        assert np.array_equal(result.numpy(), getattr(cv2, name)(src, *args, **options))
    for method in range(6):
        result = opencv.matchTemplate(torch.from_numpy(src), torch.from_numpy(src[2:5, 3:5].copy()), method)
        assert np.array_equal(result.numpy(), opencv.matchTemplate(src, src[2:5, 3:5], method))
