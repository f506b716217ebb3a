"""Kernels that take rows which lie apart stay within them: under the sanitizer, and as machine code."""

import numpy as np
import pytest
import standin
from agreement import random

import gpuconv

cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("launches are recorded by the stand-in cupy; this process has the real one", allow_module_level=True)


@pytest.fixture(params=[-1, -2], ids=["conv1d_rows", "conv1d_columns"])
def launch(request) -> standin.Launch:
    """A filter over the inner part of a larger array, into that of another one."""
    x, out = cupy.asarray(random((2, 70, 50), "f4")), cupy.asarray(np.zeros((2, 80, 60), "f4"))
    w = random((40, 1) if request.param == -2 else (40,), "f4", 1)
    with standin.recording() as launches:
        gpuconv.convolve(x[:, :, 3:-2], w, boundary="mirror", backend="cupy", method="direct", out=out[:, :70, 5:50])
    return launches[0]


@pytest.mark.slow  # a build of its own for the sanitizer
def test_nothing_beyond_the_view_is_touched(launch):
    report = launch.replay_sanitized("address")
    assert report.ok, report.log


@pytest.mark.slow  # compiles machine code
@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
def test_machine_code_computes_the_same(launch, arch):
    arrays, _ = launch.replay_sass(arch)
    terms = 40 * np.finfo("f4").eps * 45 * 5
    np.testing.assert_allclose(arrays[2], launch.results[2], rtol=0, atol=terms)
