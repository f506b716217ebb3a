"""Launches with more than 4096 bytes of arguments, as machine code: their parameters lie elsewhere."""

import numpy as np
import pytest
import standin
from agreement import random

import gpuconv


@pytest.mark.usefixtures("nvrtc", "standin_cupy")
@pytest.mark.parametrize("arch", ["sm_80", pytest.param("sm_90", marks=pytest.mark.slow)])  # compiles for each
def test_32_kb_of_weights_by_value(arch):
    x, weights = random((9, 37), "f4"), random((33, 32), "f4", 1)
    with standin.recording() as launches:
        expected = gpuconv.convolve(x, weights, boundary="mirror", backend="cupy", method="direct")
    (launch,) = launches
    assert "constexpr int CAPACITY = 8159;" in launch.text
    arrays, _ = launch.replay_sass(arch)
    scale = np.abs(weights).sum() * np.abs(x).max()
    (out,) = (a for a in arrays if a is not None and a.size == x.size and not np.array_equal(a.ravel(), x.ravel()))
    atol = 2 * weights.size * np.finfo("f4").eps * scale
    np.testing.assert_allclose(out.reshape(x.shape), expected, rtol=0, atol=atol)
