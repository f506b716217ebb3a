"""Every function of every face, call for call beside its original, on every backend: drawn from all its arguments."""

import zlib

import face_calls
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from face_agreement import agrees

import gpuconv.numpy
from gpuconv import ndimage, signal

FACES = {
    "ndimage": (scipy.ndimage, ndimage, face_calls.NDIMAGE),
    "signal": (scipy.signal, signal, face_calls.SIGNAL),
    "numpy": (np, gpuconv.numpy, face_calls.NUMPY),
}
FUNCTIONS = [(face, name) for face, (_, _, draws) in FACES.items() for name in draws]
CALLS = {"numpy": 40, "cpu": 16, "cupy": 2, "numba_cuda": 3}  # fewer where each compiles


def compare(face: str, name: str, backend: str, numbers: range) -> None:
    """At least a quarter of the calls must be computed: neither refused nor beyond the backend."""
    host, ours, draws = FACES[face]
    seed = zlib.crc32(f"{face}.{name}".encode())
    computed = [agrees(host, ours, name, draws[name](np.random.default_rng([seed, n])), backend) for n in numbers]
    assert sum(computed) >= len(computed) // 4


@pytest.mark.parametrize(("face", "name"), FUNCTIONS)
def test_calls(backend: str, face: str, name: str) -> None:
    compare(face, name, backend, range(CALLS[backend]))


@pytest.mark.slow
@pytest.mark.parametrize(("face", "name"), FUNCTIONS)
def test_many_calls(backend: str, face: str, name: str) -> None:
    """Ten times as many: about a minute for each backend that compiles."""
    compare(face, name, backend, range(CALLS[backend], 10 * CALLS[backend]))


def test_every_function_is_here() -> None:
    """But for those without arrays, and those that call functions of the caller's."""
    own = {"choose_conv_method", "correlation_lags", "generic_gradient_magnitude", "generic_laplace"}
    for _, ours, draws in FACES.values():
        assert set(ours.__all__) - own == set(draws)
