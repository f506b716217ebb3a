"""One `backend` fixture: every test that takes it runs on every backend that is available here.

Without a CUDA driver the CuPy backend is executed through the stand-in `cupy` of tests/standin, which compiles the
kernels for the CPU; the Numba kernels run under Numba's simulator, in processes of their own (tests/numba_sim).
"""

import ctypes
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("gpuconv", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("gpuconv")


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


HAS_DRIVER = _has_driver()
if not HAS_DRIVER:
    sys.path.insert(0, str(Path(__file__).parent / "standin"))


@pytest.fixture(params=["numpy", "cpu", "cupy", "numba_cuda"])
def backend(request: pytest.FixtureRequest) -> str:
    from gpuconv.backends import reason_unavailable

    reason = reason_unavailable(request.param)
    if reason:
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def driver() -> None:
    """For tests that need a real device."""
    if not HAS_DRIVER:
        pytest.skip("no NVIDIA driver is installed: `gpuconv verify` runs the same cases on a machine that has one")


@pytest.fixture(autouse=True)
def automatic_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the caller's environment, or on another test's choice of backend and calls."""
    from gpuconv import calls
    from gpuconv.backends import choice, selection
    from gpuconv.planning import rates

    calls.forget()
    monkeypatch.delenv("GPUCONV_BACKEND", raising=False)
    monkeypatch.setattr(choice, "_process_choice", [])
    monkeypatch.setattr(rates, "known", lambda backend: None)
    if not HAS_DRIVER:  # the stand-in is for those who name it, and for arrays of its own
        monkeypatch.setattr(selection, "worth_a_gpu", lambda problem: False)


@pytest.fixture
def on_numpy(monkeypatch: pytest.MonkeyPatch, automatic_selection: None) -> None:
    """For tests of text that names the backend: not the one that happens to be compiled already."""
    monkeypatch.setenv("GPUCONV_BACKEND", "numpy")
