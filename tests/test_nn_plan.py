"""Planned layers: the same results as the layer's, on any stream, from one workspace, in a graph."""

import sys

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import nn

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)


def values(shape, seed, dtype="f4", *, last=False):
    """An array on the device, with channels last or in C order."""
    x = random(shape, dtype, seed)
    return (
        cupy.asarray(np.ascontiguousarray(x.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2) if last else cupy.asarray(x)
    )


# Layers of one kernel and of several, with weights in other orders and dtypes, channels last; gradients.
X, W, B = (2, 8, 9, 10), (6, 8, 3, 3), (6,)
CASES = {
    "dense": (nn.conv2d, [(X, {}), (W, {}), (B, {})], {"padding": 1}),
    "wide": (nn.conv2d, [((2, 32, 9, 10), {}), ((32, 32, 3, 3), {})], {}),
    "half": (nn.conv2d, [((2, 16, 9, 10), {"dtype": "f2"}), ((16, 16, 3, 3), {"dtype": "f2"})], {"padding": 1}),
    "channels last": (nn.conv2d, [(X, {"last": True}), (W, {}), (B, {})], {"stride": 2}),
    "depthwise": (nn.conv2d, [(X, {}), ((8, 1, 3, 3), {})], {"groups": 8}),
    "by transforms": (nn.conv2d, [((2, 1, 40, 40), {}), ((1, 1, 37, 39), {})], {"padding": 30}),
    "windows": (nn.conv3d, [((1, 4, 5, 6, 7), {}), ((8, 4, 3, 3, 3), {}), ((8,), {})], {"padding": 1}),
    "added up": (nn.conv3d, [((2, 4, 5, 6, 7), {"dtype": "f2"}), ((4, 1, 2, 3, 3), {"dtype": "f2"})], {"groups": 4}),
    "transposed": (nn.conv_transpose2d, [(X, {}), ((8, 3, 3, 3), {}), ((6,), {})], {"stride": 2, "groups": 2}),
    "input": (nn.conv2d_input, [(W, {}), ((2, 6, 5, 5), {})], {"stride": 2, "padding": 1}),
    "weight": (nn.conv2d_weight, [(X, {"last": True}), ((2, 6, 9, 10), {})], {"padding": 1}),
}


def case(name, first_seed=0):
    """A layer, its arrays, and all its arguments."""
    layer, arrays, options = CASES[name]
    arrays = [values(shape, first_seed + seed, **how) for seed, (shape, how) in enumerate(arrays)]
    return layer, arrays, *arguments(name, arrays), options


def arguments(name, arrays):
    if name == "input":
        return ([X, *arrays],)
    if name == "weight":
        return ([arrays[0], W, arrays[1]],)
    return (arrays,)


@pytest.mark.parametrize("name", CASES)
def test_a_call_is_captured_in_a_graph(name):
    """With the values that input, weights and bias have when the graph is launched."""
    layer, arrays, given, options = case(name)
    planned = nn.plan(layer, *given, **options)
    expected = layer(*given, **options)
    assert (planned.out_shape, planned.out_dtype) == (expected.shape, expected.dtype)
    result = planned(*arrays)
    assert result.strides == expected.strides
    np.testing.assert_array_equal(result.get(), expected.get())
    out, stream = expected.copy("K"), cupy.cuda.Stream()
    out.fill(0)
    with stream:
        stream.begin_capture()
        assert planned(*arrays, out=out) is out
        graph = stream.end_capture()
    assert not out.get().any()
    for seed in (10, 20):
        _, others, given, _ = case(name, seed)
        for array, other in zip(arrays, others, strict=True):
            cupy.copyto(array, other)
        graph.launch()
        np.testing.assert_array_equal(out.get(), layer(*given, **options).get())


def test_nothing_is_allocated(monkeypatch):
    for name in CASES:
        layer, arrays, given, options = case(name)
        planned = nn.plan(layer, *given, **options)
        out = planned(*arrays)
        monkeypatch.setattr(cupy, "empty", lambda *_: pytest.fail("a run needs no array"))
        planned(*arrays, out=out)
        monkeypatch.undo()
        assert planned.workspace_bytes == 0 or name not in ("dense", "depthwise")


def test_arrays_left_out_are_those_planned_with():
    layer, (x, w, b), _, options = case("dense")
    planned = nn.plan(layer, x, w, b, **options)
    other = values(X, 5)
    np.testing.assert_array_equal(planned(other).get(), layer(other, w, b, **options).get())
    w.fill(2)
    np.testing.assert_array_equal(planned(other, w).get(), layer(other, w, b, **options).get())
    with pytest.raises(TypeError, match="conv2d was planned with fewer arrays; got 4"):
        planned(x, w, b, b)


def test_weights_on_the_host_are_constants():
    layer, (x, w), _, options = case("wide")
    host = w.get()
    planned = nn.plan(layer, x, host, **options)
    expected = layer(x, w).get()
    np.testing.assert_array_equal(planned(x).get(), expected)
    host[:] = 0
    np.testing.assert_array_equal(planned(x, host).get(), expected)
    assert not planned(x, host.copy()).get().any()  # other weights take the way of the layer


class Interface:
    """An array of another library."""

    def __init__(self, array):
        self.array = array
        self.__cuda_array_interface__ = {**array.__cuda_array_interface__, "stream": None}


def test_other_arrays_give_the_same_result():
    layer, (x, w, b), _, options = case("dense")
    planned = nn.plan(layer, x, w, b, **options)
    expected, out = layer(x, w, b, **options), cupy.empty(planned.out_shape, "f4")
    with standin.recording() as launches:
        assert planned(Interface(x), w, Interface(b), out=out, stream=4096) is out
        strided = cupy.asarray(np.repeat(x.get(), 2, axis=3))[..., ::2]
        assert planned(strided, out=out.transpose(0, 1, 2, 3), stream=4096) is not None
        planned(x, out=out, stream=4096)
    assert {launch.stream for launch in launches} == {4096}
    np.testing.assert_array_equal(out.get(), expected.get())
    np.testing.assert_array_equal(planned(strided).get(), expected.get())
    with pytest.raises(ValueError, match=r"arrays must have the shape that was planned, \(6,\); got \(5,\)"):
        planned(x, w, values((5,), 0))
    with pytest.raises(ValueError, match="arrays must be where they were planned, cuda:0; got host"):
        planned(x.get())
    with pytest.raises(ValueError, match=r"out must have shape \(2, 6, 9, 10\); got"):
        planned(x, out=x)


@pytest.mark.parametrize("name", ["dense", "transposed"])
def test_arrays_that_do_not_lie_as_planned(name):
    layer, arrays, given, options = case(name)
    planned, expected = nn.plan(layer, *given, **options), layer(*given, **options)
    x, *others = arrays
    strided = cupy.asarray(np.repeat(x.get(), 2, axis=3))[..., ::2]
    out = cupy.asarray(np.zeros((*planned.out_shape, 2), "f4"))[..., 1]
    assert planned(strided, *others, out=out) is out
    np.testing.assert_array_equal(out.get(), expected.get())


def test_on_the_host():
    x, w = random(X, "f4"), random(W, "f4", 1)
    planned, out = nn.plan(nn.conv2d, x, w), np.empty((2, 6, 7, 8), "f4")
    assert planned(x, out=out) is out
    np.testing.assert_array_equal(out, nn.conv2d(x, w))
    with pytest.raises(ValueError, match="out must have a place for each sample"):
        planned(x, out=np.lib.stride_tricks.as_strided(out, out.shape, (0, 0, 0, 0)))
    with pytest.raises(TypeError, match="out must be an array; got list"):
        planned(x, out=out.tolist())
    assert planned.backend in ("cpu", "numpy")
    assert repr(planned).startswith("<plan of conv2d: float32 (2, 8, 9, 10) on host, gives float32 (2, 6, 7, 8);")
    with pytest.raises(ValueError, match="stream must be None for a layer on the host"):
        planned(x, stream=1)


def test_what_is_no_layer():
    for function in (np.convolve, gpuconv.convolve, nn.layer_call):
        with pytest.raises(TypeError, match="layer must be a"):
            nn.plan(function, 1, np.ones((1, 4)), np.ones((1, 1, 2)))


def test_a_launch_takes_little_python():
    layer, arrays, given, options = case("dense")
    planned = nn.plan(layer, *given, **options)
    out, called = planned(*arrays), []

    def note(frame, event, _):
        if event == "call" and frame.f_globals["__name__"].startswith("gpuconv."):
            called.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        planned(*arrays, out=out)
    finally:
        sys.setprofile(None)
    assert len(called) < 30
