"""The Numba backend against the oracle on small images, with tiles so small that every case has several.

Run by test_backend_numba_cuda.py in a process of its own: under Numba's simulator, and once more as machine code.
"""

import numpy as np
import pytest
from agreement import check_call, check_convolve, check_sepconvolve, random

from gpuconv.backends import last_used
from gpuconv.launches import numba_cuda as launches
from gpuconv.nn import layer_call
from gpuconv.problem import BOUNDARIES, ROUNDINGS


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    sizes = {
        "TILED_BLOCK": (4, 8),
        "TILED_ROWS": 2,
        "CONV1D_THREADS": 8,
        "CONV1D_OUTPUTS": 2,
        "CONV1D_TAPS": 4,
        "CONV1D_TILE": 32,
        "LAYER_BLOCK": (4, 4),
        "LAYER_BLOCK_1D": (1, 8),
        "LAYER_ROWS": 2,
        "LAYER_CHANNELS": 4,
        "LAYER_TAPS": 16,
        "LAYER_TILE": 100,
    }
    for name, value in sizes.items():
        monkeypatch.setattr(launches, name, value)


@pytest.fixture(autouse=True)
def on_numba(monkeypatch):
    monkeypatch.setenv("GPUCONV_BACKEND", "numba_cuda")
    yield
    assert last_used() == "numba_cuda"


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("shape", "filter_"), [((9, 17), (3, 3)), ((5, 6), (4, 3)), ((2, 37), (7,))])
def test_boundaries(boundary, shape, filter_):
    check_convolve(random(shape, "float32"), random(filter_, "float32", 1), boundary=boundary)


@pytest.mark.parametrize("fill", [2.5, np.nan])
@pytest.mark.parametrize("filter_", [(3, 3), (2, 3), (5,)])
def test_fill(filter_, fill):
    check_convolve(random((4, 9), "float32"), random(filter_, "float32", 1), boundary="constant", fill=fill)


@pytest.mark.parametrize("shape", [(1, 1), (7, 8), (8, 7), (9, 9), (1, 23), (17, 2)])
@pytest.mark.parametrize("filter_", [(3, 3), (2, 2)])
def test_sizes_around_a_tile(shape, filter_):
    check_convolve(random(shape, "float32"), random(filter_, "float32", 1), boundary="symmetric")


@pytest.mark.parametrize("width", [1, 7, 8, 9, 15, 16, 17, 31])
def test_widths_around_a_tile(width):
    check_convolve(random((2, width), "float32"), random(3, "float32", 1), boundary="wrap")


@pytest.mark.parametrize("size", ["full", "valid"])
@pytest.mark.parametrize(("shape", "filter_"), [((7, 9), (5, 5)), ((3, 2), (3, 2)), ((1, 20), (9,))])
def test_other_sizes(size, shape, filter_):
    check_convolve(random(shape, "float32"), random(filter_, "float32", 1), size=size)


@pytest.mark.parametrize("boundary", ["zero", "edge", "symmetric", "mirror", "wrap"])
def test_filter_larger_than_the_image(boundary):
    check_convolve(random((2, 3), "float32"), random((11, 8), "float32", 1), boundary=boundary, size="full")
    check_convolve(random((1, 2), "float32"), random(9, "float32", 1), boundary=boundary)


@pytest.mark.parametrize(
    ("stride", "dilation"), [(2, 1), (1, 3), (2, 2), (6, 4), (9, 1), (1, 17), ((3, 1), (1, 2)), ((1, 8), (5, 1))]
)
def test_stride_and_dilation(stride, dilation):
    check_convolve(
        random((11, 13), "float32"), random((3, 4), "float32", 1), stride=stride, dilation=dilation, boundary="mirror"
    )
    if isinstance(stride, int):
        image, weights = random((2, 40), "float32"), random(6, "float32", 1)
        check_convolve(image, weights, stride=stride, dilation=dilation, boundary="edge")


def test_axes_and_batches():
    image = random((6, 7, 3), "float32")
    check_convolve(image, random((3, 3), "float32", 1), axes=(0, 1))
    check_convolve(image, random((3, 2), "float32", 1), channel_axis=-1)
    check_convolve(random((2, 3, 5, 4), "float32")[:, ::-1, ::2], random((3, 3), "float32", 1))
    check_convolve(np.asfortranarray(image), random(3, "float32", 1), axes=1)


@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "bool", "int8", "uint16", "int32", "uint32", "int64", "uint64"]
)
@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_dtypes(dtype, weights):
    check_convolve(random((5, 9), dtype), random((3, 3), weights, 1), boundary="symmetric")
    check_convolve(random((2, 19), dtype), random(5, weights, 1), boundary="symmetric")


@pytest.mark.parametrize("out_dtype", ["uint8", "int16", "float16", "float64"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_output_dtypes(out_dtype, rounding):
    image, weights = random((5, 9), "uint8"), random((3, 3), "float32", 1)
    check_convolve(image, weights, out_dtype=out_dtype, rounding=rounding)


def test_wrapped_integers():
    image, weights = random((5, 9), "int16"), random((3, 3), "int16", 1)
    check_convolve(image, weights, out_dtype="uint8", overflow="wrap")


def test_separable():
    factors = [random(3, "float32", 1), random(4, "float32", 2)]
    check_sepconvolve(random((9, 10), "float32"), factors, boundary="mirror")
    check_sepconvolve(random((2, 9, 19), "float32"), [random(5, "float32", 1), random(5, "float32", 2)])
    check_sepconvolve(random((9, 10), "uint8"), [np.array([100, 1, 27], "int8"), np.array([90, 3, 1], "int8")])


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # inf - inf, in the simulator
@pytest.mark.parametrize("filter_", [(3, 3), (2, 3), (5,)])
def test_zero_taps_and_nan(filter_):
    image, weights = random((6, 11), "float64"), np.ones(filter_)
    image[2, 5], image[4, 0] = np.nan, np.inf
    weights.flat[1] = 0
    spread = check_convolve(image, weights)
    skipped = check_convolve(image, weights, skip_zero_taps=True)
    assert np.isnan(spread).sum() > np.isnan(skipped).sum() > 0


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("image", "weights", "options"),
    [
        ((2, 3, 6, 7), (4, 3, 3, 3), {"padding": 1}),
        ((1, 4, 9, 8), (6, 2, 5, 3), {"padding": (2, 1), "groups": 2, "stride": (2, 1)}),
        ((2, 6, 5, 5), (6, 1, 3, 3), {"padding": "same", "groups": 6, "dilation": 2}),
        ((3, 5, 4, 4), (2, 5, 1, 1), {}),
        ((2, 3, 9, 17), (6, 1, 3, 3), {"padding": 1, "groups": 3}),
        ((2, 4, 21), (5, 4, 9), {"padding": 4, "stride": 3}),
        ((2, 21), (4, 1, 2), {"groups": 2, "padding": 1}),
    ],
)
def test_layers(image, weights, options, bias):
    x, w, b = (random(shape, "float32", seed) for seed, shape in enumerate((image, weights, weights[:1])))
    check_call(layer_call(len(weights) - 2, x, w, b if bias else None, **options))


@pytest.mark.parametrize("dtype", ["float16", "float64", "uint8", "int64"])
def test_layer_dtypes(dtype):
    x, w, b = (random(shape, dtype, seed) for seed, shape in enumerate(((1, 2, 5, 4), (3, 2, 3, 3), (3,))))
    check_call(layer_call(2, x // 16 if dtype == "int64" else x, w // 2**20 if dtype == "int64" else w, b, padding=1))
