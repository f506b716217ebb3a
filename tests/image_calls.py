"""Calls of OpenCV's filters, drawn from all their arguments; each is compared as tests/opencv_agreement.py does."""

from collections.abc import Callable
from typing import Any

import numpy as np
from face_calls import Draw, extents, one_of, some
from opencv_agreement import BORDERS, DEPTHS, DTYPES, check, check_match, picture

from gpuconv import opencv


def image(draw: Draw, dtypes: Any = DTYPES) -> np.ndarray:
    shape = extents(draw, 2, 24) + one_of(draw, ((), (), (3,), (1,), (4,)))
    return picture(one_of(draw, dtypes), shape, int(draw.integers(99)))


def options_of(draw: Draw, **pools: Any) -> dict[str, Any]:
    return some(draw, borderType=BORDERS, **pools)


def weights(draw: Draw, shape: tuple[int, ...]) -> tuple[np.ndarray, int, float]:
    """Whole numbers, whose sums are exact, or fractions with their number and the sum of their magnitudes."""
    if draw.random() < 0.5:
        return draw.integers(-3, 4, shape).astype("f4"), 0, 0.0
    taps = draw.standard_normal(shape)
    return taps, taps.size, float(np.abs(taps).sum())


def filtered(draw: Draw) -> bool:
    size = extents(draw, 2, 6)
    kernel, taps, total = weights(draw, size)
    anchor = (int(draw.integers(size[1])), int(draw.integers(size[0])))
    options = options_of(draw, anchor=[(-1, -1), anchor], delta=(0, 3, -7.5))
    return check("filter2D", image(draw), one_of(draw, DEPTHS), kernel, taps=taps, total=total, **options)


def separable(draw: Draw) -> bool:
    (row, *some_taps), (column, *other_taps) = (weights(draw, extents(draw, 1, 6)) for _ in range(2))
    product = np.abs(np.outer(row, column))
    taps, total = (product.size, float(product.sum())) if some_taps[0] or other_taps[0] else (0, 0.0)
    options = options_of(draw, delta=(0, 3.25))
    return check("sepFilter2D", image(draw), one_of(draw, DEPTHS), row, column, taps=taps, total=total, **options)


def sobel(draw: Draw) -> bool:
    dx, dy = one_of(draw, ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2)))
    options = options_of(draw, ksize=(3, 5, 7, -1 if dx + dy == 1 else 3), scale=(1, 0.5), delta=(0, 4))
    src = image(draw, ("uint8", "float32", "float64") if options.get("ksize") == 7 else DTYPES)  # sums below 2**24
    return check("Sobel", src, one_of(draw, DEPTHS), dx, dy, **options)


def scharr(draw: Draw) -> bool:
    options = options_of(draw, scale=(1, 2), delta=(0, -1))
    return check("Scharr", image(draw), one_of(draw, DEPTHS), *one_of(draw, ((1, 0), (0, 1))), **options)


def laplacian(draw: Draw) -> bool:
    options = options_of(draw, ksize=(1, 3, 5), scale=(1, 0.25), delta=(0, 10))
    return check("Laplacian", image(draw), one_of(draw, DEPTHS), **options)


def box(draw: Draw) -> bool:
    src, ksize = image(draw), extents(draw, 2, 6)
    ddepth = one_of(draw, (-1, opencv.CV_32F, opencv.CV_64F))  # int16 in unsigned depths wraps in OpenCV
    return check("boxFilter", src, ddepth, ksize, normalize=False, **options_of(draw))


def blur(draw: Draw) -> bool:
    src, ksize = image(draw), extents(draw, 2, 6)
    options = options_of(draw, anchor=[(0, 0), (-1, -1)])
    return check("blur", src, ksize, taps=ksize[0] * ksize[1], total=1, fixed_point=src.dtype == "u1", **options)


def gaussian(draw: Draw) -> bool:
    src = image(draw)
    ksize, sigma = one_of(draw, (((3, 3), 0), ((5, 7), 0), ((9, 1), 1.3), ((0, 0), 0.8), ((5, 5), 2)))
    fixed = src.dtype in ("u1", "u2")
    return check("GaussianBlur", src, ksize, sigma, taps=0 if fixed else 121, total=1, **options_of(draw))


def match(draw: Draw) -> bool:
    scene = picture(one_of(draw, ("uint8", "float32")), draw.integers(4, 24, 2), int(draw.integers(99)))
    height, width = (int(draw.integers(1, n)) for n in scene.shape)
    check_match(scene, scene[:height, -width:].copy(), int(draw.integers(6)))
    return True


CALLS: dict[str, Callable[[Draw], bool]] = {
    "GaussianBlur": gaussian,
    "Laplacian": laplacian,
    "Scharr": scharr,
    "Sobel": sobel,
    "blur": blur,
    "boxFilter": box,
    "filter2D": filtered,
    "matchTemplate": match,
    "sepFilter2D": separable,
}
