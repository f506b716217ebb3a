"""The CuPy backend's own code, through the stand-in cupy: probe, arrays, streams, compilation, memory."""

import logging
from dataclasses import replace

import numpy as np
import pytest

import gpuconv
from gpuconv.arrays import DeviceView, adopt
from gpuconv.backends import cupy as backend
from gpuconv.core import filter_call
from gpuconv.engine import execute
from gpuconv.launches.cuda_defaults import default_specializations
from gpuconv.options import Options

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)

X = np.random.default_rng(0).standard_normal((3, 20, 37)).astype("float32")
W = np.random.default_rng(1).standard_normal((5, 5)).astype("float32")
EXPECTED = gpuconv.convolve(X, W, boundary="mirror", backend="numpy")
ATOL = 30 * np.finfo("float32").eps * np.abs(W).sum() * np.abs(X).max()


def convolve(x, weights=W, **options):
    return gpuconv.convolve(x, weights, boundary="mirror", backend="cupy", **options)


def assert_right(result, expected=EXPECTED):
    host = result.get() if isinstance(result, cupy.ndarray) else result
    np.testing.assert_allclose(host, expected, rtol=0, atol=ATOL)


# ------------------------------------------------------------------------------------------ arrays in and out


def on_device(array: np.ndarray) -> "cupy.ndarray":
    return cupy.asarray(array)


VIEWS = {
    "contiguous": lambda x: on_device(x),
    "every second": lambda x: on_device(np.repeat(x, 2, axis=2))[:, :, ::2],
    "backwards": lambda x: on_device(x[::-1, :, ::-1].copy())[::-1, :, ::-1],
    "transposed": lambda x: on_device(x.T.copy()).T,
    "inner part": lambda x: on_device(np.pad(x, 2))[2:-2, 2:-2, 2:-2],
}


@pytest.mark.parametrize("view", VIEWS)
def test_device_arrays(view):
    x = VIEWS[view](X)
    result = convolve(x)
    assert isinstance(result, cupy.ndarray)
    assert_right(result)
    np.testing.assert_array_equal(x.get(), X)


@pytest.mark.parametrize("view", VIEWS)
def test_out_on_the_device(view):
    out = VIEWS[view](np.zeros_like(X))
    assert convolve(on_device(X), out=out) is out
    assert_right(out)


def test_out_is_the_image():
    x = on_device(X)
    assert convolve(x, out=x) is x
    assert_right(x)


def test_out_overlaps_the_image():
    memory = on_device(np.concatenate([X, X]))
    convolve(memory[:3], out=memory[2:5])
    assert_right(memory[2:5])


def test_out_overlaps_the_weights():
    memory = on_device(np.concatenate([W, np.zeros((20, 5), "f4")]))
    expected = gpuconv.convolve(X[0, :, :5], W, boundary="mirror", backend="numpy")
    assert_right(convolve(on_device(X[0, :, :5]), memory[:5], out=memory[2:22]), expected)


@pytest.mark.parametrize("out", [np.zeros_like(X), np.zeros_like(X)[::-1, :, ::-1], np.zeros_like(X.T).T])
def test_out_on_the_host(out):
    assert convolve(X, out=out) is out
    assert_right(out)


def test_what_lies_right_is_not_copied(monkeypatch):
    x, out = on_device(X), on_device(np.zeros_like(X))
    made = []
    monkeypatch.setattr(cupy, "empty", lambda *_: pytest.fail("a temporary was allocated"))
    monkeypatch.setattr(cupy, "copyto", lambda *_: pytest.fail("the result was copied"))
    adopted = backend._contiguous

    def contiguous(view, dtype):
        made.append((view, adopted(view, dtype)))
        return made[-1][1]

    monkeypatch.setattr(backend, "_contiguous", contiguous)
    convolve(x, out=out)
    assert [array.data.ptr for _, array in made] == [x.data.ptr]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float16"])
def test_weights_on_the_device(dtype):
    x, w = X.astype(dtype), (W > 0).astype("float32")
    expected = gpuconv.convolve(x, w, boundary="edge", backend="numpy")
    result = gpuconv.convolve(on_device(x), on_device(w)[:, ::1], boundary="edge", backend="cupy")
    np.testing.assert_allclose(result.get().astype("f8"), expected.astype("f8"), rtol=1e-3)


def test_empty_batch():
    assert convolve(X[:0]).shape == (0, 20, 37)
    assert convolve(on_device(X)[:0]).shape == (0, 20, 37)


def test_more_images_than_a_grid_is_high():
    """70,000 signals of one sample, in the one dimension of the grid that is long enough."""
    x = np.arange(70000, dtype="float32").reshape(-1, 1)
    np.testing.assert_array_equal(gpuconv.convolve(x, np.full(1, 2, "f4"), backend="cupy"), 2 * x)


# ------------------------------------------------------------------------------------------ streams


def test_launches_on_the_stream_of_the_caller():
    call = replace(filter_call(on_device(X), W, Options(boundary="mirror"), flipped=True), backend="cupy")
    with standin.recording() as launches:
        execute(replace(call, x=replace(call.x, stream=4096)))
        with cupy.cuda.Stream() as stream:
            execute(call)
        execute(call)
    assert [launch.stream for launch in launches] == [4096, stream.ptr, 0]


def test_another_stream_s_work_is_waited_for_on_the_device(monkeypatch):
    waited = []
    monkeypatch.setattr(cupy.cuda.Stream, "wait_event", lambda self, event: waited.append(self.ptr))
    view = adopt("x", on_device(X)).view
    assert isinstance(view, DeviceView)
    for producer, current, waits in ((1, 0, []), (None, 0, []), (4096, 0, [0]), (1, 4096, [4096]), (4096, 4096, [])):
        waited.clear()
        with backend._place(view, current):
            np.testing.assert_array_equal(backend._on_device(replace(view, stream=producer)).get(), X)
        assert waited == waits


# ------------------------------------------------------------------------------------------ compilation and memory


def test_one_compilation_for_all_image_sizes(caplog):
    backend._kernel.cache_clear()
    with caplog.at_level(logging.INFO, logger="gpuconv"):
        for height in (1, 9, 31):
            gpuconv.convolve(np.ones((2, height, height + 3), "f4"), W, origin=(0, 1), backend="cupy")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("compiled conv2d_small<image_t=float, out_t=float, acc_t=float, FILTER_H=5")


def test_a_compile_error_names_what_and_where(monkeypatch):
    monkeypatch.setattr(
        backend, "source", lambda s: '#line 7 "some.cu"\nextern "C" __global__ void conv1d() { nonsense; }\n'
    )
    specialization = next(s for s in default_specializations() if s.kernel == "conv1d")
    backend._kernel.cache_clear()
    with pytest.raises(RuntimeError, match=r"conv1d<image_t=float.* does not compile .*(?s:.*)some\.cu:7.*nonsense"):
        backend._kernel(specialization, (8, 0))


def test_out_of_memory(monkeypatch):
    def exhausted(*_):
        raise cupy.cuda.memory.OutOfMemoryError(8880, 0)

    monkeypatch.setattr(cupy, "empty", exhausted)
    with pytest.raises(MemoryError, match=r"must hold image and result, 17,760 bytes; 4,294,967,296 of .* are free"):
        convolve(X)
