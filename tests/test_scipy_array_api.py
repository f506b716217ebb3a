"""What SciPy takes and returns under SCIPY_ARRAY_API=1, gpuconv takes and returns always."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import warnings

import numpy as np
import scipy.ndimage
import scipy.signal
import array_api_strict

from gpuconv import ndimage, signal

warnings.simplefilter("error")
X = array_api_strict.asarray(np.random.default_rng(0).integers(-9, 9, (12, 13)).astype("f8"))
W = array_api_strict.asarray(np.random.default_rng(1).integers(-9, 9, (3, 3)).astype("f8"))
CALLS = [
    (scipy.signal, signal, "convolve", (X, W)),
    (scipy.signal, signal, "correlate", (X, W, "same")),
    (scipy.signal, signal, "convolve2d", (X, W, "valid")),
    (scipy.signal, signal, "fftconvolve", (X, W)),
    (scipy.signal, signal, "oaconvolve", (X, W)),
    (scipy.signal, signal, "upfirdn", (W[0, :], X, 2, 3)),
    (scipy.ndimage, ndimage, "convolve", (X, W)),
    (scipy.ndimage, ndimage, "correlate1d", (X, W[0, :])),
    (scipy.ndimage, ndimage, "sobel", (X,)),
    (scipy.ndimage, ndimage, "laplace", (X,)),
]
for host, face, name, arguments in CALLS:
    expected, result = getattr(host, name)(*arguments), getattr(face, name)(*arguments)
    assert type(expected) is type(result) is type(X), (name, type(expected), type(result))
    assert expected.dtype == result.dtype, name
    exact = np.rint(np.asarray(expected))  # transforms round, sums of these integers do not
    assert np.array_equal(np.rint(np.asarray(result)), exact), name
print(len(CALLS))
"""


def test_arrays_of_the_standard():
    pytest.importorskip("array_api_strict", reason="array_api_strict is not installed")
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "10\n"), done.stderr
