"""On a real CUDA device: every kernel that the planner chooses, against the oracle."""

import pytest

from gpuconv import verify
from gpuconv.backends import reason_unavailable


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["cupy", "numba_cuda"])
@pytest.mark.usefixtures("driver")
def test_every_case_on_the_device(name):
    if reason := reason_unavailable(name):
        pytest.skip(reason)
    failed = [check for check in verify.checks(name) if not check.passed]
    assert failed == []
