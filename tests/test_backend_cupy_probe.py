"""What the CuPy backend says of a machine on which something is missing, and of problems that it cannot take."""

import sys
from pathlib import Path

import numpy as np
import pytest

import gpuconv
from gpuconv import backends
from gpuconv.backends import cupy as backend
from gpuconv.backends import cupy_probe
from gpuconv.planning.facts import DeviceLimits

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)

X, W = np.ones((3, 20, 37), "float32"), np.ones((5, 5), "float32")


def convolve(x, weights=W, **options):
    return gpuconv.convolve(x, weights, boundary="mirror", backend="cupy", **options)


def test_available():
    assert backend.unavailable() is None
    assert backend.describe().startswith("stand-in device, compute capability 8.0, driver for CUDA 13.2, CuPy ")
    sizes = {"optin_shared_bytes": 99 * 1024, "multiprocessor_shared_bytes": 100 * 1024}
    sizes |= {"clock": 1.5e9, "bandwidth": 320e9}
    assert backend.limits() == DeviceLimits("stand-in device", (8, 0), 48 * 1024, 1024, 32764, 30, **sizes)


@pytest.mark.parametrize(
    ("driver", "compiler", "nbytes"), [(12010, (12, 1), 32764), (12000, (12, 1), 4096), (12090, (11, 8), 4096)]
)
def test_arguments_of_a_launch(monkeypatch, driver, compiler, nbytes):
    monkeypatch.setattr(cupy.cuda.runtime, "driverGetVersion", lambda: driver)
    monkeypatch.setattr(cupy.cuda.nvrtc, "getVersion", lambda: compiler)
    cupy_probe.forget()
    try:
        assert backend.limits().parameter_bytes == nbytes
        assert cupy_probe.device_key() == f"stand-in device, driver for CUDA 12.{driver % 1000 // 10}"
    finally:
        cupy_probe.forget()


def test_properties_are_named_as_cupy_names_them():
    """CuPy's runtime module is compiled: the names are among its constants."""
    root = next((Path(p) for p in sys.path if (Path(p) / "cupy_backends").is_dir()), None)
    if root is None:
        pytest.skip("the names are compared with CuPy, which is not installed: pip install cupy-cuda13x")
    (module,) = (root / "cupy_backends/cuda/api").glob("runtime.*.so")
    (module_of_attributes,) = (root / "cupy_backends/cuda/api").glob("_runtime_enum.*.so")
    constants = module.read_bytes()
    for name in cupy.cuda.runtime.getDeviceProperties(0):
        assert name.encode() in constants, name
    constants = module_of_attributes.read_bytes()
    for name in ("ClockRate", "MemoryClockRate", "GlobalMemoryBusWidth"):
        assert b"cudaDevAttr" + name.encode() in constants, name


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("insufficient_driver", "there is no NVIDIA driver"),
        ("no_device", "there is no CUDA device"),
        ("no_context", "the CUDA device does not work"),
        ("out_of_memory", "the CUDA device has no free memory"),
    ],
)
def test_what_is_missing(monkeypatch, failure, sentence):
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", failure)
    assert sentence in backend.unavailable()
    assert any(hint in backend.unavailable() for hint in ("nvidia-smi", "end a program"))


def test_driver_too_old(monkeypatch):
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", "insufficient_driver")
    monkeypatch.setattr(cupy.cuda.runtime, "driverGetVersion", lambda: 12040)
    assert backend.unavailable().startswith("the NVIDIA driver is too old for this CuPy (CUDA 12.4")
    assert "gpuconv[cuda12]" in backend.unavailable()


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("no_nvrtc", "NVRTC does not work (CuPy failed to load libnvrtc.so.13: OSError: no such file)"),
        ("no_headers", "NVRTC does not work (Failed to find CUDA headers)"),
        (
            "old_device",
            "NVRTC 13.0 does not compile for compute capability 8.0 (nvrtc: error: invalid value for --gpu-",
        ),
        (
            "new_device",
            "what NVRTC 13.0 compiles does not load on compute capability 8.0 (CUDA_ERROR_NO_BINARY_FOR_GPU",
        ),
    ],
)
def test_compiler_unusable(monkeypatch, failure, sentence):
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", failure)
    assert sentence in backend.unavailable()
    assert ": pip install 'gpuconv[cuda13]'" in backend.unavailable()
    assert ("CUPY_COMPILE_WITH_PTX=1" in backend.unavailable()) == (failure == "new_device")


def test_cupy_too_old(monkeypatch):
    monkeypatch.delattr(cupy.cuda.Stream, "from_external")
    assert backend.unavailable().startswith("CuPy 14 or newer is needed; 14.2.0 is installed: pip install")


def test_cupy_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert backend.unavailable().startswith("CuPy is not installed: pip install 'gpuconv[cuda13]'")


def test_auto_goes_on_without_a_device(monkeypatch):
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", "no_device")
    backends.reason_unavailable.cache_clear()
    try:
        np.testing.assert_array_equal(gpuconv.convolve(X, W, boundary="mirror"), np.full_like(X, 25))
        with pytest.raises(gpuconv.BackendUnavailableError, match="there is no CUDA device"):
            convolve(X)
    finally:
        backends.reason_unavailable.cache_clear()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: convolve(X[None], W[None, None]), "at most three spatial axes, and two of layers; got 4"),
        (lambda: convolve(X, out_dtype="uint8", overflow="raise"), "overflow='raise' needs"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(gpuconv.UnsupportedProblemError, match=sentence):
        call()
