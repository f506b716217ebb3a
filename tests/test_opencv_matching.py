"""gpuconv.opencv.matchTemplate beside OpenCV's."""

import itertools

import numpy as np
import pytest
from opencv_agreement import both, picture
from scipy_agreement import unit

from gpuconv import opencv
from gpuconv.planning.bounds import gamma


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("method", range(6))
def test_match_template(dtype, method):
    image = picture(dtype, (23, 31))
    image[:6, :9] = 40
    for templ in (image[4:9, 7:15].copy(), image[5:6, 20:27].copy(), picture(dtype, (30, 40), seed=1)):
        check_match(image, templ, method)


def test_templates_without_contrast():
    flat, zero, other = np.full((4, 5), 5, "u1"), np.zeros((4, 5), "u1"), picture("u1", (4, 5))
    for image, templ, method in itertools.product((flat, zero, other), (flat, zero, other), range(6)):
        check_match(image, templ[:2, :3].copy(), method)


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
