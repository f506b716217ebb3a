"""Plans on a device, through the stand-in cupy: streams, graphs, and what a launch does without."""

import sys

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import backends, calls

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)

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
    assert called == ["__call__", "takes", "_lies", "_lies", "_are_apart", "run", "used", "run"]


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
    ("correlate", LARGE, {"boundary": "mirror"}),
    ("sepconvolve", [W[0], W[1]], {"boundary": "wrap"}),
    ("convolve", W, {"dtype": "u1", "out_dtype": "u1"}),
]


@pytest.mark.parametrize(("kind", "weights", "options"), CAPTURED)
def test_a_call_is_captured_in_a_graph(kind, weights, options):
    planned = gpuconv.plan(
        X.shape, weights, kind=kind, method="direct" if weights is LARGE else "auto", backend="cupy", **options
    )
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


@pytest.mark.parametrize("weights", [W, LARGE])
def test_weights_on_the_device_are_captured_too(weights):
    given = cupy.asarray(weights)
    planned = gpuconv.plan(X.shape, given, method="direct")
    given.fill(7)
    x, out, stream = cupy.asarray(X), cupy.empty(X.shape, "f4"), cupy.cuda.Stream()
    assert planned.place == "cuda:0"
    with stream:
        stream.begin_capture()
        planned(x, out)
        graph = stream.end_capture()
    graph.launch()
    np.testing.assert_array_equal(out.get(), gpuconv.convolve(x, cupy.asarray(weights), method="direct").get())


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
