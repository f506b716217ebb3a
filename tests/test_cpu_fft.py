"""Filters by transforms on the CPU backend, against the oracle, within the bound of the plan."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from agreement import check_call, check_convolve, random

import gpuconv
from gpuconv import backends
from gpuconv.engine import facts_of
from gpuconv.options import Options
from gpuconv.planning.bounds import transform_bound
from gpuconv.statements import filter_call

pytest.importorskip("llvmlite", reason="llvmlite is not installed")
BOUNDARIES = ["zero", "edge", "symmetric", "mirror", "wrap"]


def check(shape, taps, dtype="f4", weights="f4", **options):
    """Filter by transforms, and compare with the oracle."""
    call = filter_call(
        random(shape, dtype),
        random(taps, weights, 1),
        Options(method="fft", backend="cpu", **options),
        flipped=True,
    )
    _, plan = backends.select(call.problem, facts_of(call), "cpu")
    assert plan.algorithm == "fft"
    return check_call(call)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", ["same", "full", "valid"])
def test_images(size, boundary):
    check((45, 70), (8, 5), size=size, boundary=boundary)


def test_the_bound_counts_all_tiles_that_share_a_transform():
    for dtype, shared in (("f4", 2), ("c8", 1)):
        call = filter_call(random((45, 70), dtype), random((8, 5), "f4"), Options(method="fft"), flipped=True)
        _, plan = backends.select(call.problem, facts_of(call), "cpu")
        assert plan.bound == transform_bound(plan.problem, plan.tiles.points, shared)


def test_weights_whose_squares_underflow():
    check_convolve(random((9, 20), "f8"), random((8, 5), "f8", 1) * 1e-200, method="fft", backend="cpu")


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_lines(boundary):
    check((2, 333), (40,), size="full", boundary=boundary)
    check((299, 3), (31,), axes=0, boundary=boundary)
    check((40, 9), (33, 1), boundary=boundary)
    check((3, 600), (1, 40), boundary=boundary, dilation=2)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_filter_that_reaches_far_outside(boundary):
    check((3, 2), (30, 41), boundary=boundary)
    check((5,), (70,), boundary=boundary, dilation=3)


@pytest.mark.parametrize(
    ("dtype", "weights"), [("f8", "f8"), ("f2", "f4"), ("u1", "f4"), ("c8", "c8"), ("c16", "f8"), ("f4", "c8")]
)
def test_dtypes(dtype, weights):
    check((40, 41), (6, 5), dtype, weights, boundary="mirror", dilation=(1, 2))
    check((2, 300), (30,), dtype, weights, boundary="wrap")
    check((60, 20), (20, 1), dtype, weights, boundary="edge", dilation=(2, 1))
    check((20, 31, 3), (6, 5), dtype, weights, channel_axis=-1)


@pytest.mark.parametrize("rounding", ["half_even", "floor"])
@pytest.mark.parametrize("overflow", ["saturate", "raise"])
def test_integers_out(overflow, rounding):
    scale = 0.1 if overflow == "raise" else 1.0
    x, w = random((40, 41), "u1"), (random((5, 6), "f4", 1) * scale).astype("f4")
    options = Options(out_dtype="i2", overflow=overflow, rounding=rounding, method="fft", backend="cpu")
    check_call(filter_call(x, w, options, flipped=False))


def test_a_batch_whose_last_tile_is_alone():
    check((3, 33, 20), (9, 4))


def test_layouts():
    x, w = random((44, 61), "f4"), random((7, 6), "f4", 1)
    for image in (np.asfortranarray(x), x[::-1, ::2], x[3:, 5:]):
        check_call(filter_call(image, w, Options(method="fft", backend="cpu"), flipped=True))


def test_impulses_and_a_large_range_of_values():
    x = np.zeros((70, 90), "f4")
    x[3, 4], x[60, 80], x[33, 50] = 1e30, 1.0, -1e-30
    for w in (random((9, 9), "f4", 1), np.eye(9, dtype="f4")[::-1] * np.float32(1e-6)):
        check_call(filter_call(x, w, Options(method="fft", backend="cpu"), flipped=True))


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_what_a_transform_would_spread_is_summed(value):
    x, w = random((70, 90), "f4"), random((9, 9), "f4", 1)
    x[40:43, 50] = value
    result, expected = (gpuconv.convolve(x, w, backend="cpu", method=method) for method in ("fft", "direct"))
    np.testing.assert_array_equal(result, expected)


def test_weights_that_are_not_finite():
    x, w = random((40, 50), "f4"), random((9, 9), "f4", 1)
    for value in (np.nan, np.inf):
        w[3, 3] = value
        result, expected = (gpuconv.convolve(x, w, backend="cpu", method=method) for method in ("fft", "direct"))
        np.testing.assert_array_equal(result, expected)


def test_output_over_the_image():
    x, w = random((70, 90), "f4"), random((9, 9), "f4", 1)
    expected = gpuconv.convolve(x, w, backend="cpu", method="fft")
    np.testing.assert_array_equal(gpuconv.convolve(x, w, backend="cpu", method="fft", out=x), expected)


def test_threads_do_not_change_the_result():
    x, w = random((700, 800), "f4"), random((9, 9), "f4", 1)
    before, results = gpuconv.threads.get_num_threads(), []
    for threads in (1, 3):
        gpuconv.threads.set_num_threads(threads)
        results.append(gpuconv.convolve(x, w, backend="cpu", method="fft"))
    gpuconv.threads.set_num_threads(before)
    np.testing.assert_array_equal(*results)


SOME = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_cpu_fft
test_cpu_fft.test_images("same", "wrap")
test_cpu_fft.test_lines("edge")
"""


@pytest.mark.parametrize(
    "variable",
    [
        "GPUCONV_CPU_VECTOR=256",
        pytest.param("GPUCONV_CPU_VECTOR=128", marks=pytest.mark.slow),  # as 256, with other squares to transpose
        pytest.param("GPUCONV_CPU=generic", marks=pytest.mark.slow),  # as 128, without multiply-add
    ],
)
def test_lesser_processors(variable):
    environment = dict(os.environ, **dict([variable.split("=")]))
    subprocess.run([sys.executable, "-W", "ignore", "-c", SOME], env=environment, timeout=300, check=True)
