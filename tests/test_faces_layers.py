"""Layers and their gradients, call for call beside torch's, on every backend: drawn from all their arguments."""

import zlib

import numpy as np
import pytest

import gpuconv.nn

pytest.importorskip("torch", reason="torch is not installed: nothing to compare with")
from layer_calls import LAYERS, agrees

CALLS = {"numpy": 6, "cpu": 6, "cupy": 2, "numba_cuda": 2}  # fewer where each compiles


def compare(name: str, backend: str, numbers: range) -> int:
    """Number of calls that were computed: neither refused nor beyond the backend."""
    seed = zlib.crc32(name.encode())
    return sum(agrees(name, LAYERS[name](np.random.default_rng([seed, n])), backend) for n in numbers)


def skip_what_is_refused(name: str, backend: str) -> None:
    if "_weight" in name and backend == "numba_cuda":
        pytest.skip("no Numba CUDA kernel computes gradients of weights")


@pytest.mark.parametrize("name", LAYERS)
def test_calls(backend: str, name: str) -> None:
    skip_what_is_refused(name, backend)
    mostly_refused = name == "conv_transpose3d" and backend == "cpu"
    assert compare(name, backend, range(CALLS[backend])) >= (1 if mostly_refused else CALLS[backend] // 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_many_calls(backend: str, name: str) -> None:
    """Ten times as many: minutes, most of them torch's."""
    skip_what_is_refused(name, backend)
    compare(name, backend, range(CALLS[backend], 10 * CALLS[backend]))


def test_every_layer_is_here() -> None:
    assert {name for name in gpuconv.nn.__all__ if name.startswith("conv")} == set(LAYERS)
