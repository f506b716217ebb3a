"""Overlap-save on the CuPy backend, through the stand-in: batches, boundaries, data that transforms would spread."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import check_convolve, random

import gpuconv
from gpuconv.engine import prepare
from gpuconv.launches import cuda_fft
from gpuconv.options import Options
from gpuconv.planning import transforms
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.planning.overlap import Sizes
from gpuconv.planning.planner import Plan, make_plan, plan_part
from gpuconv.sources import source
from gpuconv.statements import filter_call

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)

X, W = random((3, 40, 75), "f4"), random((9, 6), "f4", 1)
H100 = DeviceLimits("H100", (9, 0), multiprocessors=132, clock=1.7e9, bandwidth=3.35e12)


def fft(x, weights=W, **options):
    return gpuconv.convolve(x, weights, method="fft", backend="cupy", **options)


@pytest.mark.parametrize("boundary", ["zero", "edge", "symmetric", "mirror", "wrap"])
def test_boundaries(boundary):
    check_convolve(X, W, method="fft", backend="cupy", boundary=boundary, size="full")


@pytest.mark.parametrize(
    ("shape", "taps", "dtype", "options"),
    [
        ((2, 300), (40,), "f8", {"boundary": "mirror"}),
        ((300, 7), (40,), "f4", {"axes": 0, "stride": 2}),
        ((50, 60), (5, 7), "f2", {"stride": (2, 3), "dilation": (1, 2)}),
        ((50, 60), (1, 20), "u1", {"out_dtype": "uint8"}),
        ((50, 60), (20, 1), "i2", {"boundary": "constant", "fill": 3, "stride": (1, 3)}),
    ],
)
def test_shapes_and_dtypes(shape, taps, dtype, options):
    check_convolve(random(shape, dtype), random(taps, "f4", 1) / 9, method="fft", backend="cupy", **options)


def test_batches(monkeypatch):
    """Tiles in batches of four; the last one is filled up with tiles of nothing."""
    monkeypatch.setattr(cuda_fft, "BATCH_POINTS", 4 * 32 * 32)
    expected = gpuconv.convolve(X, W, method="fft", backend="numpy", boundary="wrap")
    monkeypatch.setitem(transforms.SIZES, "cupy", Sizes(most=32 * 32, line=32, batch=4 * 32 * 32, job=0))
    with standin.recording() as launches:
        got = fft(X, boundary="wrap")
    assert len(launches) > 3
    assert [launch.name for launch in launches[:3]] == ["fft_load", "fft_multiply", "fft_store"]
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("on_device", [False, True])
def test_not_finite_data_are_summed_instead(on_device):
    x = X.copy()
    x[1, 7, 70] = np.inf
    with standin.recording() as launches:
        got = fft(cupy.asarray(x) if on_device else x)
    got = got.get() if on_device else got
    assert launches[-1].name not in ("fft_load", "fft_multiply", "fft_store")
    sums = gpuconv.convolve(x, W, method="direct", backend="numpy")
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(sums))
    assert (~np.isfinite(got)).sum() == 9 * 6


def test_out_overlaps_the_image():
    x = cupy.asarray(X)
    expected = fft(x).get()
    assert fft(x, out=x) is x
    np.testing.assert_array_equal(x.get(), expected)


@pytest.mark.slow  # compiles each kernel with a sanitizer
@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_kernels_under_sanitizers(sanitizer):
    with standin.recording() as launches:
        fft(X, boundary="mirror", stride=2)
    for launch in launches:
        report = launch.replay_sanitized(sanitizer)
        assert report.ok, report.log


@pytest.mark.slow  # the compiler runs for every architecture
@pytest.mark.parametrize("step", cuda_fft.STEPS, ids=lambda step: step.__name__)
def test_kernels_compile_for_every_architecture(step):
    plan = prepare(filter_call(X, W, Options(method="fft", backend="cupy"), flipped=True)).plan
    (launch,) = (launch for launch in plan.launches if launch.specialization.kernel == step.__name__)
    assert len(standin.compile_all(source(launch.specialization))) > 4


def planned(shape, taps, **facts):
    call = filter_call(np.empty(shape, "f4"), random(taps, "f4"), Options(), flipped=True)
    return make_plan(call.problem, Facts(device=H100, **facts), "cupy")


def test_the_model_takes_transforms_beyond_a_crossover():
    algorithms = [planned((4096, 4096), (n, n)).algorithm for n in (7, 15, 63, 127)]
    assert [name == "fft" for name in algorithms] == [False, False, True, True]


def test_weights_on_the_device_stay_there():
    plan = planned((4096, 4096), (63, 63), weights_place="device")
    assert isinstance(plan, Plan)
    assert "fft: weights on a device would have to be fetched for their spectrum" in plan.reasons
    refusal = planned((4096, 4096), (63, 63), weights_place="device", method="fft")
    assert str(refusal).startswith("method='fft' cannot be taken: weights on a device")


def test_a_part_of_a_plan_has_transforms_too():
    plan = planned((4096, 4096), (63, 63))
    part = plan_part(plan, replace(plan.problem, extent=(512, 4096)))
    assert part.algorithm == "fft"
    assert part.instead.launches != plan.instead.launches
