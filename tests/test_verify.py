"""`gpuconv verify` passes on a right backend, and notices a wrong one."""

import contextlib
import itertools
from dataclasses import replace

import numpy as np
import pytest

import gpuconv
from gpuconv import backends, verify
from gpuconv.backends import numpy_sums
from gpuconv.engine import prepare
from gpuconv.launches import cuda


def test_the_numpy_backend_passes_every_case():
    results = list(verify.checks("numpy"))
    assert len(results) > 150
    assert [check for check in results if not check.passed] == []
    assert {check.kernel for check in results} == {"direct", "separable", "low_rank", "fft"}


def test_a_wrong_backend_fails(monkeypatch):
    right = numpy_sums.direct
    monkeypatch.setattr(numpy_sums, "direct", lambda *arguments: 1.001 * right(*arguments))
    checks = itertools.islice(verify.checks("numpy"), 12)
    failed = [check for check in checks if check.kernel == "direct"]
    assert len(failed) > 6
    assert not any(check.passed for check in failed)
    assert all("bound" in check.detail for check in failed)


def test_a_crash_is_a_line_of_the_report(monkeypatch):
    def crash(*arguments):
        raise MemoryError("no memory")

    monkeypatch.setattr(backends.load("numpy"), "run", crash)
    assert next(verify.checks("numpy")).detail == "MemoryError: no memory"


def test_nothing_follows_an_error_after_which_the_device_is_lost(monkeypatch):
    class IllegalAddressError(RuntimeError):
        status = 700

    def crash(*arguments):
        raise IllegalAddressError("an illegal memory access")

    monkeypatch.setattr(backends.load("numpy"), "run", crash)
    (check,) = verify.checks("numpy")
    assert check.detail.startswith("IllegalAddressError: an illegal memory access; nothing else can be checked")


def test_every_cuda_kernel_is_among_the_cases(monkeypatch):
    """But the last resort, which is for arrays of more than a billion samples."""
    cupy = pytest.importorskip("cupy")
    if not hasattr(cupy.ndarray, "_wrap"):
        pytest.skip("plans for the stand-in's device; this process has a real one")
    reached = set()
    for _, call in verify.cases():
        with contextlib.suppress(gpuconv.UnsupportedProblemError):
            reached.add(prepare(replace(call, backend="cupy")).plan.algorithm)
    launchers = (*cuda.LAUNCHERS, *cuda.VOLUME_LAUNCHERS)
    assert {launcher.__name__ for launcher in launchers} - reached <= {"conv2d_direct"}
    assert "fft" in reached


def test_an_unavailable_backend_says_so(monkeypatch):
    monkeypatch.setattr(backends.probing, "reason_unavailable", lambda name: "no driver")
    with pytest.raises(gpuconv.BackendUnavailableError, match="no driver"):
        next(verify.checks("cupy"))


def test_machine_names_versions():
    labels = dict(verify.machine())
    assert labels["gpuconv"] == gpuconv.__version__
    assert np.__version__ in labels["numpy"]
