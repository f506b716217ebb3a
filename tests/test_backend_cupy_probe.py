"""What the CuPy backend says of a machine on which something is missing, and of problems that it cannot take."""

import sys

import numpy as np
import pytest

import gpuconv
from gpuconv import backends
from gpuconv.backends import cupy as backend
from gpuconv.facts import DeviceLimits

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
    limits = backend.limits()
    assert limits == DeviceLimits("stand-in device", (8, 0), 48 * 1024, 1024, 4096, limits.multiprocessors)


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


def test_compiler_missing(monkeypatch):
    def missing():
        raise RuntimeError("libnvrtc.so.13 not found")

    monkeypatch.setattr(cupy.cuda.nvrtc, "getVersion", missing)
    assert "NVRTC cannot be loaded (libnvrtc.so.13 not found): pip install 'gpuconv[cuda13]'" in backend.unavailable()


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
        (lambda: convolve(X, W[None]), "one or two spatial axes; got 3"),
        (lambda: convolve(X.astype("complex64")), "real numbers; got complex64"),
        (lambda: convolve(X, out_dtype="uint8", overflow="raise"), "overflow='raise' needs"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(gpuconv.UnsupportedProblemError, match=sentence):
        call()
