"""Layers against the oracle, on every backend."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import check_call, random
from layers import LAYERS, function_of

import gpuconv.nn


@pytest.mark.parametrize(("input_", "weight", "options"), LAYERS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
def test_against_the_oracle(backend, input_, weight, options, dtype):
    values = [random(shape, dtype, seed) for seed, shape in enumerate((input_, weight, weight[:1]))]
    with gpuconv.backend(backend):
        result = function_of(weight)(*values, **options)
        if dtype != "i2":  # integers wrap, below
            call = replace(gpuconv.nn.layer_call(len(weight) - 2, *values, **options), backend=backend)
            np.testing.assert_array_equal(check_call(call), result)
    if dtype == "i2":
        wide = function_of(weight)(*(v.astype("i8") for v in values), **options)
        np.testing.assert_array_equal(result, wide.astype("i2"))


@pytest.mark.parametrize("dtype", ["f2", "u1", "i4"])
def test_more_dtypes(backend, dtype):
    x, w = random((2, 3, 9, 11), dtype), random((4, 3, 3, 3), dtype, 1)
    with gpuconv.backend(backend):
        result = gpuconv.nn.conv2d(x, w // 1024 if dtype == "i4" else w)
    assert result.dtype == dtype


def test_complex_weights_are_not_conjugated():
    x, w = random((1, 2, 8), "c16"), random((3, 2, 3), "c16", 1)
    expected = sum(x[0, k, r : r + 6] * w[:, k, r, None] for k in range(2) for r in range(3))
    np.testing.assert_allclose(gpuconv.nn.conv1d(x, w)[0], expected, rtol=1e-13, atol=1e-13)


def test_zero_batch(backend):
    with gpuconv.backend(backend):
        assert gpuconv.nn.conv2d(np.ones((0, 3, 5, 6), "f4"), np.ones((4, 3, 3, 3), "f4")).shape == (0, 4, 3, 4)
