"""Filters along rows on the CPU backend: numbers of taps that are compiled in, and what lies beside the image."""

import subprocess
import sys

import numpy as np
import pytest
from agreement import check_convolve, check_sepconvolve, random

from gpuconv import backends
from gpuconv.cpu import warm
from gpuconv.options import Options
from gpuconv.statements import filter_call


@pytest.fixture(autouse=True)
def compiled():
    reason = backends.reason_unavailable("cpu")
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize(("dtype", "numbers"), [("f4", (2, 3, 5, 8, 15, 16, 17)), ("f8", (2, 7, 8, 9))])
def test_numbers_of_taps_around_a_vector(dtype, numbers):
    for taps in numbers:
        x, weights = random((2, 200 + taps), dtype), random(taps, dtype, 1)
        check_convolve(x, weights, boundary="mirror", backend="cpu")
        check_sepconvolve(random((7, 128 + taps), dtype), [weights[:2], weights], backend="cpu")


@pytest.mark.parametrize("width", [8, 15, 16, 64, 127, 128, 129, 144, 193])
def test_widths_around_a_tile(width):
    for taps in (3, 16):
        check_convolve(random(width, "f4"), random(taps, "f4", 1), size="full", backend="cpu")


def test_taps_that_are_not_neighbours():
    for options in ({"dilation": 2}, {"stride": 2}, {"channel_axis": -1}):
        x = random((9, 130, 3) if "channel_axis" in options else (9, 130), "f4")
        check_convolve(x, random((1, 5), "f4", 1), backend="cpu", **options)
        check_sepconvolve(x, [random(3, "f4", 1), random(5, "f4", 2)], backend="cpu", **options)


GUARDED = """
import ctypes, mmap
import numpy as np, gpuconv
memory = mmap.mmap(-1, 3 * mmap.PAGESIZE)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
for page in (0, 2):
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + page * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
inside = np.frombuffer(memory, "f4")[mmap.PAGESIZE // 4 : mmap.PAGESIZE // 2]
inside[:] = np.arange(inside.size) % 7
for width in (1, 5, 16, 17, 64, 130, 257):
    for x in (inside[:width], inside[-width:]):
        for taps in (2, 5, 16, 17, 40):
            for image, weights in ((x, np.ones(taps, "f4")), (x[None], np.ones((3, taps), "f4"))):
                for size in ("same", "full"):
                    ours, expected = (
                        gpuconv.correlate(image, weights, size=size, method="direct", backend=name)
                        for name in ("cpu", "numpy")
                    )
                    np.testing.assert_array_equal(ours, expected)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for pages that nobody may read")
def test_nothing_beside_the_image_is_read():
    result = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr


def test_warmup_compiles_what_the_usual_lines_take():
    wanted = set(warm.default_kernels())
    for shape in ((3, 3), (5, 5), (7, 7), (15, 15), (1, 5), (1, 40)):
        problem = filter_call(np.ones((64, 64), "f4"), np.ones(shape, "f4"), Options(), flipped=True).problem
        for separable in {False, min(shape) > 1}:
            assert wanted.issuperset(warm.kernels(problem, np.dtype("f4"), separable))
