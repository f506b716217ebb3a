"""The CuPy backend's own code, through the stand-in cupy: probe, arrays, streams, compilation, memory."""

import logging
from dataclasses import replace

import numpy as np
import pytest

import gpuconv
from gpuconv.arrays import DeviceView, adopt
from gpuconv.backends import cupy as backend
from gpuconv.backends import cupy_launches
from gpuconv.engine import execute, prepare
from gpuconv.launches.cuda_defaults import default_specializations
from gpuconv.options import Options
from gpuconv.statements import filter_call

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
    monkeypatch.setattr(cupy, "empty", lambda *_: pytest.fail("a temporary was allocated"))
    monkeypatch.setattr(cupy, "copyto", lambda *_: pytest.fail("values were copied"))
    convolve(x, out=out)
    assert_right(out)


SLICES = {
    "columns": lambda x: x[..., 3:-2],
    "rows": lambda x: x[:, 2:-1],
    "a padded allocation": lambda x: x[:, 1:-1, 5:],
    "rows backwards": lambda x: x[:, ::-1, 1:],
    "every second image": lambda x: x[::2, :, 4:],
}


@pytest.mark.parametrize("view", SLICES)
@pytest.mark.parametrize(("kernel", "axis"), [("conv1d_rows", -1), ("conv1d_columns", -2)])
def test_rows_that_lie_apart_are_not_copied(monkeypatch, kernel, axis, view):
    x, out = (SLICES[view](on_device(a)) for a in (np.pad(X, 3), np.zeros((9, 26, 43), "f4")))
    w = np.random.default_rng(3).standard_normal((40, 1) if axis == -2 else 40).astype("f4")
    expected = gpuconv.convolve(x.get(), w, boundary="symmetric", backend="numpy", method="direct")
    if kernel == "conv1d_columns" or view not in (
        "every second image",
        "rows backwards",
        "a padded allocation",
        "rows",
    ):
        monkeypatch.setattr(cupy, "empty", lambda *_: pytest.fail("a temporary was allocated"))
        monkeypatch.setattr(cupy, "copyto", lambda *_: pytest.fail("the result was copied"))
    with standin.recording() as launches:
        gpuconv.convolve(x, w, boundary="symmetric", backend="cupy", method="direct", out=out)
    assert [launch.name for launch in launches] == [kernel]
    np.testing.assert_allclose(out.get(), expected, rtol=0, atol=90 * np.finfo("f4").eps * np.abs(w).sum() * 5)


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


def test_leave_for_shared_memory_is_not_taken_back():
    """A plan that needs less than another must not keep that one from being launched."""
    (launch,) = prepare(filter_call(X, W, Options(backend="cupy"), flipped=True)).plan.launches
    large, small = replace(launch, shared_bytes=90 * 1024), replace(launch, shared_bytes=60 * 1024)
    for wanted, given in ((small, 60), (large, 90), (small, 90)):
        assert cupy_launches.loaded(wanted).max_dynamic_shared_size_bytes == given * 1024


def test_another_stream_s_work_is_waited_for_on_the_device(monkeypatch):
    waited = []
    monkeypatch.setattr(cupy.cuda.Stream, "wait_event", lambda self, event: waited.append(self.ptr))
    view = adopt("x", on_device(X)).view
    assert isinstance(view, DeviceView)
    for producer, current, waits in ((1, 0, []), (None, 0, []), (4096, 0, [0]), (1, 4096, [4096]), (4096, 4096, [])):
        waited.clear()
        with backend.place(view, current):
            np.testing.assert_array_equal(backend.on_device(replace(view, stream=producer)).get(), X)
        assert waited == waits


# ------------------------------------------------------------------------------------------ compilation and memory


def test_one_compilation_for_all_image_sizes(caplog):
    backend.compiled.cache_clear()
    with caplog.at_level(logging.INFO, logger="gpuconv"):
        for height in (1, 9, 31):
            gpuconv.convolve(np.ones((2, height, height + 3), "f4"), W, origin=(0, 1), backend="cupy")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("compiled conv2d_small<image_t=float, out_t=float, acc_t=float, ")


def test_a_compile_error_names_what_and_where(monkeypatch):
    monkeypatch.setattr(
        cupy_launches, "source", lambda s: '#line 7 "some.cu"\nextern "C" __global__ void conv1d() { nonsense; }\n'
    )
    specialization = next(s for s in default_specializations() if s.kernel == "conv1d")
    backend.compiled.cache_clear()
    with pytest.raises(RuntimeError, match=r"conv1d<image_t=float.* does not compile .*(?s:.*)some\.cu:7.*nonsense"):
        backend.compiled(specialization, (8, 0))


def test_more_shared_memory_than_is_usual():
    """Where strides take samples far apart, a block's tile is large; the kernel must ask for its memory."""
    x, w = np.tile(X[:1], (1, 5, 6)), np.ones((7, 7), "f4")
    expected = gpuconv.convolve(x, w, stride=8, boundary="mirror", backend="numpy")
    with standin.recording() as launches:
        result = gpuconv.convolve(x, w, stride=8, boundary="mirror", backend="cupy")
    (launch,) = launches
    assert launch.name == "conv2d_layer"
    assert 48 * 1024 < launch.shared_mem <= backend.limits().optin_shared_bytes
    np.testing.assert_allclose(result, expected, rtol=0, atol=60 * np.finfo("f4").eps * 49 * np.abs(x).max())


def test_more_arguments_than_every_device_takes():
    """Weights of 32 KB travel with the launch where driver and device allow it."""
    w = np.random.default_rng(2).standard_normal((60, 61)).astype("f4")
    expected = gpuconv.convolve(X, w, boundary="mirror", backend="numpy", method="direct")
    with standin.recording() as launches:
        result = gpuconv.convolve(X, w, boundary="mirror", backend="cupy", method="direct")
    (launch,) = launches
    assert "constexpr int CAPACITY = 8159;" in launch.text
    scale = np.abs(w).sum() * np.abs(X).max()
    np.testing.assert_allclose(result, expected, rtol=0, atol=2 * w.size * np.finfo("f4").eps * scale)
