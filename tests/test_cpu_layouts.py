"""The CPU backend and memory: layouts, outputs, what is read, copied and written."""

import tracemalloc

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv.cpu.layout import layout
from gpuconv.options import Options
from gpuconv.statements import filter_call


def test_colours_beside_each_other_are_pixels_of_one_row():
    image, w = random((14, 18, 3), "u1"), random((3, 5), "f4", 1)
    expected = np.stack([gpuconv.convolve(image[..., c], w, boundary="edge", backend="cpu") for c in range(3)], -1)
    for x in (image, np.ascontiguousarray(np.moveaxis(image, -1, 0)).transpose(1, 2, 0)):
        result = gpuconv.convolve(x, w, channel_axis=-1, boundary="edge", backend="cpu")
        np.testing.assert_array_equal(result, expected)
    call = filter_call(image, w, Options(channel_axis=-1), flipped=True)
    strides = call.operands.image.strides
    assert layout(call.problem, strides, tuple(4 * s for s in strides)).inner.extent == 3


@pytest.mark.parametrize("layout_", ["fortran", "strided", "negative", "read-only", "uint8"])
def test_no_copy_of_the_image(layout_):
    n = 1024
    x = {
        "fortran": lambda: np.ones((n, n), "f4", order="F"),
        "strided": lambda: np.ones((2 * n, 2 * n), "f4")[::2, ::2],
        "negative": lambda: np.ones((n, n), "f4")[::-1, ::-1],
        "read-only": lambda: np.broadcast_to(np.float32(1), (n, n)),
        "uint8": lambda: np.ones((n, n), "u1"),
    }[layout_]()
    out, w = np.empty((n, n), "f4"), np.ones((9, 9), "f4")
    gpuconv.convolve(x, w, out=out, backend="cpu")  # compiles
    tracemalloc.start()
    gpuconv.convolve(x, w, out=out, backend="cpu")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (out[4:-4, 4:-4] == 81).all()
    assert peak < n * n  # a quarter of the output


def test_out_that_is_small_strided_or_overlaps():
    x, w = random((40, 70), "f4"), random((3, 3), "f4", 1)
    expected = gpuconv.convolve(x, w, backend="cpu")
    memory = x.copy()
    gpuconv.convolve(memory, w, out=memory, backend="cpu")
    np.testing.assert_array_equal(memory, expected)
    wide = np.zeros((80, 140), "f4")
    gpuconv.convolve(x, w, out=wide[::-2, ::2], backend="cpu")
    np.testing.assert_array_equal(wide[::-2, ::2], expected)
    assert not wide[:, 1::2].any()
    guarded = np.full((42, 72), 7, "f4")
    gpuconv.convolve(x, w, out=guarded[1:-1, 1:-1], backend="cpu")
    guarded[1:-1, 1:-1] = 7
    assert (guarded == 7).all()


def test_nothing_is_read_beyond_the_image():
    """An image at the very end of its memory, and after a guard of nan."""
    for width in (16, 17, 64, 100):
        memory = np.full(3 * width * 9, np.nan, "f4")
        x = memory[width * 9 : 2 * width * 9].reshape(9, width)
        x[...] = random((9, width), "f4")
        for taps in ((3, 3), (7, 7), (1, 40)):
            assert np.isfinite(gpuconv.convolve(x, np.ones(taps), boundary="symmetric", backend="cpu")).all()
