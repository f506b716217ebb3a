"""What gpuconv.ndimage makes of results and of its argument `output`, against scipy.ndimage."""

import itertools
import math

import numpy as np
import pytest
import scipy.ndimage
from ndimage_agreement import ANY_RANK, LINES, ONES, SUPPORTED, X, check, values
from scipy_agreement import DTYPES, both

from gpuconv import ndimage

OUTPUTS = [np.dtype(dtype) for dtype in DTYPES] + [
    "float32",
    "f4",
    "bool",
    "U1",
    "complex64",
    "zz",
    ">i2",
    float,
    int,
    bool,
    object,
    list,
    np.uint8,
]


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64", "complex64"])
@pytest.mark.parametrize("output", OUTPUTS, ids=repr)
def test_outputs(name, dtype, output):
    x, w = values((4, 5), dtype), values((3,) * (2 if name in ANY_RANK else 1), "f8", 1)
    check(name, x, w, output=output)


def test_promoting_an_output_dtype_warns_in_the_callers_line():
    with pytest.warns(UserWarning, match="promoting specified output dtype to complex") as warned:
        ndimage.convolve(X, ONES * 1j, output=float)
    assert [warning.filename for warning in warned] == [__file__]


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", [*SUPPORTED, ">f4", ">i8"])
def test_output_arrays(name, dtype):
    x, w = (
        values((4, 5), "c16" if np.dtype(dtype).kind == "c" else "f4"),
        values((3,) * (2 if name in ANY_RANK else 1), "f8", 1),
    )
    expected, output = np.zeros((4, 5), dtype), np.zeros((4, 5), dtype)
    getattr(scipy.ndimage, name)(x, w, output=expected)
    assert getattr(ndimage, name)(x, w, output=output) is output
    check(name, x, w, output=np.dtype(dtype))
    strided = np.zeros((8, 10), dtype)[::2, ::-2]
    assert getattr(ndimage, name)(x, w, output=strided) is strided
    np.testing.assert_array_equal(strided, output)
    assert np.any(output)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "bool", "float32", "complex128"])
def test_output_may_be_the_input(name, dtype):
    x, w = values((6, 7), dtype), values((3,) * (2 if name in ANY_RANK else 1), "f8", 1)
    expected = getattr(ndimage, name)(x, w)
    shifted = np.concatenate([x, x[:1]])
    assert getattr(ndimage, name)(x, w, output=x) is x
    np.testing.assert_array_equal(x, expected)
    getattr(ndimage, name)(shifted[:-1], w, output=shifted[1:])
    np.testing.assert_array_equal(shifted[1:], expected)


@pytest.mark.parametrize("name", ANY_RANK)
def test_numbers(name):
    for x, w, output in [(3.0, 2.0, None), (3, 2.6, None), (3.0, 2j, None), (3.0, 2.0, "f4"), (True, 0.5, None)]:
        expected, got = both(scipy.ndimage, ndimage, name, x, w, output=output)
        assert got == expected
    target = np.zeros(())
    assert getattr(ndimage, name)(3.0, 2.0, output=target) is target
    assert target == 6


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_empty_images(name):
    for shape, output in itertools.product([(0,), (0, 3), (3, 0), (2, 0, 3)], [None, "f4", bool]):
        rank = len(shape) if name in ANY_RANK else 1
        both(scipy.ndimage, ndimage, name, np.ones(shape), np.ones((3,) * rank), output=output)
        target = np.ones(shape)
        assert getattr(ndimage, name)(np.ones(shape), np.ones((3,) * rank), output=target) is target


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_conversion_to_integers(name, dtype):
    """Cut off, then wrapped as far as C defines it."""
    x = np.array(
        [-0.5, 0.5, 2.5, 255.9, 256.0, -1.0, -1.5, -200.7, -300.2, 70000.7, -70000.7, 2.0**31 - 0.5, -(2.0**31)]
    )
    np.testing.assert_array_equal(
        getattr(ndimage, name)(x, [1.0], output=np.dtype(dtype)),
        getattr(scipy.ndimage, name)(x, [1.0], output=np.dtype(dtype)),
    )
    wide = np.array([2.0**53 + 2, 2.0**62, 2.0**63 - 1024])
    if np.dtype(dtype).itemsize == 8:
        np.testing.assert_array_equal(getattr(ndimage, name)(wide, [1.0], output=np.dtype(dtype)), wide.astype(dtype))


def test_conversion_that_c_leaves_open():
    x = np.array([math.nan, math.inf, -math.inf, 2.0**32 + 7])
    np.testing.assert_array_equal(ndimage.correlate(x, [1.0], output="i4"), [0, 2**31 - 1, -(2**31), 7])


def test_uint8_is_cut_off():
    np.testing.assert_array_equal(ndimage.correlate(np.full(3, 200, "u1"), [3]), np.full(3, 88, "u1"))
