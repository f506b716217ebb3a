"""Several devices, through the stand-in cupy: arrays stay where they are, whichever device is the current one."""

import threading

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import nn
from gpuconv.backends import cupy_probe

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)

X, W = random((3, 20, 37), "f4"), random((5, 5), "f4", 1)
LONG = random((37, 39), "f4", 2)  # as many taps as transforms take
IMAGES, FILTERS = random((2, 8, 9, 10), "f4"), random((6, 8, 3, 3), "f4", 1)


@pytest.fixture(autouse=True)
def two_devices(monkeypatch):
    monkeypatch.setenv("GPUCONV_STANDIN_DEVICES", "2")


def on(device, *arrays):
    with cupy.cuda.Device(device):
        return [cupy.asarray(array) for array in arrays]


CALLS = {
    "filter": lambda x: gpuconv.convolve(x, W, boundary="mirror"),
    "transforms": lambda x: gpuconv.convolve(x, LONG, method="fft"),
    "strided": lambda x: gpuconv.convolve(x[:, ::2, ::-1], W),
    "layer": lambda x: nn.conv2d(x[:, None], W[None, None], padding=2),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_result_is_where_the_array_is(name):
    (x,) = on(1, X)
    with gpuconv.backend("cupy"):
        for _ in range(2):  # the second is known
            result = CALLS[name](x)
            assert (result.device.id, cupy.cuda.Device().id) == (1, 0)
            np.testing.assert_array_equal(result.get(), CALLS[name](cupy.asarray(X)).get())


@pytest.mark.parametrize("weights", [W, LONG], ids=["one launch", "several"])
def test_a_plan_launches_on_its_device_and_the_stream_given(weights):
    (x,) = on(1, X)
    with cupy.cuda.Device(1):
        planned = gpuconv.plan(X.shape, weights, backend="cupy")
        out, stream = cupy.empty(X.shape, "f4"), cupy.cuda.Stream()
        expected = planned(x).get()
    assert planned.place == "cuda:1"
    with standin.recording() as launches:
        planned(x, out, stream=stream)
    assert {launch.stream for launch in launches} == {stream.ptr}
    np.testing.assert_array_equal(out.get(), expected)
    with pytest.raises(ValueError, match="x must have the place that was planned, cuda:1; got cuda:0"):
        planned(cupy.asarray(X))


def test_a_planned_layer_launches_on_its_device_and_the_stream_given():
    x, w = on(1, IMAGES, FILTERS)
    planned = nn.plan(nn.conv2d, x, w, padding=1)
    with cupy.cuda.Device(1):
        stream, out = cupy.cuda.Stream(), planned(x)
    with standin.recording() as launches:
        assert planned(x, w, out=out, stream=stream) is out
    assert {launch.stream for launch in launches} == {stream.ptr}
    np.testing.assert_array_equal(out.get(), nn.conv2d(*on(0, IMAGES, FILTERS), padding=1).get())


def test_a_plan_knows_the_device_of_the_array(monkeypatch):
    """Two devices need not be of one kind."""
    properties = cupy.cuda.runtime.getDeviceProperties

    def of(device):
        return properties(device) | ({"name": b"the other device"} if device else {})

    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceProperties", of)
    cupy_probe.forget()
    try:
        (x,) = on(1, X)
        assert gpuconv.engine.prepare(_call(x)).plan.facts.device.name == "the other device"
        assert gpuconv.engine.prepare(_call(cupy.asarray(X))).plan.facts.device.name == "stand-in device"
    finally:
        cupy_probe.forget()


def _call(x):
    from gpuconv.options import Options
    from gpuconv.statements import convolution

    return convolution(x, W, Options(backend="cupy"))


def test_each_thread_has_a_device_and_a_stream_of_its_own():
    """What one thread makes current is nothing to another."""
    (x,) = on(1, X)
    planned = gpuconv.plan(X.shape, W, backend="cupy")
    seen = []

    def work():
        with standin.recording() as launches:
            planned(cupy.asarray(X))
        seen.append((cupy.cuda.Device().id, launches[0].stream))

    with cupy.cuda.Device(1), cupy.cuda.Stream():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert gpuconv.convolve(x, W).device.id == 1
    assert seen == [(0, 0)]
