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
from gpuconv.planning.bounds import gamma
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.planning.overlap import Sizes
from gpuconv.planning.planner import make_plan, plan_part
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
        ((50, 60), (5, 7), "c8", {"boundary": "wrap"}),
        ((50, 60), (20, 1), "c16", {"boundary": "constant", "fill": 3 + 2j, "dilation": (2, 1)}),
    ],
)
def test_shapes_and_dtypes(shape, taps, dtype, options):
    weights = random(taps, dtype if dtype[0] == "c" else "f4", 1) / 9
    check_convolve(random(shape, dtype), weights, method="fft", backend="cupy", **options)


def test_batches(monkeypatch):
    """Tiles in batches of four; the last one is filled up with tiles of nothing."""
    monkeypatch.setattr(cuda_fft, "BATCH_POINTS", 4 * 32 * 32)
    expected = gpuconv.convolve(X, W, method="fft", backend="numpy", boundary="wrap")
    monkeypatch.setitem(transforms.SIZES, "cupy", Sizes(most=32 * 32, line=32, batch=4 * 32 * 32, job=0))
    with standin.recording() as launches:
        got = fft(X, boundary="wrap")
    names = [launch.name for launch in launches]
    assert names == ["fft_filter", *["fft_load", "fft_multiply", "fft_store"] * (len(names) // 3)]
    assert len(names) > 4
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", ["f4", "c8"])
def test_what_is_not_finite_is_summed_up_directly(dtype):
    """A transform spreads it over its tile; the kernel that stores the outputs finds them."""
    x = X.astype(dtype)
    x[1, 7, 70], x[2, 0, 0] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        got, sums = fft(x), gpuconv.convolve(x, W, method="direct", backend="numpy")
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(sums))
    assert (~np.isfinite(got)).sum() == 9 * 6 + 5 * 4
    finite = np.isfinite(sums)
    np.testing.assert_allclose(got[finite], sums[finite], atol=1e-4)


def test_weights_that_are_not_finite():
    w = W.copy()
    w[3, 3] = np.inf
    sums = gpuconv.convolve(X, w, method="direct", backend="numpy")
    np.testing.assert_array_equal(fft(X, w), sums)


def test_weights_on_the_device_are_not_fetched(monkeypatch):
    x, w = cupy.asarray(X), cupy.asarray(W)
    with monkeypatch.context() as patch:
        patch.setattr(cupy.ndarray, "get", lambda *_: pytest.fail("the host would have to wait"))
        patch.setattr(type(cupy.cuda.get_current_stream()), "synchronize", cupy.ndarray.get)
        got = fft(x, w)
    np.testing.assert_array_equal(got.get(), fft(x, W).get())


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


FAULTS = [  # kernel, what is replaced, by what
    ("fft_filter", "place == 0 ? 0 : points - place", "place"),
    ("fft_filter", "tap < taps ? tap", "tap <= taps ? tap"),
    ("fft_load", "local * tile_pitch", "tile"),
    ("fft_load", "tx * step_w - pad_w", "tx * step_w"),
    ("fft_multiply", "index / columns % size", "index / columns"),
    ("fft_store", "i * every_h * row_pitch", "i * row_pitch"),
    ("fft_store", "if (!is_finite(value))", "if (false)"),
    ("fft_store", "x * stride_w - pad_w", "x - pad_w"),
    ("fft_store", "n * height * width", "0"),
]


@pytest.mark.parametrize(("kernel", "pattern", "replacement"), FAULTS)
def test_faults_are_found(kernel, pattern, replacement):
    """The launches have tiles, images, columns and nan to go wrong with."""
    x = X.copy()
    x[1, 7, 70] = np.nan
    with standin.recording() as launches:
        fft(x, W if kernel in ("fft_load", "fft_multiply") else W[:, :1], stride=2)
    launch = next(launch for launch in launches if launch.name == kernel)
    mutant = replace(launch, text=standin.mutate(launch.text, pattern, replacement))
    results = zip(mutant.replay_cpu("forward"), launch.results, strict=True)
    assert not all(a is None or np.array_equal(a, b, equal_nan=True) for a, b in results)


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


def test_the_model_takes_transforms_for_weights_on_the_device_too():
    assert planned((4096, 4096), (63, 63), weights_place="device").algorithm == "fft"


def test_a_part_of_a_plan_has_transforms_too():
    plan = planned((4096, 4096), (63, 63))
    part = plan_part(plan, replace(plan.problem, extent=(512, 4096)))
    assert part.algorithm == "fft"
    assert part.instead.launches != plan.instead.launches


@pytest.mark.slow  # the machine code of each kernel is interpreted
@pytest.mark.parametrize(("arch", "dtype"), [("sm_75", "f4"), ("sm_90", "c8"), ("sm_120", "f4")])
def test_machine_code(arch, dtype):
    """All kernels, the sums of what is not finite too."""
    x = random((20, 23), dtype)
    x[3, 4] = np.nan
    with standin.recording() as launches:
        fft(x, boundary="mirror", stride=2)
    assert [launch.name for launch in launches] == ["fft_filter", "fft_load", "fft_multiply", "fft_store"]
    unit = float(np.finfo(dtype).eps) / 2
    sums = 2 * gamma(4 * W.size, unit) * np.abs(W).sum() * np.nanmax(np.abs(x))  # four products each, if complex
    for launch in launches:  # the CPU does not contract to fused multiply-adds
        relative = 8 * unit if launch.name == "fft_multiply" else 0  # of a complex product's magnitude
        arrays, _ = launch.replay_sass(arch)
        for got, expected in zip(arrays, launch.results, strict=True):
            if got is not None:
                absolute = sums if launch.name == "fft_store" else 0
                np.testing.assert_allclose(got, expected, rtol=relative, atol=absolute)
