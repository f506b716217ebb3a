"""The device function that converts sums, against gpuconv.conversion: equal to the bit, for every pair of dtypes."""

import importlib
import warnings

import numpy as np
import pytest
from numba import cuda

from gpuconv.conversion import convert
from gpuconv.problem import ROUNDINGS

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
HALVES = np.array([0, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 3.5, 126.5, 127.5, 254.5, 255.5, 32767.5, 65535.5, 2**22 + 0.5])
LIMITS = np.array([2.0**bits for bits in (7, 8, 15, 16, 23, 24, 31, 32, 52, 53, 63, 64, 65, 100)])
POSITIVE = np.concatenate([HALVES, LIMITS, LIMITS * (1 - 2**-20), LIMITS * (1 + 2**-20), [300, 70000, 1e30, np.inf]])
FLOATS = np.concatenate([POSITIVE, -POSITIVE, [np.nan, -0.0, 5e-324]])


def on_device(values, target, rounding, overflow):
    module = importlib.import_module("gpuconv.kernels.numba_convert")  # mutations replace it
    converted = module.make_convert(values.dtype, np.dtype(target), rounding, overflow)

    def kernel(source, out):
        i = cuda.threadIdx.x
        if i < source.size:
            out[i] = converted(source[i])

    out = cuda.to_device(np.zeros(values.size, target))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size")
        warnings.filterwarnings("ignore", message="overflow encountered in cast")  # to float16, in the simulator
        cuda.jit(kernel)[1, 128](cuda.to_device(values), out)
    return out.copy_to_host()


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("target", INTEGERS)
def test_float_to_integer(source, target, rounding, overflow):
    values = FLOATS.astype(source)
    expected = convert(values, np.dtype(target), rounding, overflow)
    np.testing.assert_array_equal(on_device(values, target, rounding, overflow), expected)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("source", ["int32", "int64", "uint64"])
@pytest.mark.parametrize("target", INTEGERS)
def test_integer_to_integer(source, target, overflow):
    edges = [edge for name in INTEGERS for edge in (np.iinfo(name).min, np.iinfo(name).max)]
    info = np.iinfo(source)
    near = {edge + step for edge in [*edges, 0] for step in (-1, 0, 1)}
    values = np.array([value for value in sorted(near) if info.min <= value <= info.max], source)
    expected = convert(values, np.dtype(target), "half_even", overflow)
    np.testing.assert_array_equal(on_device(values, target, "half_even", overflow), expected)


@pytest.mark.parametrize("source", ["float32", "float64", "int32", "int64", "uint64"])
@pytest.mark.parametrize("target", ["float16", "float32", "float64"])
def test_to_float(source, target):
    values = FLOATS.astype(source) if source.startswith("f") else np.array([0, 1, 77, 2049, 65535, 2**31 - 1], source)
    with np.errstate(all="ignore"):
        expected = values.astype(target)
    np.testing.assert_array_equal(on_device(values, target, "half_even", "saturate"), expected)
