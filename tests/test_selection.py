"""Which backend computes: argument, block, process, environment, and what auto passes over."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import gpuconv
from gpuconv import backends
from gpuconv.backends import probing, selection
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan


@pytest.fixture
def available(monkeypatch):
    """Say which backends can run; plans are recorded, nothing runs."""
    reasons = {"cupy": None, "numba_cuda": None, "cpu": "not in these tests", "numpy": None}
    monkeypatch.setattr(probing, "reason_unavailable", lambda name: reasons[name])
    return reasons


def convolve(size=4, backend=None):
    gpuconv.convolve(np.ones((size, size)), np.ones((3, 3)), backend=backend)
    return backends.last_used()


def test_auto_takes_the_cpu_for_a_small_host_array(available):
    assert convolve() == "numpy"


def test_precedence(monkeypatch):
    monkeypatch.setenv("GPUCONV_BACKEND", "auto")
    assert backends.requested(None) == "auto"
    monkeypatch.setenv("GPUCONV_BACKEND", "numba_cuda")
    assert backends.requested(None) == "numba_cuda"
    gpuconv.set_backend("cupy")
    assert backends.requested(None) == "cupy"
    with gpuconv.backend("numpy"):
        assert backends.requested(None) == "numpy"
        with gpuconv.backend("auto"):
            assert backends.requested(None) == "auto"
        assert backends.requested(None) == "numpy"
        assert backends.requested("cupy") == "cupy"
    assert backends.requested(None) == "cupy"


def test_a_block_is_of_its_own_thread():
    seen = []
    with gpuconv.backend("numpy"):
        thread = threading.Thread(target=lambda: seen.append(backends.requested(None)))
        thread.start()
        thread.join()
    assert seen == ["auto"]


@pytest.mark.parametrize("call", [gpuconv.set_backend, lambda name: gpuconv.backend(name).__enter__()])
def test_unknown_names(call):
    with pytest.raises(ValueError, match=r"backend must be one of .*; got 'numpi'; did you mean 'numpy'\?"):
        call("numpi")


def test_an_invalid_environment_raises_at_the_first_call_not_at_import():
    program = "import gpuconv; print('imported'); gpuconv.convolve([1.0], [1.0])"
    result = subprocess.run(
        [sys.executable, "-c", program], env={"GPUCONV_BACKEND": "cuppy"}, capture_output=True, text=True, check=False
    )
    assert result.stdout == "imported\n"
    assert "GPUCONV_BACKEND must be one of 'auto', 'cupy', 'numba_cuda', 'cpu', 'numpy'; got 'cuppy'" in result.stderr


def test_a_named_backend_never_falls_back(available):
    available["cupy"] = "no driver"
    with pytest.raises(gpuconv.BackendUnavailableError, match="backend 'cupy' is not available: no driver"):
        convolve(backend="cupy")


def test_a_named_backend_says_what_it_cannot_compute():
    with pytest.raises(
        gpuconv.UnsupportedProblemError, match=r"backend 'numpy' cannot compute this: .* host arrays only"
    ):
        backends.select(_problem(), Facts(image_place="device"), "numpy")


def test_no_backend_for_a_device_array(available):
    available.update(cupy="no driver", numba_cuda="not installed")
    with pytest.raises(gpuconv.UnsupportedProblemError, match=r"no driver.*not installed.*host arrays only"):
        backends.select(_problem(), Facts(image_place="device"), None)


def test_auto_goes_on_when_a_backend_refuses(available, monkeypatch):
    refusals = {"cupy": "complex numbers", "numba_cuda": "complex numbers"}

    def plan(name, problem, facts):
        return refusals.get(name) or Plan(problem, name, "direct", problem.compute_dtype, (), None, ())

    monkeypatch.setattr(selection, "_plan", plan)
    monkeypatch.setattr(selection, "worth_a_gpu", lambda problem: True)
    assert backends.select(_problem(), Facts(), None)[1].backend == "numpy"
    del refusals["numba_cuda"]
    assert backends.select(_problem(), Facts(), None)[1].backend == "numba_cuda"


def test_report_names_every_backend():
    report = backends.report()
    assert [status.name for status in report] == ["cupy", "numba_cuda", "cpu", "numpy"]
    assert report[-1].available
    assert all(status.detail for status in report)


def _problem(size=8):
    from gpuconv.options import Options
    from gpuconv.statements import filter_call

    return filter_call(np.ones((size, size)), np.ones((3, 3)), Options(), flipped=True).problem
