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
