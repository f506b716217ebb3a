"""`gpuconv verify` passes on a right backend, and notices a wrong one."""

import itertools

import numpy as np
import pytest

import gpuconv
from gpuconv import backends, verify
from gpuconv.backends import numpy_sums


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


def test_an_unavailable_backend_says_so(monkeypatch):
    monkeypatch.setattr(backends, "reason_unavailable", lambda name: "no driver")
    with pytest.raises(gpuconv.BackendUnavailableError, match="no driver"):
        next(verify.checks("cupy"))


def test_machine_names_versions():
    labels = dict(verify.machine())
    assert labels["gpuconv"] == gpuconv.__version__
    assert np.__version__ in labels["numpy"]
