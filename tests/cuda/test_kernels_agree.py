"""Every CUDA C++ kernel agrees with the oracle, whatever the order of the threads."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from agreement import random
from kernel_runs import check, factors, image_filter, layer, planned, run

from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.problem import BOUNDARIES

FILTER_KERNELS = {"tiled": conv2d_tiled, "layer": conv2d_layer, "direct": conv2d_direct, "separable": conv2d_separable}
# Around the tiles: 64 x 32 (tiled), 32 x 32 (the others); primes; smaller than the filter.
SIZES = [(1, 1), (2, 3), (31, 65), (32, 32), (63, 31), (64, 33), (65, 32), (67, 37)]


def filter_of(kernel, shape, taps, **options):
    return (factors if kernel == "separable" else image_filter)(shape, taps, **options)


@pytest.mark.parametrize(("size", "boundary"), list(itertools.product(SIZES, BOUNDARIES[1:])))
@pytest.mark.parametrize("kernel", FILTER_KERNELS)
def test_sizes_and_boundaries(kernel, size, boundary):
    check(FILTER_KERNELS[kernel], filter_of(kernel, size, (3, 3), boundary=boundary))


@pytest.mark.parametrize("taps", [(1, 1), (4, 2), (1, 7), (6, 1), (9, 11)])
@pytest.mark.parametrize("kernel", ["layer", "direct", "separable"])
def test_filters_of_any_shape(kernel, taps):
    check(FILTER_KERNELS[kernel], filter_of(kernel, (5, 34), taps, boundary="mirror", size="full"))


@pytest.mark.parametrize("taps", [5, 7, 9, 11, 13, 15])
@pytest.mark.parametrize("kernel", ["tiled", "separable"])
def test_filters_with_a_compilation_of_their_own(kernel, taps):
    call = filter_of(kernel, (17, 34), (taps, taps), boundary="symmetric")
    assert planned(FILTER_KERNELS[kernel], call).launches[0].specialization.constant("FILTER_H") == taps
    check(FILTER_KERNELS[kernel], call)


@pytest.mark.parametrize("size", ["full", "valid"])
@pytest.mark.parametrize("kernel", FILTER_KERNELS)
def test_output_sizes(kernel, size):
    check(FILTER_KERNELS[kernel], filter_of(kernel, (2, 3, 37, 41), (5, 5), size=size, boundary="wrap"))


@pytest.mark.parametrize("origin", [(2, -2), (-1, 1)])
@pytest.mark.parametrize("kernel", FILTER_KERNELS)
def test_origin(kernel, origin):
    check(FILTER_KERNELS[kernel], filter_of(kernel, (9, 10), (5, 5), origin=origin, boundary="edge"))


@pytest.mark.parametrize("fill", [2.5, np.nan, np.inf])
@pytest.mark.parametrize("kernel", FILTER_KERNELS)
def test_fill(kernel, fill):
    check(FILTER_KERNELS[kernel], filter_of(kernel, (9, 10), (3, 3), boundary="constant", fill=fill))


@pytest.mark.parametrize(
    ("stride", "dilation"), [((2, 3), (1, 1)), ((1, 1), (3, 2)), ((3, 2), (2, 3)), ((5, 7), (1, 1))]
)
@pytest.mark.parametrize("kernel", ["layer", "direct"])
def test_stride_and_dilation(kernel, stride, dilation):
    call = image_filter((2, 41, 47), (4, 3), stride=stride, dilation=dilation, boundary="mirror")
    check(FILTER_KERNELS[kernel], call)


@pytest.mark.parametrize("taps", [1, 2, 255, 256, 257, 600])
@pytest.mark.parametrize("width", [1, 127, 128, 129, 1025])
def test_signals(width, taps):
    check(conv1d, image_filter((2, width), (taps,), boundary="symmetric"))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (5, 1), (1, 300), (4, 6)])
def test_signals_with_stride_and_dilation(stride, dilation, boundary):
    check(conv1d, image_filter((301,), (23,), stride=stride, dilation=dilation, boundary=boundary))


def test_a_signal_with_thousands_of_taps():
    call = image_filter((7100,), (7001,), size="valid")
    check(conv1d, call)


LAYERS = [
    ((2, 3, 17, 20), (4, 3, 3, 3), {"padding": 1}),  # four channels of eight
    ((1, 20, 12, 11), (9, 20, 3, 3), {"padding": "same"}),  # channels in steps, nine outputs
    ((1, 4, 33, 35), (6, 2, 5, 3), {"padding": (2, 1), "groups": 2, "stride": (2, 1)}),
    ((2, 6, 16, 16), (6, 1, 3, 3), {"padding": "same", "groups": 6, "dilation": 2}),  # a filter a channel
    ((3, 16, 9, 9), (8, 16, 1, 1), {}),
    ((1, 2, 40, 7), (10, 2, 11, 7), {"padding": (5, 3), "bias": False}),
    ((2, 8, 70), (4, 8, 9), {"padding": 4, "stride": 3}),
    ((1, 1, 1500), (3, 1, 2), {"bias": False}),
    ((1, 2, 5000, 1), (1, 2, 3, 1), {"padding": (1, 0)}),
]


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize(("shape", "weights", "options"), LAYERS)
def test_layers(shape, weights, options, dtype):
    call = layer(shape, weights, dtype, **options)
    check(conv2d_layer, call)
    if dtype == "f4":
        check(conv2d_direct, call)


def test_filter_rows_in_steps():
    call = image_filter((12, 9), (150, 60), boundary="wrap")
    steps = {argument.name: argument.value for argument in planned(conv2d_layer, call).launches[0].arguments}
    assert 0 < steps["step_r"] < 150
    assert steps["step_k"] == 1
    check(conv2d_layer, call)


@pytest.mark.parametrize(
    ("dtypes", "options"),
    [
        (("f8", "f4"), {}),
        (("f2", "f4"), {}),
        (("f4", "f8"), {"compute_dtype": "f8"}),
        (("f8", "f4"), {"compute_dtype": "f4", "out_dtype": "f2"}),
        (("?", "f4"), {"out_dtype": "f8"}),
        (("u1", "f4"), {}),
        (("u1", "f4"), {"out_dtype": "u1"}),
        (("i2", "f4"), {"out_dtype": "i1", "rounding": "floor"}),
        (("u2", "f4"), {"out_dtype": "u4", "rounding": "trunc"}),
        (("i4", "f4"), {"out_dtype": "i4"}),
        (("?", "?"), {}),
        (("i1", "i1"), {"out_dtype": "i2"}),
        (("u1", "u1"), {"out_dtype": "u1"}),
        (("u2", "i2"), {}),
        (("i8", "i1"), {"out_dtype": "i4", "overflow": "wrap"}),
        (("u8", "u1"), {}),
        (("u4", "u1"), {"out_dtype": "f2"}),
    ],
)
@pytest.mark.parametrize("kernel", [*FILTER_KERNELS, "1D"])
def test_dtypes(kernel, dtypes, options):
    if kernel == "1D":
        check(conv1d, image_filter((2, 77), (6,), dtypes, boundary="mirror", **options))
    else:
        check(FILTER_KERNELS[kernel], filter_of(kernel, (11, 35), (3, 3), dtypes=dtypes, boundary="mirror", **options))


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kernel", FILTER_KERNELS)
def test_zero_taps_and_nan(kernel, skip):
    """A zero tap spreads a NaN, unless the problem says that it does not touch the image."""
    call = filter_of(kernel, (20, 40), (3, 3), skip_zero_taps=skip)
    call.operands.image[..., 10, 20] = np.nan
    column, row = np.array([0, 2, 0], "f4"), np.array([1, 0, 3], "f4")
    operands = replace(call.operands, weights=np.outer(column, row)[None, None], factors=())
    if kernel == "separable":
        operands = replace(call.operands, factors=(column, row))
    call = replace(call, operands=operands)
    check(FILTER_KERNELS[kernel], call)
    assert np.isnan(run(FILTER_KERNELS[kernel], call)).sum() == (2 if skip else 9)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernel", FILTER_KERNELS)
def test_special_values_spread_where_a_tap_meets_them(kernel, special):
    call = filter_of(kernel, (40, 41), (5, 5))
    call.operands.image[..., 17, 30] = special
    check(FILTER_KERNELS[kernel], call)
    assert (~np.isfinite(run(FILTER_KERNELS[kernel], call))).sum() == 25


def test_random_agrees_with_itself():
    """The helper's values reach the limits of an integer dtype, so that saturation is really seen."""
    assert random((1000,), "u1").max() == 255
    assert random((1000,), "i1").min() == -128
