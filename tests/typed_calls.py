"""What type checkers make of calls: mypy, or pyright, checks this file; it does not run.

A NumPy array gives a NumPy array, whatever its dtype; an array of another library one of its own; numbers and nested
lists give a NumPy array.
"""

from typing import Any, Literal, assert_type

import numpy as np
from numpy.typing import NDArray

import gpuconv
import gpuconv.numpy
from gpuconv import filters, ndimage, nn, opencv, signal
from gpuconv.typing import AnyArray, ArrayT


class Elsewhere:
    """An array of another library."""

    def __dlpack__(self, *, stream: int | None = None) -> Any: ...


image, taps, other = np.ones((4, 5), np.uint8), np.ones((3, 3)), Elsewhere()

assert_type(gpuconv.convolve(image, taps, size="full", boundary="mirror", out_dtype="float32"), NDArray[Any])
assert_type(gpuconv.convolve(other, taps, stride=(1, 2), out=other), Elsewhere)
assert_type(gpuconv.convolve(image, taps, nan="omit", mask=image > 3), NDArray[Any])
assert_type(gpuconv.correlate([[1, 2], [3, 4]], other), NDArray[Any])
assert_type(gpuconv.sepconvolve(other, [[1, 2, 1], np.ones(3)]), Elsewhere)
assert_type(gpuconv.output_size(4, 3), int)
assert_type(gpuconv.output_size((4, 5), 3), tuple[int, ...])
assert_type(gpuconv.plan((4, 5), taps)(other), Elsewhere)
assert_type(gpuconv.plan((4, 5), taps)(image), NDArray[Any])
assert_type(gpuconv.explain(image, taps), gpuconv.Explanation)
assert_type(gpuconv.numpy.convolve(np.ones(5), [1, 2]), NDArray[Any])
assert_type(gpuconv.numpy.correlate(other, [1, 2], "same"), Elsewhere)

assert_type(ndimage.gaussian_filter(other, (1, 2.5), mode=["reflect", "wrap"]), Elsewhere)
assert_type(ndimage.sobel(input=image, axis=0, output=np.float32), NDArray[Any])
assert_type(ndimage.convolve1d(3.0, [1, 2]), NDArray[Any])

assert_type(signal.fftconvolve(image, image, axes=0), NDArray[Any])
assert_type(signal.upfirdn(taps[0], other, up=2), Elsewhere)
assert_type(signal.choose_conv_method(image, image), Literal["direct", "fft"])
assert_type(signal.choose_conv_method(image, image, measure=True), tuple[Literal["direct", "fft"], dict[str, float]])

assert_type(nn.conv2d(other, other, padding="same", padding_mode="circular"), Elsewhere)
assert_type(nn.conv_transpose1d(image, taps, stride=2), NDArray[Any])
assert_type(nn.conv2d_input((1, 1, 4, 5), taps, other), Elsewhere)
output, backward = nn.vjp(nn.conv2d, other, other)
assert_type(output, Elsewhere)
assert_type(backward(output), tuple[Elsewhere, Elsewhere, Elsewhere | None])

assert_type(filters.gaussian(other, 1.5, boundary="edge"), Elsewhere)
assert_type(filters.match_template(image, taps), NDArray[Any])
assert_type(filters.weights.box(3), NDArray[np.float64])
assert_type(opencv.GaussianBlur(image, (3, 3), 0), NDArray[Any])
assert_type(opencv.filter2D(other, opencv.CV_8U, kernel=taps), Elsewhere)


def blurred(x: ArrayT, weights: AnyArray) -> ArrayT:
    """A function of the caller's keeps the type, too."""
    return gpuconv.convolve(ndimage.uniform_filter(x), weights)


# Each of these is an error.
gpuconv.convolve(image, taps, size="ful")  # type: ignore
gpuconv.convolve(image, taps, boundary="reflect")  # type: ignore
gpuconv.convolve(object(), taps)  # type: ignore
ndimage.sobel(image, mode="symmetric")  # type: ignore
nn.conv2d(image, taps, padding="all")  # type: ignore
filters.box(image, 3, boundary="reflect")  # type: ignore
