"""Every filter of OpenCV's, call for call, on every backend: drawn from all its arguments."""

import zlib

import numpy as np
import pytest
from image_calls import CALLS

import gpuconv
from gpuconv import opencv

NUMBERS = {"numpy": 25, "cpu": 12, "cupy": 2, "numba_cuda": 3}  # fewer where each compiles


def compare(name: str, backend: str, numbers: range) -> int:
    """Number of calls that OpenCV, too, computes: it leaves out some pairs of depths."""
    seed = zlib.crc32(name.encode())
    with gpuconv.backend(backend):
        return sum(CALLS[name](np.random.default_rng([seed, n])) for n in numbers)


@pytest.mark.parametrize("name", CALLS)
def test_calls(backend: str, name: str) -> None:
    assert compare(name, backend, range(NUMBERS[backend])) >= NUMBERS[backend] // 4


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_many_calls(backend: str, name: str) -> None:
    """Ten times as many: about a minute for each backend that compiles."""
    compare(name, backend, range(NUMBERS[backend], 10 * NUMBERS[backend]))


def test_every_filter_is_here() -> None:
    functions = {name for name in opencv.__all__ if callable(getattr(opencv, name))}
    assert functions - {"getGaussianKernel"} == set(CALLS)
