"""On a real CUDA device: every kernel that the planner chooses, against the oracle."""

import pytest
from conftest import HAS_DRIVER

from gpuconv import verify
from gpuconv.backends import reason_unavailable


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["cupy", "numba_cuda"])
def test_every_case_on_the_device(name):
    if not HAS_DRIVER:
        pytest.skip("no NVIDIA driver is installed: `gpuconv verify` runs the same cases on a machine that has one")
    if reason := reason_unavailable(name):
        pytest.skip(reason)
    failed = [check for check in verify.checks(name) if not check.passed]
    assert failed == []
