"""Volumes on the CPU backend: slices and their boundary, tiles and blocks, dtypes, axes that are not filtered."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from agreement import check_call, check_convolve, check_sepconvolve, random

import gpuconv
from gpuconv import backends, nn
from gpuconv.backends.boundary import source_index
from gpuconv.cpu import fft_recipe, filters, volume_job, warm
from gpuconv.cpu.recipe import recipe
from gpuconv.cpu.volume_job import HELD, schedule
from gpuconv.engine import execute
from gpuconv.errors import UnsupportedProblemError
from gpuconv.filters.gradient import magnitude_call
from gpuconv.launches.cpu_fft import fft_tiles
from gpuconv.options import Options
from gpuconv.statements import filter_call, separable_call

BOUNDARIES = ["zero", "edge", "symmetric", "mirror", "wrap"]


@pytest.fixture(autouse=True)
def compiled():
    reason = backends.reason_unavailable("cpu")
    if reason:
        pytest.skip(reason)


def factors_of(taps, dtype="f4"):
    return [random(count, dtype, axis) for axis, count in enumerate(taps)]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_extents_around_a_tile(boundary):
    for shape, taps in (((1, 1, 1), (3, 3, 3)), ((7, 13, 64), (3, 3, 3)), ((4, 2, 6), (8, 6, 5))):
        check_convolve(random(shape, "f4"), random(taps, "f4", 1), boundary=boundary, backend="cpu")
        check_sepconvolve(random(shape, "f4"), factors_of(taps), boundary=boundary, backend="cpu")


@pytest.mark.parametrize("size", ["full", "valid"])
def test_sizes(size):
    for taps in ((3, 3, 3), (8, 2, 3)):
        check_convolve(random((9, 8, 20), "f4"), random(taps, "f4", 1), size=size, backend="cpu")
        check_sepconvolve(random((9, 8, 20), "f4"), factors_of(taps), size=size, backend="cpu")


@pytest.mark.parametrize(
    "options", [{"stride": (2, 1, 3)}, {"stride": (3, 2, 1)}, {"dilation": (2, 3, 1)}, {"axes": (2, 0, 1)}]
)
def test_strides_dilations_and_axes(options):
    for dtype in ("f4", "u1"):
        check_convolve(
            random((11, 12, 20), dtype), random((3, 3, 3), "f4", 1), boundary="mirror", backend="cpu", **options
        )
    check_sepconvolve(random((11, 12, 20), "f4"), factors_of((3, 3, 3)), boundary="wrap", backend="cpu", **options)


@pytest.mark.parametrize(
    ("image", "weights", "out"),
    [("u1", "i1", None), ("u2", "i2", "u2"), ("u1", "f4", "u1"), ("u2", "f4", "f4"), ("f8", "f8", None)],
)
def test_dtypes(image, weights, out):
    options = {"boundary": "edge", "out_dtype": out, "backend": "cpu"}
    check_convolve(random((5, 7, 40), image), random((3, 3, 3), weights, 1), **options)
    check_sepconvolve(random((5, 7, 40), image), [random(3, weights, i) // 8 for i in range(3)], **options)


def test_complex_numbers_fill_values_and_left_out_taps():
    x, w = random((5, 7, 9), "c8"), random((3, 2, 3), "c8", 1)
    check_convolve(x, w, boundary="constant", fill=2 - 1j, backend="cpu")
    check_convolve(x.real, w, boundary="symmetric", backend="cpu")
    check_sepconvolve(x.real, factors_of((3, 3, 2)), boundary="constant", fill=0.5, backend="cpu")
    laplace = np.zeros((3, 3, 3), "f4")
    laplace[1, 1] = laplace[1, :, 1] = laplace[:, 1, 1] = 1
    real = x.real.copy()
    real[2, 3, 4] = np.nan
    result = check_convolve(real, laplace, boundary="wrap", skip_zero_taps=True, backend="cpu")
    assert np.isnan(result).sum() == 7
    assert np.isnan(gpuconv.convolve(real, laplace, backend="cpu")).sum() == 27


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_transforms(boundary):
    """Slices that fill no group, tiles at every edge of the slices, and slices that the boundary shows again."""
    for shape, taps in (((1, 3, 5), (3, 2, 4)), ((6, 9, 65), (4, 3, 5))):
        for dtype in ("f4", "u1"):
            x, w = random(shape, dtype), random(taps, "f4", 1)
            check_convolve(x, w, boundary=boundary, method="fft", backend="cpu")
    x, w = random((5, 7, 9), "c16"), random((2, 3, 3), "c16", 1)
    check_convolve(x, w, boundary=boundary, method="fft", backend="cpu")


def test_transforms_with_dilation_padding_and_channels():
    x, w = random((7, 9, 20), "f8"), random((3, 2, 3), "f8", 1)
    check_convolve(x, w, dilation=(2, 3, 1), size="full", method="fft", backend="cpu")
    check_convolve(x, w, boundary="constant", fill=3, out_dtype="f4", method="fft", backend="cpu")
    check_convolve(random((5, 6, 20, 2), "f4"), w, channel_axis=-1, out_dtype="i2", method="fft", backend="cpu")
    x[3, 4, 5] = np.inf
    assert np.isinf(check_convolve(x, np.abs(w), method="fft", backend="cpu")).sum() == w.size


def test_channels_side_by_side():
    x, w = random((6, 8, 20, 3), "f4"), random((3, 3, 3), "f4", 1)
    result = gpuconv.convolve(x, w, channel_axis=-1, boundary="edge", backend="cpu")
    for channel in range(3):
        alone = gpuconv.convolve(np.ascontiguousarray(x[..., channel]), w, boundary="edge", backend="cpu")
        np.testing.assert_array_equal(result[..., channel], alone)


@pytest.mark.parametrize("taps", [(1, 3, 4), (3, 1, 4), (3, 4, 1), (1, 1, 5), (5, 1, 1), (1, 5, 1), (1, 1, 1)])
def test_axes_of_one_tap(taps):
    check_convolve(random((5, 9, 40), "f4"), random(taps, "f4", 1), boundary="mirror", backend="cpu")
    check_sepconvolve(random((5, 9, 40), "f4"), factors_of(taps), boundary="mirror", backend="cpu")


def test_stride_over_padded_rows_of_one_tap():
    x, w = random((1, 1, 4, 9, 20), "f4"), random((1, 1, 2, 1, 3), "f4", 1)
    check_call(replace(nn.layer_call(3, x, w, stride=(1, 2, 1), padding=1), backend="cpu"))


def test_more_axes_are_a_batch_where_they_are_not_filtered():
    x, w = random((2, 3, 5, 6, 20), "f4"), random((3, 2, 3), "f4", 1)
    for taps in ((1, 3, 1, 2, 3), (3, 1, 2, 1, 3)):
        check_convolve(x, w.reshape(taps), boundary="wrap", backend="cpu")
    with pytest.raises(UnsupportedProblemError, match="filters at most 3 axes at a time; got 4"):
        gpuconv.convolve(x, np.ones((2, 2, 1, 2, 2)), backend="cpu")
    cropped = gpuconv.convolve(x[0, 0], w[:1, :, :], stride=(2, 1, 1), backend="cpu")
    np.testing.assert_array_equal(cropped, gpuconv.convolve(x[0, 0], w[0], axes=(1, 2), backend="cpu")[::2])


def test_blocks_and_threads_change_nothing(monkeypatch):
    """Several blocks down and across, and threads that take them: the same sums in the same order."""
    x, options = random((9, 40, 300), "f4"), Options(boundary="symmetric", method="direct", backend="cpu")
    calls = [
        filter_call(x, random((3, 4, 5), "f4", 1), options, flipped=True),
        separable_call(x, factors_of((9, 5, 3)), replace(options, method="separable")),
        separable_call(x, factors_of((9, 5, 3)), replace(options, method="separable", out_dtype="u1")),
    ]
    whole = [execute(call) for call in calls]
    monkeypatch.setattr(volume_job, "RING_BYTES", 1 << 12)
    monkeypatch.setattr(volume_job, "SLICES_BYTES", 1 << 14)
    monkeypatch.setattr(filters, "LEAST_SECONDS", 0)
    monkeypatch.setattr(filters, "get_num_threads", lambda: 3)
    recipe.cache_clear()
    for call, expected in zip(calls, whole, strict=True):
        np.testing.assert_array_equal(execute(call), expected)
    recipe.cache_clear()


def test_no_copy_of_the_volume():
    x, out = np.ones((64, 128, 128), "f4")[:, ::-1], np.empty((64, 128, 128), "f4")
    for call in (gpuconv.convolve, gpuconv.sepconvolve):
        w = np.ones((9, 9, 9), "f4") if call is gpuconv.convolve else [np.ones(9, "f4")] * 3
        options = {"method": "direct"} if call is gpuconv.convolve else {}
        call(x, w, out=out, backend="cpu", **options)  # compiles
        tracemalloc.start()
        call(x, w, out=out, backend="cpu", **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (out[4:-4, 4:-4, 4:-4] == 729).all()
        assert peak < out.nbytes // 4


def test_out_that_is_strided_or_overlaps():
    x, w = random((7, 20, 33), "f4"), random((3, 3, 3), "f4", 1)
    for call, weights in ((gpuconv.convolve, w), (gpuconv.sepconvolve, factors_of((3, 3, 3)))):
        expected = call(x, weights, backend="cpu")
        memory = x.copy()
        call(memory, weights, out=memory, backend="cpu")
        np.testing.assert_array_equal(memory, expected)
        guarded = np.full((9, 22, 68), 7, "f4")
        for step in (1, 2):
            inner = guarded[1:-1, 1:-1, 1 : 1 + 33 * step : step]
            call(x, weights, out=inner, backend="cpu")
            np.testing.assert_array_equal(inner, expected)
            inner[...] = 7
            assert (guarded == 7).all()


def test_the_magnitude_of_two_filters():
    weights = random((3, 3, 3), "f4", 1), random((3, 3, 3), "f4", 2)
    check_call(magnitude_call(random((9, 12, 40), "f4"), weights, Options(boundary="edge", backend="cpu")))


def test_what_is_separable_is_taken_in_passes():
    weights = np.multiply.outer(np.multiply.outer([1, 2, 1], [1, 4, 1]), [1, 3, 2])
    assert gpuconv.explain(np.ones((9, 9, 9), "f4"), weights, backend="cpu").algorithm == "separable"
    weights[0, 0, 0] = 2
    assert gpuconv.explain(np.ones((9, 9, 9), "f4"), weights, backend="cpu").algorithm == "direct"


def test_warmup_compiles_what_the_usual_volumes_take():
    wanted = set(warm.default_kernels())
    for taps in (3, 5, 7, 9, 13):
        problem = filter_call(np.ones((9, 9, 9), "f4"), np.ones((taps,) * 3, "f4"), Options(), flipped=True).problem
        for terms in (0, 1):
            assert wanted.issuperset(warm.kernels(problem, np.dtype("f4"), terms))
        points = fft_tiles(problem, 1.0).points
        assert wanted.issuperset(fft_recipe.kernels(problem, points, np.dtype("f4")))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("extent", "taps", "stride", "at_once"), [(9, 5, 1, 6), (3, 9, 1, 4), (20, 3, 5, 2), (1, 4, 1, 1)]
)
def test_every_slice_is_there_when_it_is_needed(boundary, extent, taps, stride, at_once):
    outputs = (extent - 1) // stride + 1
    window = (outputs - 1) * stride + taps
    wanted = source_index(np.arange(window) - taps // 2, extent, boundary)
    groups = [
        (first * stride, (min(first + at_once, outputs) - 1) * stride + taps) for first in range(0, outputs, at_once)
    ]
    sources, slots = schedule(wanted, groups)
    ring, entered = {}, 0
    for start, stop in groups:
        for j in range(max(start, entered), stop):
            if sources[j] != HELD:
                ring[slots[j]] = sources[j]
        entered = stop
        assert [ring[slots[j]] for j in range(start, stop)] == list(wanted[start:stop])
    assert slots.max() < max(stop - start for start, stop in groups)
