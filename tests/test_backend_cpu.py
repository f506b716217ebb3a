"""The CPU backend against the oracle, NumPy and OpenCV: tiles and their edges, dtypes, vector widths."""

import os
import subprocess
import sys

import numpy as np
import pytest
from agreement import check_convolve, check_correlate, check_sepconvolve, random

import gpuconv
from bench.cpu.stress import check
from gpuconv.problem import ROUNDINGS

BOUNDARIES = ["zero", "edge", "symmetric", "mirror", "wrap"]
WIDTHS = [1, 3, 4, 15, 16, 17, 23, 24, 25, 31, 32, 63, 64, 65, 127, 131]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("width", WIDTHS)
def test_widths_around_a_tile(width, boundary):
    for height, taps in ((1, (1, 3)), (3, (3, 3)), (5, (2, 4)), (7, (5, 7))):
        x, w = random((height, width), "f4"), random(taps, "f4", 1)
        check_convolve(x, w, boundary=boundary, backend="cpu")


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 6, 7, 11, 12, 13])
@pytest.mark.parametrize("taps", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_heights_around_a_tile(height, taps):
    for size in ("same", "full"):
        check_convolve(random((height, 9), "f4"), random((taps, 2), "f4", 1), size=size, boundary="wrap", backend="cpu")
        factors = [random(taps, "f4", 1), random(3, "f4", 2)]
        check_sepconvolve(random((height, 9), "f4"), factors, size=size, boundary="mirror", backend="cpu")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("taps", [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 70])
def test_signals(dtype, taps):
    check_convolve(random((2, 77), dtype), random(taps, dtype, 1), boundary="symmetric", backend="cpu")
    check_convolve(random((77, 2), dtype), random(taps, dtype, 1), boundary="wrap", axes=0, backend="cpu")
    check_convolve(random((77, 70), dtype)[:, :66], random(taps, dtype, 1), axes=0, size="full", backend="cpu")


def test_a_signal_of_several_blocks():
    x, w = random(50_000, "f4"), random(100, "f4", 1)
    result = gpuconv.convolve(x, w, size="full", method="direct", backend="cpu")
    expected = np.convolve(x.astype("f8"), w.astype("f8"))
    limit = 103 * 2.0**-24 * np.convolve(np.abs(x.astype("f8")), np.abs(w.astype("f8")))
    assert (np.abs(result - expected) <= limit).all()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_filter_that_reaches_far_outside(boundary):
    check_convolve(random((3, 2), "f4"), random((11, 17), "f4", 1), boundary=boundary, backend="cpu")
    check_convolve(random((2, 3), "u1"), random((5, 4), "i1", 1), boundary=boundary, dilation=3, backend="cpu")


@pytest.mark.parametrize(
    ("image", "weights", "accumulator"), [("u1", "i1", "i4"), ("u4", "i2", "i8"), ("u2", "u2", "u8")]
)
@pytest.mark.parametrize("out", [None, "u1", "i2", "u8", "f4", "f8"])
def test_integers_are_exact(image, weights, accumulator, out):
    x, w = random((9, 40), image), random((5, 5), weights, 1)
    check_convolve(x, w, boundary="edge", out_dtype=out, backend="cpu")
    check_convolve(x, w, boundary="edge", out_dtype=out, overflow="wrap", backend="cpu")
    assert accumulator in "i4 i8 u8"


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("out", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_conversion_is_that_of_numpy(dtype, out, rounding):
    info = np.iinfo(out)
    edges = np.array([info.min - 1.0, info.min, info.max, info.max + 1.0, 2.0**40, -(2.0**40)], dtype)
    others = np.array([np.inf, -np.inf, np.nan, *np.arange(-9, 10) / 2], dtype)
    x = np.concatenate([edges, np.nextafter(edges, np.zeros(1, dtype)), others] * 3)
    for overflow in ("saturate", "wrap"):
        options = {"out_dtype": out, "rounding": rounding, "overflow": overflow}
        result, expected = (gpuconv.convolve(x, [1.0], backend=name, **options) for name in ("cpu", "numpy"))
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("seed", range(20))
def test_random_calls(seed):
    for call in range(25):
        assert check(1000 * seed + call) is None


def test_complex_numbers():
    for image, weights in (("c8", "c8"), ("c16", "f4"), ("f4", "c8"), ("u1", "c16")):
        x, w = random((3, 20, 21), image), random((3, 4), weights, 1)
        check_correlate(x, w, boundary="mirror", stride=(2, 1), backend="cpu")
        check_sepconvolve(x, [w[0], w[1]], boundary="mirror", backend="cpu")
        check_convolve(x[0, 0], w[0], boundary="wrap", backend="cpu")


def test_left_out_taps():
    x = random((20, 30), "f4")
    x[5, 5] = np.nan
    w = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], "f4")
    for weights in (w, np.zeros_like(w)):
        result = check_convolve(x, weights, boundary="wrap", skip_zero_taps=True, backend="cpu")
        assert np.isnan(result).sum() == np.count_nonzero(weights)
    assert np.isnan(gpuconv.convolve(x, w, backend="cpu")).sum() == 9


RANDOM = "from bench.cpu.stress import check; assert [check(s) for s in range(120)] == [None] * 120"


@pytest.mark.parametrize("variable", ["GPUCONV_CPU_VECTOR=128", "GPUCONV_CPU_VECTOR=256", "GPUCONV_CPU=generic"])
def test_lesser_processors(variable):
    environment = dict(os.environ, **dict([variable.split("=")]))
    subprocess.run([sys.executable, "-W", "ignore", "-c", RANDOM], env=environment, timeout=300, check=True)


def test_a_wrong_width_is_refused():
    environment = dict(os.environ, GPUCONV_CPU_VECTOR="192")
    program = "import gpuconv; gpuconv.convolve([1.0], [1.0], backend='cpu')"
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert "GPUCONV_CPU_VECTOR must be one of 128, 256, 512; got '192'" in result.stderr


BORDERS = {
    "symmetric": "BORDER_REFLECT",
    "mirror": "BORDER_REFLECT_101",
    "edge": "BORDER_REPLICATE",
    "zero": "BORDER_CONSTANT",
}


@pytest.mark.parametrize("boundary", BORDERS)
@pytest.mark.parametrize("taps", [3, 5, 7, 11])
def test_uint8_is_that_of_opencv(taps, boundary):
    cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed")
    x, w = random((120, 131), "u1"), random((taps, taps), "f4", 1) / taps
    expected = cv2.filter2D(x, -1, w, borderType=getattr(cv2, BORDERS[boundary]))
    result = gpuconv.correlate(x, w, boundary=boundary, out_dtype="u1", backend="cpu")
    np.testing.assert_array_equal(result, expected)
