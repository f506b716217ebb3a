"""gpuconv.opencv.matchTemplate beside OpenCV's."""

import itertools

import numpy as np
import pytest
from opencv_agreement import check_match, picture

from gpuconv import opencv


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


def test_large_templates_of_whole_numbers_are_exact():
    image, templ = picture("uint8", (90, 80)), picture("uint8", (41, 40), seed=1)
    parts = np.lib.stride_tricks.sliding_window_view(image.astype("i8"), templ.shape)
    sums, squares = np.einsum("ijkl,kl->ij", parts, templ.astype("i8")), (parts**2).sum((2, 3))
    differences = squares - 2 * sums + (templ.astype("i8") ** 2).sum()
    for method, expected in ((opencv.TM_CCORR, sums), (opencv.TM_SQDIFF, differences)):
        np.testing.assert_array_equal(opencv.matchTemplate(image, templ, method), expected.astype("f4"))
