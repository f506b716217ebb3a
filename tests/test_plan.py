"""gpuconv.plan: the same results as the planned function, with nothing left to do but the launch."""

import copy
import dataclasses

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import backends, calls, core
from gpuconv.backends import cpu
from gpuconv.cpu import jit
from gpuconv.options import MISSING

X, W = random((2, 20, 31), "f4"), random((3, 5), "f4", 1)
COMPLEX = random((3, 5), "c8", 2)
FACTORS = [random(3, "f4", 1), random(5, "f4", 2)]


def on(backend, x):
    """The array where a plan of the backend has its images."""
    return pytest.importorskip("cupy").asarray(x) if backend == "cupy" else x


def on_host(x):
    return x if isinstance(x, np.ndarray) else x.get()


@pytest.fixture(params=["numpy", "cpu", "cupy"])
def backend(request):
    reason = backends.reason_unavailable(request.param)
    if reason:
        pytest.skip(reason)
    return request.param


@pytest.mark.parametrize(
    ("kind", "weights", "options"),
    [
        ("convolve", W, {"boundary": "mirror"}),
        ("correlate", W, {"size": "full", "stride": (1, 2)}),
        ("correlate", COMPLEX, {}),
        ("sepconvolve", FACTORS, {"boundary": "wrap"}),
        ("convolve", W[0], {"axes": 1}),
        ("convolve", W, {"channel_axis": 0, "out_dtype": "u1"}),
    ],
)
def test_results_are_those_of_the_function(backend, kind, weights, options):
    if backend == "cupy" and weights is COMPLEX:
        pytest.skip("the CUDA kernels compute real numbers")
    planned = gpuconv.plan(X.shape, weights, "float32", kind=kind, backend=backend, **options)
    function = getattr(gpuconv, kind)
    for seed in range(2):
        x = random(X.shape, "f4", seed)
        expected = function(x, weights, backend=backend, **options)
        result = planned(on(backend, x))
        assert type(result) is type(on(backend, x))
        np.testing.assert_array_equal(on_host(result), expected)
        assert (planned.out_shape, planned.out_dtype) == (expected.shape, expected.dtype)
        out = on(backend, np.zeros_like(expected))
        assert planned(on(backend, x), out) is out
        np.testing.assert_array_equal(on_host(out), expected)
    assert backends.last_used() == planned.backend == backend


LAYOUTS = {
    "every second": lambda backend, x: on(backend, np.repeat(x, 2, axis=2))[:, :, ::2],
    "backwards": lambda backend, x: on(backend, x[::-1, :, ::-1].copy())[::-1, :, ::-1],
    "transposed": lambda backend, x: on(backend, x.T.copy()).T,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_that_lie_otherwise(backend, layout):
    planned = gpuconv.plan(X.shape, W, backend=backend)
    expected = gpuconv.convolve(X, W, backend=backend)
    x, out = (LAYOUTS[layout](backend, array) for array in (X, np.zeros_like(X)))
    for _ in range(2):
        np.testing.assert_array_equal(on_host(planned(x)), expected)
        assert planned(x, out) is out
        np.testing.assert_array_equal(on_host(out), expected)


@pytest.mark.parametrize("shift", [0, 1, -1])
def test_out_may_overlap_x(backend, shift):
    memory = random((12, 10), "f4")
    expected = gpuconv.convolve(memory[1:-1], W, backend=backend)
    planned, memory = gpuconv.plan((10, 10), W, backend=backend), on(backend, memory)
    planned(memory[1:-1], memory[1 + shift : 11 + shift])
    np.testing.assert_array_equal(on_host(memory[1 + shift : 11 + shift]), expected)


def test_weights_are_those_of_the_time_of_planning(backend):
    expected = gpuconv.convolve(X, W, backend=backend)
    weights = W.copy()
    planned = gpuconv.plan(X.shape, weights, backend=backend)
    factors = [factor.copy() for factor in FACTORS]
    rows = gpuconv.plan(X.shape, factors, kind="sepconvolve", backend=backend)
    for array in (weights, *factors):
        array.fill(7)
    for x in (X, X[:, ::-1].copy()[:, ::-1]):
        np.testing.assert_array_equal(on_host(planned(on(backend, x))), expected)
    expected = gpuconv.sepconvolve(X, FACTORS, backend=backend)
    np.testing.assert_array_equal(on_host(rows(on(backend, X))), expected)


def test_a_call_states_nothing(backend, monkeypatch):
    planned, x = gpuconv.plan(X.shape, W, backend=backend), on(backend, X)
    out = on(backend, np.empty_like(X))
    monkeypatch.setattr(calls, "compute", lambda *_: pytest.fail("the call was stated again"))
    monkeypatch.setattr(calls, "call_of", lambda *_: pytest.fail("the call was stated again"))
    np.testing.assert_array_equal(on_host(planned(x)), on_host(planned(x, out)))


def test_a_plan_does_not_hesitate(monkeypatch):
    if backends.reason_unavailable("cpu"):
        pytest.skip(backends.reason_unavailable("cpu"))
    monkeypatch.setattr(cpu, "_meanwhile", cpu.defaultdict(float))
    monkeypatch.setattr(jit, "ready", lambda kernel: False)
    gpuconv.convolve(X, W)
    assert backends.last_used() == "numpy"
    assert gpuconv.plan(X.shape, W).backend == "cpu"


def test_a_plan_keeps_its_backend():
    with gpuconv.backend("numpy"):
        planned = gpuconv.plan(X.shape, W)
    with gpuconv.backend("cpu"):
        for x in (X, X[:, ::-1]):
            planned(x)
            assert backends.last_used() == planned.backend == "numpy"


def test_what_a_plan_says():
    planned = gpuconv.plan((20, 31), W, "u1", kind="correlate", out_dtype="u1", backend="numpy")
    assert repr(planned) == (
        "<plan of correlate: uint8 (20, 31) on host, 3 x 5 taps, gives uint8 (20, 31); backend 'numpy', "
        "algorithm 'direct'>"
    )
    assert (planned.problem.filter, planned.place) == ((3, 5), "host")
    assert planned.bound.out_step == 0.5
    with pytest.raises(dataclasses.FrozenInstanceError):
        planned.backend = "cpu"
    assert copy.copy(planned)(X[0].astype("u1")).dtype == np.uint8


def test_workspace():
    if backends.reason_unavailable("cpu"):
        pytest.skip(backends.reason_unavailable("cpu"))
    planned = gpuconv.plan((1000, 1000), np.ones((31, 31)), "f8", method="direct", backend="cpu")
    assert 0 < planned.workspace_bytes < 4 * 2**20 * gpuconv.get_num_threads()
    with gpuconv.backend("cpu"):
        assert gpuconv.plan((9, 9), W, overflow="raise", out_dtype="i1").workspace_bytes is None


def test_empty_arrays(backend):
    planned = gpuconv.plan((0, 20, 31), W, backend=backend)
    assert planned(on(backend, X[:0])).shape == (0, 20, 31)


PLANNED = {"shape": (20, 31), "weights": W, "backend": "numpy"}
REFUSED = [
    (ValueError, "kind must be one of .*; got 'convolved'; did you mean 'convolve'", {"kind": "convolved"}),
    (ValueError, "an option of a plan must be one of .*; did you mean 'boundary'", {"boundry": "wrap"}),
    (ValueError, "an option of a plan must be one of .*; got 'out'", {"out": X}),
    (ValueError, "did you mean 'wrap'", {"boundary": "warp"}),
    (ValueError, "at least as many axes", {"shape": 20}),
    (ValueError, r"shape must not be negative; got \(20, -1\)", {"shape": (20, -1)}),
    (ValueError, "at least one sample along each spatial axis", {"shape": (20, 0)}),
    (TypeError, "shape must be a tuple of integers; got", {"shape": (20, 1.5)}),
    (TypeError, "dtype must be a NumPy dtype; got 'flaot32'", {"dtype": "flaot32"}),
    (TypeError, "got dtype object", {"dtype": object}),
    (ValueError, "did you mean 'numpy'", {"backend": "nunpy"}),
    (OverflowError, "an integer result must fit int64", {"dtype": "i8", "weights": [[1, 2], [3, 4]]}),
]


@pytest.mark.parametrize(("error", "message", "arguments"), REFUSED)
def test_refused_plans(error, message, arguments):
    with pytest.raises(error, match=message):
        gpuconv.plan(**{**PLANNED, **arguments})


def test_refused_calls(backend):
    planned, good = gpuconv.plan((20, 31), W, backend=backend), on(backend, X[0])
    for x, message in (
        (X, r"x must have the shape that was planned, \(20, 31\); got \(2, 20, 31\)"),
        (X[0].astype("f8"), "x must have the dtype that was planned, float32; got float64"),
    ):
        with pytest.raises(ValueError, match=message):
            planned(on(backend, x))
    for out in (X[0].astype("f8"), X[0, :-1]):
        with pytest.raises(ValueError, match="out must have"):
            planned(good, on(backend, out))
    if backend == "cupy":
        with pytest.raises(ValueError, match="x must have the place that was planned, cuda:0; got host"):
            planned(X[0])
    else:
        with pytest.raises(ValueError, match="stream must be None for a plan on the host; got 7"):
            planned(good, stream=7)
        frozen = X[0].copy()
        frozen.flags.writeable = False
        with pytest.raises(ValueError, match="out must be writeable"):
            planned(X[0], frozen)


def test_unavailable_backends(monkeypatch):
    monkeypatch.setattr(backends.probing, "reason_unavailable", lambda name: "no driver")
    with pytest.raises(gpuconv.BackendUnavailableError, match="backend 'cupy' is not available: no driver"):
        gpuconv.plan((20, 31), W, backend="cupy")


def test_a_plan_takes_every_option_of_the_functions():
    for name in ("convolve", "correlate", "sepconvolve"):
        options = set(getattr(core, name).__kwdefaults__) - {"out", *MISSING}
        defaults = {key: getattr(core, name).__kwdefaults__[key] for key in options}
        weights = FACTORS if name == "sepconvolve" else W
        result = gpuconv.plan((20, 31), weights, kind=name, **{**defaults, "backend": "numpy"})(X[0])
        np.testing.assert_array_equal(result, getattr(gpuconv, name)(X[0], weights, backend="numpy"))
