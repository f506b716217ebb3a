"""Plans on a device, through the stand-in cupy: streams, graphs, and what a launch does without."""

import sys

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import backends, calls, nn
from gpuconv.nn import repeated

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)

from cupy._device import live  # noqa: E402 (of the stand-in)

X, W = random((20, 37), "f4"), random((5, 5), "f4", 1)
EXPECTED = gpuconv.convolve(X, W, backend="cupy")


@pytest.fixture
def planned():
    return gpuconv.plan(X.shape, W, backend="cupy")


class Foreign:
    """A stream of another library."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


class Protocol:
    def __cuda_stream__(self):
        return 0, 4096


def test_a_call_launches_on_the_stream_that_is_current_or_given(planned):
    x, own = cupy.asarray(X), cupy.cuda.Stream()
    strided = cupy.asarray(np.repeat(X, 2, axis=1))[:, ::2]
    with standin.recording() as launches:
        planned(x)
        with own:
            planned(x)
        for stream in (own, 4096, Foreign(cuda_stream=4096), Protocol()):
            planned(x, stream=stream)
            planned(strided, stream=stream)
    assert [launch.stream for launch in launches] == [0, own.ptr, own.ptr, own.ptr, *[4096] * 6]
    with pytest.raises(TypeError, match="stream must be a CUDA stream or its handle; got 'main'"):
        planned(x, stream="main")


def test_nothing_is_allocated_or_copied(planned, monkeypatch):
    x, out = cupy.asarray(X), cupy.empty(X.shape, "f4")
    for name in ("empty", "asarray", "ascontiguousarray", "copyto"):
        monkeypatch.setattr(cupy, name, lambda *_: pytest.fail("a launch needs no array"))
    assert planned(x, out) is out
    np.testing.assert_array_equal(out.get(), EXPECTED)


def test_a_launch_takes_little_python(planned):
    """Time is no measure on a machine that others use; the number of gpuconv's functions that are called is."""
    x, out, called = cupy.asarray(X), cupy.empty(X.shape, "f4"), []

    def note(frame, event, _):
        if event == "call" and frame.f_globals["__name__"].startswith("gpuconv."):
            called.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        planned(x, out)
    finally:
        sys.setprofile(None)
    assert called == ["__call__", "takes", "_lies", "_lies", "_are_apart", "run", "used", "run", "run"]


class Interface:
    """An array of another library."""

    def __init__(self, array):
        self.array = array
        self.__cuda_array_interface__ = {**array.__cuda_array_interface__, "stream": None}


def test_arrays_of_other_libraries(planned, monkeypatch):
    x, out = cupy.asarray(X), cupy.asarray(np.zeros_like(X))
    strided = cupy.asarray(np.repeat(X, 2, axis=1))[:, ::2]
    np.testing.assert_array_equal(planned(Interface(strided)).get(), EXPECTED)
    np.testing.assert_array_equal(planned(Interface(x.copy()), Interface(out)).array.get(), EXPECTED)
    memory = cupy.asarray(np.concatenate([X, X]))
    planned(Interface(memory[:20]), memory[7:27])
    np.testing.assert_array_equal(memory[7:27].get(), EXPECTED)
    monkeypatch.setattr(calls, "call_of", lambda *_: pytest.fail("the call was stated again"))
    with standin.recording() as launches:
        assert planned(Interface(x), out, stream=4096) is out
        np.testing.assert_array_equal(planned(Interface(x)).get(), EXPECTED)
    assert [launch.stream for launch in launches] == [4096, 0]
    with pytest.raises(ValueError, match="out must have dtype float32"):
        planned(Interface(x), cupy.empty(X.shape, "f8"))


LARGE = random((37, 41), "f4", 1)  # too many taps to travel by value
CAPTURED = [
    ("convolve", W, {}),
    ("correlate", LARGE, {"boundary": "mirror", "method": "direct"}),
    ("correlate", LARGE, {"boundary": "mirror", "method": "fft"}),
    ("convolve", LARGE[:, :2] @ LARGE[:2], {"boundary": "edge", "method": "low_rank"}),
    ("convolve", LARGE[0] + 1j, {"dtype": "c8", "method": "fft", "axes": 0, "size": "full"}),
    ("sepconvolve", [W[0], W[1]], {"boundary": "wrap"}),
    ("convolve", W, {"dtype": "u1", "out_dtype": "u1"}),
]


@pytest.mark.parametrize(("kind", "weights", "options"), CAPTURED)
def test_a_call_is_captured_in_a_graph(kind, weights, options):
    planned = gpuconv.plan(X.shape, weights, kind=kind, backend="cupy", **options)
    image = random(X.shape, planned.dtype)
    x, out = cupy.asarray(image), cupy.asarray(np.zeros(planned.out_shape, planned.out_dtype))
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        planned(x, out)
        graph = stream.end_capture()
    assert not out.get().any()
    for seed in (3, 4):
        image = random(X.shape, planned.dtype, seed)
        x.set(image)
        graph.launch(stream=stream)
        np.testing.assert_array_equal(out.get(), planned(cupy.asarray(image)).get())


@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("weights", [W, LARGE])
def test_weights_on_the_device_are_captured_too(weights, method):
    given = cupy.asarray(weights)
    planned = gpuconv.plan(X.shape, given, method=method)
    given.fill(7)
    x, out, stream = cupy.asarray(X), cupy.empty(X.shape, "f4"), cupy.cuda.Stream()
    assert planned.place == "cuda:0"
    with stream:
        stream.begin_capture()
        planned(x, out)
        graph = stream.end_capture()
    graph.launch()
    np.testing.assert_array_equal(out.get(), gpuconv.convolve(x, cupy.asarray(weights), method=method).get())


def test_transforms_hold_their_workspace():
    """Bounded and stated; without `out` only the result is new."""
    planned = gpuconv.plan(X.shape, LARGE, method="fft", backend="cupy")
    tiles, spectra = 4 * 64 * 80, 8 * 64 * 41
    assert planned.workspace_bytes == tiles + spectra + 2 * 8 * 64 * 80  # cuFFT's, as the stand-in has them
    x, before = cupy.asarray(X), live[0]
    result = planned(x)
    assert live[0] == before + result.nbytes


def test_one_run_at_a_time_uses_a_workspace(monkeypatch):
    """On another stream the next run waits for the last one, on the device; a captured one cannot."""
    planned = gpuconv.plan(X.shape, LARGE, method="fft", backend="cupy")
    x, out, waited = cupy.asarray(X), cupy.empty(X.shape, "f4"), []
    first, second = cupy.cuda.Stream(), cupy.cuda.Stream()
    monkeypatch.setattr(type(first), "wait_event", lambda stream, _: waited.append(stream))
    for stream in (first, first, second, first):
        planned(x, out, stream=stream)
    assert waited == [second, first]
    with second:
        second.begin_capture()
        planned(x, out)
        second.end_capture()
    assert waited == [second, first]


def test_the_stand_in_refuses_what_cannot_be_captured(planned):
    """Else the tests above would show nothing."""
    x, stream = cupy.asarray(X), cupy.cuda.Stream()
    refused = [
        lambda: planned(x),
        lambda: planned(cupy.asarray(X)),
        lambda: gpuconv.convolve(x, LARGE, method="direct", backend="cupy"),
        lambda: x.get(),
        stream.synchronize,
        lambda: x.device.synchronize(),
    ]
    for call in refused:
        stream.begin_capture()
        assert stream.is_capturing()
        with (
            stream,
            pytest.raises((cupy.cuda.runtime.CUDARuntimeError), match="not permitted when stream is capturing"),
        ):
            call()
        stream.end_capture()
    assert not stream.is_capturing()
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="capturing"):
        cupy.cuda.get_current_stream().begin_capture()


def test_memory(planned, monkeypatch):
    x = cupy.asarray(X)
    assert planned.workspace_bytes == 0
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", "out_of_memory")
    with pytest.raises(MemoryError):
        planned(x)


def test_a_plan_is_compiled_when_it_is_made(planned, monkeypatch):
    monkeypatch.setattr(cupy, "RawKernel", lambda *_: pytest.fail("a kernel was compiled at a call"))
    planned(cupy.asarray(X))
    assert backends.last_used() == "cupy"


def test_calls_that_come_again_are_not_stated_again(monkeypatch):
    """With weights that travel inside the launch; `out` may come and go, and overlap."""
    x, out = cupy.asarray(X), cupy.empty(X.shape, "f4")

    def call(x, out=None, w=W):
        return gpuconv.convolve(x, w, boundary="edge", out=out, backend="cupy")

    expected = call(x).get()
    with monkeypatch.context() as patch:
        patch.setattr(calls, "call_of", lambda *_: pytest.fail("the call was stated again"))
        assert call(x, out) is out
        np.testing.assert_array_equal(out.get(), expected)
        np.testing.assert_array_equal(call(x).get(), expected)
    memory = cupy.asarray(np.concatenate([X, X]))
    call(memory[:20], memory[7:27])
    np.testing.assert_array_equal(memory[7:27].get(), expected)
    np.testing.assert_array_equal(call(cupy.asarray(np.repeat(X, 2, axis=1))[:, ::2]).get(), expected)
    assert not np.array_equal(call(x, w=2 * W).get(), expected)
    with pytest.raises(ValueError, match="out must have shape"):
        call(x, cupy.empty((3, 3), "f4"))


def test_layers_that_come_again_are_not_stated_again(monkeypatch):
    x, w = cupy.asarray(random((2, 8, 9, 10), "f4")), cupy.asarray(random((6, 8, 3, 3), "f4", 1))
    grad = cupy.asarray(random((2, 6, 7, 8), "f4", 2))

    def results():
        layers = nn.conv2d(x, w), nn.conv2d_weight(x, w.shape, grad), nn.conv2d_input(x.shape, w, grad)
        return [result.get() for result in layers]

    expected = results()
    with monkeypatch.context() as patch:
        patch.setattr(repeated, "prepare", lambda *_: pytest.fail("the layer was planned again"))
        for again, first in zip(results(), expected, strict=True):
            np.testing.assert_array_equal(again, first)
        w.fill(1)
        assert not np.array_equal(results()[0], expected[0])


def test_a_layer_that_comes_again_when_memory_is_short(monkeypatch):
    """Its input is copied whole where that fits, else in parts."""
    x, w = cupy.asarray(random((2, 8, 60, 66), "f4"))[..., ::2], cupy.asarray(random((6, 8, 3, 3), "f4", 1))
    expected = nn.conv2d(x, w).get()
    monkeypatch.setenv("GPUCONV_STANDIN_MEMORY", str(live[0] + expected.nbytes + 40_000))
    with standin.recording() as launches:
        np.testing.assert_array_equal(nn.conv2d(x, w).get(), expected)
    assert len(launches) > 1
