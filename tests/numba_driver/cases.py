"""The Numba backend with its real tiles, as machine code: host arrays, device arrays, streams, devices.

Run by test_backend_numba_cuda.py in a process of its own, with the stand-in driver.
"""

import numpy as np
import pytest
from agreement import check_call, check_convolve, random
from numba import cuda

import gpuconv
import numba_driver
from gpuconv.arrays import adopt
from gpuconv.backends import numba_cuda as backend
from gpuconv.nn import conv1d, conv2d, conv3d, layer_call
from numba_driver.calls import devices, memory

IMAGE, WEIGHTS = random((40, 50), "float32"), random((5, 5), "float32", 1)


@pytest.fixture(autouse=True)
def without_findings(monkeypatch):
    monkeypatch.setenv("GPUCONV_BACKEND", "numba_cuda")
    before = len(numba_driver.findings)
    yield
    assert numba_driver.findings[before:] == []


@pytest.fixture(params=range(len(devices)), ids=lambda device: devices[device])
def device(request):
    with cuda.gpus[request.param]:
        yield request.param


def assert_same(result, expected):
    np.testing.assert_allclose(result.copy_to_host(), expected, rtol=1e-5, atol=1e-5)


def on_host(x, w, **options):
    return gpuconv.convolve(x, w, backend="numpy", **options)


@pytest.mark.parametrize("boundary", ["mirror", "wrap"])
@pytest.mark.parametrize(
    ("shape", "filter_"), [((2, 65, 70), (5, 5)), ((33, 31), (15, 15)), ((34, 50), (9, 40)), ((2, 1500), (700,))]
)
def test_filters(device, shape, filter_, boundary):
    check_convolve(random(shape, "float32"), random(filter_, "float32", 1), boundary=boundary)
    assert numba_driver.launches[-1].arch == devices[device]


def test_tile_without_bank_conflicts(device):
    gpuconv.convolve(np.ones((64, 64), "float32"), WEIGHTS)
    assert numba_driver.launches[-1].stats.bank_conflicts == 0


def test_bytes_and_exact_integers(device):
    check_convolve(random((40, 41), "uint8"), random((3, 3), "float32", 1), out_dtype="uint8")
    check_convolve(random((3, 300), "int16"), random(9, "int8", 1), stride=3, dilation=2)


def test_layer(device):
    x, w, b = (random(shape, "float32", i) for i, shape in enumerate([(2, 6, 20, 37), (10, 3, 3, 5), (10,)]))
    check_call(layer_call(2, x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 3), groups=2))


def test_device_array_is_used_where_it_lies(device):
    x = cuda.to_device(IMAGE)
    images = [address for address, block in memory.items() if block.data.nbytes == IMAGE.nbytes]
    result = gpuconv.convolve(x, WEIGHTS)
    assert type(result) is type(x)
    added = {address for address, block in memory.items() if block.data.nbytes == IMAGE.nbytes} - set(images)
    assert len(added) == 1  # the result
    assert adopt("result", result).place == f"cuda:{device}"
    assert_same(result, on_host(IMAGE, WEIGHTS))


def test_auto_stays_on_the_device(monkeypatch):
    monkeypatch.delenv("GPUCONV_BACKEND")
    result = gpuconv.convolve(cuda.to_device(IMAGE), WEIGHTS)
    assert gpuconv.backends.last_used() == "numba_cuda"
    assert_same(result, on_host(IMAGE, WEIGHTS))


def test_strided_views():
    x = cuda.to_device(IMAGE)
    assert_same(gpuconv.convolve(x[::2, 1::3], WEIGHTS), on_host(IMAGE[::2, 1::3], WEIGHTS))
    fortran = cuda.to_device(np.asfortranarray(IMAGE))
    assert_same(gpuconv.convolve(fortran, WEIGHTS, boundary="edge"), on_host(IMAGE, WEIGHTS, boundary="edge"))


@pytest.mark.parametrize(("axes", "launched"), [((0, 1), 1), ((1, 3), 12), ((3, 4), 1)])
def test_batch_axes(axes, launched):
    image = random((4, 9, 3, 8, 2) if axes != (0, 1) else (9, 8, 3), "float32")
    before = len(numba_driver.launches)
    result = gpuconv.convolve(cuda.to_device(image), WEIGHTS, axes=axes)
    assert len(numba_driver.launches) == before + launched
    assert_same(result, on_host(image, WEIGHTS, axes=axes))


def test_weights_on_the_device():
    x, w, k = cuda.to_device(IMAGE), cuda.to_device(WEIGHTS), random(3, "float64", 2)
    assert_same(gpuconv.convolve(x, w), on_host(IMAGE, WEIGHTS))
    assert_same(gpuconv.correlate(x, w), gpuconv.correlate(IMAGE, WEIGHTS, backend="numpy"))
    assert_same(gpuconv.convolve(x, cuda.to_device(k)), on_host(IMAGE, k))


def test_layers_on_the_device():
    x, w, b = random((2, 4, 9, 8), "float32"), random((6, 2, 3, 3), "float32", 1), random(6, "float32", 2)
    arrays = [cuda.to_device(array) for array in (x, w, b)]
    with gpuconv.backend("numpy"):
        images, signals = conv2d(x, w, b, stride=2, groups=2), conv1d(x[0, :, 0], w[:, :, 0], b, groups=2)
    assert_same(conv2d(*arrays, stride=2, groups=2), images)
    assert_same(conv1d(cuda.to_device(x[0, :, 0].copy()), w[:, :, 0], b, groups=2), signals)


def test_layers_over_volumes_on_the_device():
    """Slices outside are filled; the channels of windows joined, or layers of groups added up."""
    x, w, b = random((1, 2, 4, 6, 7), "float32"), random((4, 2, 3, 3, 3), "float32", 1), random(4, "float32", 2)
    strided = cuda.to_device(np.repeat(x, 2, axis=-1))[:, :, :, :, ::2]
    for weights, groups in ((w, 1), (w[:, :1].copy(), 2)):
        with gpuconv.backend("numpy"):
            expected = conv3d(x, weights, b, padding=1, groups=groups)
        assert_same(conv3d(strided, cuda.to_device(weights), cuda.to_device(b), padding=1, groups=groups), expected)


def test_other_dtypes_on_the_device():
    flags, halves = random((7, 20), "bool"), random((7, 20), "float16")
    assert_same(gpuconv.convolve(cuda.to_device(flags), [1, 2, 3]), on_host(flags, [1, 2, 3]))
    result = gpuconv.convolve(cuda.to_device(halves), WEIGHTS)
    assert result.dtype == np.float16
    np.testing.assert_allclose(result.copy_to_host(), on_host(halves, WEIGHTS), rtol=2**-10)


def test_out_may_overlap_the_image():
    x = cuda.to_device(IMAGE)
    assert gpuconv.convolve(x, WEIGHTS, out=x) is x
    assert_same(x, on_host(IMAGE, WEIGHTS))
    x = cuda.to_device(IMAGE)
    gpuconv.convolve(x[:, 1:], WEIGHTS, out=x[:, :-1])
    np.testing.assert_allclose(x.copy_to_host()[:, :-1], on_host(IMAGE[:, 1:], WEIGHTS), rtol=1e-5, atol=1e-5)


def test_out_may_have_strides():
    out = cuda.device_array((40, 100), "float32")
    gpuconv.convolve(cuda.to_device(IMAGE), WEIGHTS, out=out[:, ::2])
    result = out.copy_to_host()
    np.testing.assert_allclose(result[:, ::2], on_host(IMAGE, WEIGHTS), rtol=1e-5, atol=1e-5)
    assert np.isnan(result[:, 1::2]).all()


def test_work_is_queued_on_the_arrays_stream():
    stream = cuda.external_stream(0x77)
    result = gpuconv.convolve(cuda.to_device(IMAGE, stream=stream), WEIGHTS)
    assert numba_driver.launches[-1].stream == 0x77
    assert result.__cuda_array_interface__["stream"] == 0x77
    gpuconv.convolve(cuda.to_device(IMAGE), WEIGHTS)
    assert numba_driver.launches[-1].stream == 0


def test_a_new_size_or_boundary_compiles_nothing():
    gpuconv.convolve(IMAGE, WEIGHTS)
    compiled = backend._kernel.cache_info().misses
    gpuconv.convolve(random((3, 17, 90), "float32"), WEIGHTS, boundary="wrap")
    gpuconv.convolve(IMAGE, WEIGHTS, size="full", boundary="constant", fill=3)
    assert backend._kernel.cache_info().misses == compiled
