"""Filters along one axis: right at every size, and along every axis without a copy; what their machine code costs."""

import itertools
from dataclasses import replace

import cupy
import numpy as np
import pytest
import standin
from agreement import check_convolve, check_sepconvolve, random
from kernel_runs import assert_right, check, image_filter, out_of, planned, record
from standin import mutate, mutations

import gpuconv
from gpuconv.engine import facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns, conv1d_rows
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import BOUNDARIES, Problem

DTYPES = [("f4", "f4", None), ("f8", "f8", None), ("f2", "f4", None), ("u1", "f4", "u1"), ("i2", "i2", None)]


def on_one_multiprocessor(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """With large blocks, as for long signals."""
    return conv1d_rows(problem, replace(facts, device=DeviceLimits(multiprocessors=1)))


@pytest.mark.parametrize("taps", [1, 15, 16, 17, 32, 1025])
@pytest.mark.parametrize("width", [1, 513, 2049])
def test_rows(width, taps):
    check(on_one_multiprocessor, image_filter((2, width), (taps,), boundary="symmetric"))


@pytest.mark.parametrize(("boundary", "types"), list(zip(BOUNDARIES, itertools.cycle(DTYPES), strict=False)))
def test_rows_of_every_kind(boundary, types):
    image, weights, out = types
    call = image_filter((2, 700), (39,), (image, weights), boundary=boundary, out_dtype=out)
    check(conv1d_rows, replace(call, operands=replace(call.operands, weights=call.operands.weights % 50)))


def test_thousands_of_taps():
    check(on_one_multiprocessor, image_filter((7100,), (7001,), size="valid"))


def test_rows_of_images():
    """A filter one tap high."""
    check(conv1d_rows, image_filter((2, 5, 300), (1, 31), boundary="wrap"))


@pytest.mark.parametrize("taps", [2, 8])
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i2"])
def test_columns(taps, dtype):
    weights = "f8" if dtype == "f8" else "i2" if dtype == "i2" else "f4"
    check(separable_stream, image_filter((2, 41, 267), (taps, 1), (dtype, weights), boundary="mirror"))


@pytest.mark.parametrize("taps", [1, 2, 15, 16, 33, 300])
@pytest.mark.parametrize("shape", [(1, 1), (2, 129, 33), (127, 5)])
def test_long_columns(shape, taps):
    check(conv1d_columns, image_filter(shape, (taps, 1), boundary="wrap", size="full" if taps == 300 else "same"))


@pytest.mark.parametrize(("boundary", "types"), list(zip(BOUNDARIES, itertools.cycle(DTYPES), strict=False)))
def test_long_columns_of_every_kind(boundary, types):
    call = image_filter((70, 40), (39, 1), types[:2], boundary=boundary, out_dtype=types[2])
    check(conv1d_columns, replace(call, operands=replace(call.operands, weights=call.operands.weights % 50)))


SHAPES_AND_AXES = [((50, 70), 0), ((3, 20, 40), 1), ((20, 5, 13), 0), ((2, 9, 4, 5), 1), ((1, 9, 1, 4), 1), ((9, 1), 0)]


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
@pytest.mark.parametrize("taps", [5, 40])
def test_any_axis(backend, shape, axis, taps):
    x, w = random(shape, "f4"), random((taps,), "f4", 1)
    expected = np.moveaxis(
        check_convolve(np.moveaxis(x, axis, -1).copy(), w, boundary="mirror", backend=backend), -1, axis
    )
    bound = 2 * (taps + 6) * 2.0**-24 * np.abs(w).sum() * np.abs(x).max()
    for view in (x, np.asfortranarray(x), np.flip(x).copy()[tuple(slice(None, None, -1) for _ in shape)]):
        result = check_convolve(view, w, boundary="mirror", backend=backend, axes=axis)
        np.testing.assert_allclose(result, expected, rtol=0, atol=bound)
    check_sepconvolve(x, [w], boundary="edge", backend=backend, axes=axis, size="full")
    out = np.empty(shape, "f4")
    assert gpuconv.convolve(x, w, axes=axis, boundary="mirror", backend=backend, out=out) is out
    np.testing.assert_allclose(out, expected, rtol=0, atol=bound)
    target = np.full((*shape[:-1], 2 * shape[-1]), np.nan, "f4")  # whose columns do not lie side by side
    gpuconv.convolve(x, w, axes=axis, boundary="mirror", backend=backend, out=target[..., ::2])
    np.testing.assert_allclose(target[..., ::2], expected, rtol=0, atol=bound)
    assert np.isnan(target[..., 1::2]).all()


@pytest.mark.usefixtures("standin_cupy")
@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES[:4])
def test_arrays_on_a_device_are_not_copied(shape, axis, monkeypatch):
    """The kernel gets the array itself, and writes to the result itself."""
    x = cupy.asarray(random(shape, "f4"))
    for copy in ("ascontiguousarray", "copyto"):
        original = getattr(cupy, copy)

        def checked(array, *args, original=original):
            result = original(array, *args)
            assert result is None or result.data.ptr == array.data.ptr
            return result

        monkeypatch.setattr(cupy, copy, checked)
    monkeypatch.setattr(cupy, "copyto", lambda *args: pytest.fail("the result was copied"))
    with standin.recording() as launches:
        gpuconv.convolve(x, random((5,), "f4"), axes=axis, backend="cupy")
    (launch,) = launches
    assert launch.name == "separable_stream"


@pytest.mark.parametrize(
    "case", [((2, 2100), (60,), "f4"), ((700,), (40,), "u1"), ((2, 300), (33,), "f8"), ((2, 140, 37), (150, 1), "f4")]
)
def test_sanitizers_are_content(case):
    shape, taps, dtype = case
    call = image_filter(shape, taps, (dtype, "f8" if dtype == "f8" else "f4"), boundary="edge")
    launcher = conv1d_columns if len(taps) == 2 else on_one_multiprocessor
    launch = record(launcher, call)
    for kind in ("address", "thread"):
        report = launch.replay_sanitized(kind, "random:3")
        assert report.ok, report.log
        assert_right(launcher, call, out_of(launch, report.arrays))


@pytest.mark.parametrize("arch", ["sm_75", "sm_86", "sm_90"])
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(arch):
    for launcher, call in (
        (on_one_multiprocessor, image_filter((2300,), (1040,), boundary="mirror")),
        (conv1d_rows, image_filter((300,), (33,), ("f8", "f8"), boundary="wrap")),
        (separable_stream, image_filter((40, 520), (8, 1), boundary="edge")),
        (conv1d_columns, image_filter((150, 40), (140, 1), boundary="edge")),
    ):
        launch = record(launcher, call)
        arrays, stats = launch.replay_sass(arch)
        assert_right(launcher, call, out_of(launch, arrays))
        assert stats.bank_conflicts == 0
        assert stats.static["local_bytes"] == 0


@pytest.mark.parametrize("arch", ["sm_75", "sm_90", "sm_120"])
@pytest.mark.parametrize(("taps", "share"), [(64, 0.65), (1024, 0.91)])
@pytest.mark.usefixtures("nvrtc")
def test_what_an_output_costs(taps, share, arch):
    """A block inside the signal: one multiply-add a product, and few other instructions."""
    call = image_filter((6144,), (taps,))
    stats = record(on_one_multiprocessor, call).replay_sass(arch, blocks=(1, 2))[1]
    assert (stats.count("FFMA") + 2 * stats.count("FFMA2")) * 32 == 2048 * taps
    assert stats.ffma_share >= share
    assert stats.bank_conflicts == 0


FAULTS = [
    ("first - pad + begin", "first + begin"),
    ("piece), taps - begin)", "piece), taps - begin - 1)"),
    ("(count + OUTPUTS - 1) / OUTPUTS) * OUTPUTS", "count / OUTPUTS) * OUTPUTS"),
    ("k * OUTPUTS < count", "k * OUTPUTS + OUTPUTS < count"),
    ("start >= 0 && start + span", "start + span"),
    ("load(samples[0], k + 2)", "load(samples[0], k + 1)"),
    ("t >= count", "t > count"),
    ("lane / OUTPUTS * 4 * OUTPUTS", "lane / OUTPUTS * 2 * OUTPUTS"),
    ("first_element() + at >= rest", "first_element() + at > rest"),
    ("out += n * out_pitch", "out += n * pitch"),
]
FAULTS_OF_COLUMNS = [
    ("first - pad + begin", "first + begin"),
    ("piece, taps - begin)", "piece, taps - begin - 1)"),
    ("min(x, width - 1)", "x"),
    ("top + rows <= height", "top <= height"),
    ("if (x >= width) return;", ""),
    ("if (y + i < out_h)", "if (y + i <= out_h)"),
    ("n * out_image_pitch", "n * image_pitch"),
    ("OUTPUTS + i) * 32", "OUTPUTS + i) * 31"),
    ("rows = TILE_H +", "rows = TILE_H - OUTPUTS +"),
]


def is_found(launch: standin.Launch, expected: np.ndarray) -> bool:
    try:
        return not np.array_equal(out_of(launch, launch.replay_sass("sm_86")[0]), expected)
    except standin.sassrun().SassError:
        return True


@pytest.mark.parametrize(("pattern", "replacement"), FAULTS)
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(pattern, replacement):
    launch = record(on_one_multiprocessor, image_filter((2, 2200), (55,), boundary="edge", size="full"))
    expected = out_of(launch, launch.replay_sass("sm_86")[0])
    assert not is_found(launch, expected)
    assert is_found(replace(launch, text=mutate(launch.text, pattern, replacement)), expected)


@pytest.mark.parametrize(("pattern", "replacement"), FAULTS_OF_COLUMNS)
@pytest.mark.usefixtures("nvrtc")
def test_faults_in_columns_are_found(pattern, replacement):
    launch = record(conv1d_columns, image_filter((2, 150, 40), (35, 1), boundary="edge", size="full"))
    expected = out_of(launch, launch.replay_sass("sm_86")[0])
    assert not is_found(launch, expected)
    assert is_found(replace(launch, text=mutate(launch.text, pattern, replacement)), expected)


BARRIERS = range(3)


@pytest.mark.parametrize("barrier", BARRIERS)
def test_every_barrier_is_needed(barrier):
    launch = record(on_one_multiprocessor, image_filter((2, 600), (1100,)))
    texts = [text for _, text in mutations(launch.text)]
    assert len(texts) == len(BARRIERS)
    report = replace(launch, text=texts[barrier]).replay_sanitized("thread")
    assert "data race" in report.log


@pytest.mark.parametrize(
    ("launcher", "call", "sentence"),
    [
        (conv1d_rows, image_filter((9,), (3,), stride=2), "stride and dilation 1"),
        (conv1d_rows, image_filter((9, 9), (3, 3)), "rows of images"),
        (conv1d_rows, image_filter((9, 9), (1, 3), origin=(0, 0), size="full", dilation=(1, 2)), "dilation"),
        (separable_stream, image_filter((9, 9), (3, 3)), "outer product"),
        (separable_stream, image_filter((9, 9), (3, 1), dilation=2), "stride and dilation 1"),
        (separable_stream, image_filter((9, 9), (32, 1)), "2 to 31 taps"),
    ],
)
def test_refusals(launcher, call, sentence):
    refusal = launcher(call.problem, facts_of(call))
    assert isinstance(refusal, str)
    assert sentence in refusal


def test_blocks_fit_the_signals():
    """Small ones where large ones would be idle: few or short signals."""
    threads = {}
    for shape in ((1, 10**7), (1, 10**4), (10**5, 600), (10**5, 2048)):
        problem = replace(image_filter((1,), (9,)).problem, batch=shape[:1], extent=shape[1:])
        threads[shape] = conv1d_rows(problem, Facts(weights_sum=1)).block[0]
    assert list(threads.values()) == [128, 32, 32, 128]
    assert planned(conv1d_rows, image_filter((9,), (3,))).launches[0].block == (32, 1, 1)
