"""Compare a call of gpuconv.opencv with the same call of OpenCV."""

import numpy as np
import pytest
from scipy_agreement import assert_within, unit

from gpuconv import opencv
from gpuconv.planning.bounds import gamma

cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed: nothing to compare with")

DTYPES = ("uint8", "uint16", "int16", "float32", "float64")
SHAPES = ((7, 9), (6, 8, 3), (5, 4, 1), (1, 6), (2, 1, 4))
BORDERS = (opencv.BORDER_CONSTANT, opencv.BORDER_REPLICATE, opencv.BORDER_REFLECT, opencv.BORDER_REFLECT_101)
DEPTHS = (-1, opencv.CV_8U, opencv.CV_16U, opencv.CV_16S, opencv.CV_32F, opencv.CV_64F)


def picture(dtype, shape, seed=0):
    """Every value that integers have; floats from -1000 to 1000, their fractions short enough for exact sums."""
    values, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "f":
        return (values.integers(-8000, 8000, shape) / 8).astype(dtype)
    info = np.iinfo(dtype)
    return values.integers(info.min, info.max, shape, endpoint=True, dtype=dtype)


def both(name, *args, **options):
    """(OpenCV's result, ours), or None where OpenCV leaves out a pair of depths."""
    try:
        expected = getattr(cv2, name)(*args, **options)
    except cv2.error:
        return None
    got = getattr(opencv, name)(*args, **options)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape), (name, args, options)
    return expected, got


def check(name, src, *args, taps=0, total=0.0, fixed_point=False, **options):
    """Bit for bit; or, given taps and their sum of magnitudes, within the errors of both sides' sums.

    Integers may differ by 1 where the exact value is so near to a half; or anywhere where OpenCV computes in fixed
    point and rounds as it likes, but ours is then the one nearest to the exact value.
    """
    results = both(name, src, *args, **options)
    if results is None:
        return False
    expected, got = results
    if not taps:
        np.testing.assert_array_equal(got, expected, err_msg=f"{name} {src.dtype} {args} {options}")
        return True
    wide = "float64" in (src.dtype, expected.dtype)
    largest = total * float(np.abs(src.astype("f8")).max()) + abs(options.get("delta", 0))
    bound = 2 * gamma(taps + 4, unit("f8" if wide else "f4")) * largest
    if expected.dtype.kind == "f":
        assert_within(got, expected, bound + 2 * unit(expected.dtype) * (largest + bound))
        return True
    exact = getattr(cv2, name)(src.astype("f8"), *_in_double(name, args), **options)
    near_half = np.abs(exact - np.floor(exact) - 0.5) <= bound
    differ = np.abs(got.astype("i8") - expected.astype("i8"))
    nearest = np.abs(got - exact) <= 0.5 + bound
    assert np.all((differ == 0) | ((differ == 1) & (nearest if fixed_point else near_half))), (name, args, options)
    return True


def _in_double(name, args):
    return args if name in ("blur", "GaussianBlur") else (opencv.CV_64F, *args[1:])


def check_match(image, templ, method):
    """Ours within the errors of sums in float64 and one rounding to float32, OpenCV's within those of transforms."""
    expected, got = both("matchTemplate", image, templ, method)
    numerator, norm, relative = definition(image, templ, method)
    defined = (relative < 1e-6) | (method % 2 == 0)
    np.testing.assert_array_equal(got[~defined], expected[~defined])
    value = numerator[defined] / norm[defined]
    if method == opencv.TM_SQDIFF_NORMED:
        value = np.minimum(value, 1)  # as OpenCV has it
    own = (1 + np.abs(value)) * relative[defined] + unit("f4") * np.abs(value)
    assert np.all(np.abs(got[defined] - value) <= own)
    # Three transforms of at most 64 x 64 samples: Higham, theorem 24.2, with 7 u for each of 12 levels, twice.
    scale = np.linalg.norm(image.astype("f8")) * np.linalg.norm(templ.astype("f8")) / norm[defined]
    assert np.all(np.abs(expected[defined] - value) <= own + 2 * 3 * 12 * 7 * unit("f4") * scale)


def definition(image, templ, method):
    """Numerator, denominator (1 where there is none), and the errors of sums in float64 over the latter."""
    scene, part = (image, templ) if templ.shape <= image.shape else (templ, image)
    windows, part = np.lib.stride_tricks.sliding_window_view(scene.astype("f8"), part.shape), part.astype("f8")
    error = gamma(4 * part.size + 10, unit("f8")) * 4 * ((windows**2).sum((2, 3)) + (part**2).sum())
    if method >= opencv.TM_CCOEFF:
        windows, part = windows - windows.mean((2, 3), keepdims=True), part - part.mean()
    products = (windows - part) ** 2 if method <= opencv.TM_SQDIFF_NORMED else windows * part
    numerator, squares, own = products.sum((2, 3)), (windows**2).sum((2, 3)), (part**2).sum()
    if method % 2 == 0:
        return numerator, np.ones(numerator.shape), error * 0 if image.dtype == "u1" and method < 4 else error
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(np.minimum(squares, own) > 0, error / np.minimum(squares, own), np.inf)
    return numerator, np.sqrt(squares * own), relative
