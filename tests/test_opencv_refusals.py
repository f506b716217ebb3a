"""What gpuconv.opencv refuses: all that OpenCV refuses, and little more."""

import numpy as np
import pytest
from opencv_agreement import cv2

from gpuconv import opencv

X = np.zeros((5, 6), np.uint8)
K = np.ones((3, 3))


@pytest.mark.parametrize(
    ("name", "args", "options", "message"),
    [
        ("filter2D", (X, -1, K), {"borderType": 3}, "BORDER_WRAP is for GaussianBlur"),
        ("filter2D", (X, -1, K), {"borderType": 5}, "borderType must be"),
        ("filter2D", (X, 1, K), {}, "ddepth must be"),
        ("filter2D", (X, -1, K), {"anchor": (3, 0)}, "anchor must lie inside"),
        ("filter2D", (X, -1, np.ones((0, 3))), {}, "kernel must be 2D"),
        ("filter2D", (X[:0], -1, K), {}, "at least one pixel"),
        ("sepFilter2D", (X, -1, K, K), {}, "kernelY must be one row or one column"),
        ("GaussianBlur", (X, (4, 3), 0), {}, "ksize must be odd"),
        ("GaussianBlur", (X, (0, 0), 0), {}, "ksize must be odd"),
        ("blur", (X, (0, 3)), {}, "ksize must be at least"),
        ("blur", (X, (3, 3)), {"borderType": 3}, "BORDER_WRAP"),
        ("getGaussianKernel", (0, 1), {}, "ksize must be at least 1"),
        ("getGaussianKernel", (3, 1, 0), {}, "ktype must be"),
        ("Sobel", (X, -1, 0, 0), {}, "not both 0"),
        ("Sobel", (X, -1, 3, 0), {}, "greater than the order"),
        ("Sobel", (X, -1, 1, 0), {"ksize": 4}, "ksize must be odd"),
        ("Scharr", (X, -1, 1, 1), {}, "one of dx and dy"),
        ("Laplacian", (X, -1), {"ksize": 33}, "ksize must be odd"),
        ("matchTemplate", (X, X, 6), {}, "method must be"),
        ("matchTemplate", (X, X.T.copy(), 0), {}, "templ must fit"),
    ],
)
def test_both_refuse(name, args, options, message):
    with pytest.raises(cv2.error):
        getattr(cv2, name)(*args, **options)
    with pytest.raises(ValueError, match=message):
        getattr(opencv, name)(*args, **options)


def test_what_is_refused_here_alone():
    with pytest.raises(ValueError, match="kernel must be 2D"):
        opencv.filter2D(X, -1, np.ones(3))
    with pytest.raises(ValueError, match="dst must have"):
        opencv.filter2D(X, -1, K, np.empty((5, 6)))
    with pytest.raises(ValueError, match="mask must be None"):
        opencv.matchTemplate(X, X, 0, mask=X)


@pytest.mark.parametrize("dtype", ["int8", "bool", "complex64", "int64"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match="src must have dtype"):
        opencv.filter2D(X.astype(dtype), -1, K)


def test_matching_takes_two_of_a_kind():
    with pytest.raises(TypeError, match="same dtype"):
        opencv.matchTemplate(X, X.astype("f4"), 0)
    with pytest.raises(TypeError, match="uint8 or float32"):
        opencv.matchTemplate(X.astype("u2"), X.astype("u2"), 0)
