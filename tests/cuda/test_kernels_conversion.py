"""The kernels' conversion of a sum to the output dtype is gpuconv.conversion.convert, value for value.

The kernel is conv2d_direct with one tap of weight 1, so that the sum is the image's value.
"""

import numpy as np
import pytest
from kernel_runs import out_of, planned, record, run

from gpuconv.arrays import adopt
from gpuconv.conversion import convert
from gpuconv.engine import Call
from gpuconv.launches.cuda_layers import conv2d_direct
from gpuconv.options import Options
from gpuconv.statements import filter_call

INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
MODES = (("half_even", "saturate"), ("trunc", "wrap"), ("floor", "saturate"), ("half_up", "saturate"))


def values_of(dtype: str) -> np.ndarray:
    """Values around every limit of every integer dtype, halves, and what is not finite."""
    limits = [int(limit) for name in INTEGERS for limit in (np.iinfo(name).min, np.iinfo(name).max)]
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        near = {limit + step for limit in (*limits, 0) for step in (-2, -1, 0, 1, 2)}
        return np.array(sorted(n for n in near if -info.max * (info.min < 0) <= n <= info.max), dtype)
    near_limits = [float(limit) + step for limit in limits for step in (-1, -0.5, 0, 0.5, 1)]
    powers = [
        sign * mantissa * 2.0**exponent for sign in (1, -1) for mantissa in (1, 1.75) for exponent in range(0, 127, 3)
    ]
    small = [-2.5, -1.5, -1, -0.5, -0.25, -0.0, 0, 0.25, 0.5, 1.5, 2.5, 254.5, 255.5, 65504, 65519, 65520, 6e-8, 3e-8]
    return np.array([*near_limits, *powers, *small, np.nan, np.inf, -np.inf], dtype)


def identity(dtype: str, out: str, rounding: str = "half_even", overflow: str = "saturate") -> Call:
    values = values_of(dtype)
    weight = np.ones(1, dtype if np.dtype(dtype).kind == "f" else "i1" if np.dtype(dtype).kind == "i" else "u1")
    compute = "i8" if dtype == "i2" else dtype
    options = Options(compute_dtype=compute, out_dtype=out, rounding=rounding, overflow=overflow)
    return filter_call(values, weight, options, flipped=False)


def assert_converted(call: Call, got: np.ndarray) -> None:
    problem = call.problem
    values = adopt("x", call.operands.image).view[0]
    expected = convert(values, problem.out_dtype, problem.rounding, problem.overflow)
    np.testing.assert_array_equal(got.reshape(-1), expected)


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
@pytest.mark.parametrize("out", INTEGERS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_integers_from_floats(dtype, out, rounding, overflow):
    call = identity(dtype, out, rounding, overflow)
    assert_converted(call, run(conv2d_direct, call))


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("out", INTEGERS)
@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_integers_from_integers(dtype, out, overflow):
    call = identity(dtype, out, overflow=overflow)
    assert_converted(call, run(conv2d_direct, call))


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("out", ["i1", "u1", "u4", "u8"])
def test_integers_from_sums_that_fit_32_bits(out, overflow):
    call = identity("i2", out, overflow=overflow)
    assert dict(planned(conv2d_direct, call).launches[0].specialization.types)["acc_t"] == "int"
    assert_converted(call, run(conv2d_direct, call))


@pytest.mark.parametrize("out", ["f2", "f4", "f8"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u8"])
def test_floats(dtype, out):
    call = identity(dtype, out)
    assert_converted(call, run(conv2d_direct, call))


MACHINE_CODE = [
    ("f4", "u1", "half_even", "saturate"),
    ("f4", "i2", "floor", "wrap"),
    ("f4", "i8", "half_even", "wrap"),
    ("f8", "u8", "trunc", "saturate"),
    ("f8", "i4", "half_even", "saturate"),
    ("f4", "f2", "half_even", "saturate"),
    ("f8", "f2", "half_even", "saturate"),
    ("i8", "u1", "half_even", "saturate"),
    ("u8", "i4", "half_even", "saturate"),
]


@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
@pytest.mark.parametrize(("dtype", "out", "rounding", "overflow"), MACHINE_CODE)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(arch, dtype, out, rounding, overflow):
    call = identity(dtype, out, rounding, overflow)
    launch = record(conv2d_direct, call)
    assert_converted(call, out_of(launch, launch.replay_sass(arch)[0]))
