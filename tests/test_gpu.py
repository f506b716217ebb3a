"""On a real CUDA device: every kernel that the planner chooses, and what CUDA and CuPy make of the launch code.

The second half runs everywhere: on the stand-in it shows that these tests are right.
"""

import threading

import numpy as np
import pytest
from agreement import check_convolve, random

import gpuconv
from gpuconv import nn, verify
from gpuconv.backends import reason_unavailable


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["cupy", "numba_cuda"])
@pytest.mark.usefixtures("driver")
def test_every_case_on_the_device(name):
    if reason := reason_unavailable(name):
        pytest.skip(reason)
    failed = [check for check in verify.checks(name) if not check.passed]
    assert failed == []


X, W = random((3, 40, 70), "f4"), random((5, 5), "f4", 1)
TAPS = {"small": W, "transforms": random((37, 39), "f4", 1), "low rank": np.outer(W[0], W[1]) + np.outer(W[2], W[3])}
IMAGES, FILTERS, BIAS = random((2, 8, 9, 10), "f4"), random((6, 8, 3, 3), "f4", 1), random((6,), "f4", 2)


@pytest.fixture
def cupy():
    if reason := reason_unavailable("cupy"):
        pytest.skip(reason)
    return pytest.importorskip("cupy")


@pytest.mark.gpu
@pytest.mark.parametrize("name", TAPS)
def test_a_plan_in_a_graph(cupy, name):
    """Bit by bit what a call computes; the cases above show that this is right."""
    expected = gpuconv.convolve(X, TAPS[name], boundary="mirror", backend="cupy")
    planned = gpuconv.plan(X.shape, TAPS[name], boundary="mirror", backend="cupy")
    x, out, stream = cupy.asarray(X), cupy.empty(X.shape, "f4"), cupy.cuda.Stream(non_blocking=True)
    np.testing.assert_array_equal(planned(x).get(), expected)
    cupy.cuda.get_current_stream().synchronize()
    with stream:
        stream.begin_capture()
        planned(x, out)
        graph = stream.end_capture()
        x.set(2 * X)
        graph.launch()
        stream.synchronize()
    np.testing.assert_array_equal(out.get(), 2 * expected)


@pytest.mark.gpu
def test_planned_layers_in_a_graph(cupy):
    x, w, b = map(cupy.asarray, (IMAGES, FILTERS, BIAS))
    layers = {
        nn.conv2d: (x, w, b),
        nn.conv_transpose2d: (x, w.transpose(1, 0, 2, 3).copy()),
        nn.conv2d_weight: (x, FILTERS.shape, x[:, :6]),
    }
    for layer, arrays in layers.items():
        expected = layer(*arrays, padding=1).get()
        planned = nn.plan(layer, *arrays, padding=1)
        given = [array for array in arrays if not isinstance(array, tuple)]
        out, stream = planned(*given), cupy.cuda.Stream(non_blocking=True)
        np.testing.assert_array_equal(out.get(), expected)
        out.fill(0)
        cupy.cuda.get_current_stream().synchronize()
        with stream:
            stream.begin_capture()
            planned(*given, out=out)
            graph = stream.end_capture()
            graph.launch()
            stream.synchronize()
        np.testing.assert_array_equal(out.get(), expected)


@pytest.mark.gpu
def test_views_and_streams(cupy):
    x, stream = cupy.asarray(np.repeat(X, 2, axis=2)), cupy.cuda.Stream()
    expected = gpuconv.convolve(np.ascontiguousarray(X[:, ::-1]), W, backend="cupy")
    cupy.cuda.get_current_stream().synchronize()
    for _ in range(2):
        np.testing.assert_array_equal(gpuconv.convolve(x[:, ::-1, ::2], W).get(), expected)
        with stream:
            np.testing.assert_array_equal(gpuconv.convolve(x[:, ::-1, ::2], W).get(), expected)
    whole = x[:, ::-1, ::2].copy()
    assert gpuconv.convolve(whole, W, out=whole) is whole  # though each output needs its neighbours
    np.testing.assert_array_equal(whole.get(), expected)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float64", "complex64", "bfloat16"])
def test_dtypes(cupy, dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    x = random((12, 30), dtype)
    for method, taps in (("direct", W), ("fft", TAPS["transforms"][:19, :21])):
        check_convolve(x, taps, method=method, compute_dtype=None if dtype != "uint8" else "f4", backend="cupy")


@pytest.mark.gpu
def test_threads_share_a_plan_of_several_kernels(cupy):
    planned = gpuconv.plan(X.shape, TAPS["transforms"], method="fft", backend="cupy")
    expected = planned(cupy.asarray(X)).get()
    results = []

    def work(factor):
        with cupy.cuda.Stream(non_blocking=True):
            x = cupy.asarray(factor * X)
            results.extend((factor, planned(x).get()) for _ in range(4))

    threads = [threading.Thread(target=work, args=(factor,)) for factor in (1, 2, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 12
    for factor, result in results:
        np.testing.assert_array_equal(result, factor * expected)  # powers of two
