"""SciPy's own tests of the functions that gpuconv has, with gpuconv computing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITES = {
    "scipy.ndimage.tests.test_filters": (
        "correlate or convolve or gauss or uniform or sobel or prewitt or laplace or generic_grad or generic_lap",
        {
            "test_correlate_complex_kernel_invalid_cval": "of two errors in one call, the other is raised",
            "TestThreading and test_correlate1d": "its threads get SciPy's functions, whose last bits are others",
            "TestThreading and test_uniform_filter1d": "likewise",
        },
    ),
    "scipy.signal.tests.test_signaltools": (
        "TestConvolve or TestFFTConvolve or TestOAConvolve or TestAllFreqConvolves or Correlate or correlation_lags",
        {
            "test_convolve_method_large_input": "64-bit integers that overflow raise",
            "test_fft_nan": "there are no warnings of nan",
        },
    ),
    "scipy.signal.tests.test_savitzky_golay": ("sg_filter", {}),
    "scipy.signal.tests.test_upfirdn": ("Upfirdn", {}),
}


@pytest.mark.slow  # thousands of tests: minutes
@pytest.mark.parametrize("suite", SUITES)
def test_scipys_tests_pass(suite, tmp_path):
    chosen, differences = SUITES[suite]
    left_out = "".join(f" and not ({each})" for each in differences)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "scipy_suite", "-p", "no:cacheprovider", "--pyargs", suite]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [*command, "-k", f"({chosen}){left_out}"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 5
