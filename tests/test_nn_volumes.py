"""Layers over volumes as layers over images: how they are cut, and the results of all the ways against the oracle."""

import itertools
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from agreement import check_call, random
from hypothesis import given
from hypothesis import strategies as st

import gpuconv
from gpuconv import nn
from gpuconv.arrays import adopt
from gpuconv.backends.selection import plan_with
from gpuconv.backends.sliced import buffers_of
from gpuconv.backends.sliced_memory import HostMemory
from gpuconv.engine import execute
from gpuconv.nn import repeated
from gpuconv.nn.weight_gradient import gradient_call
from gpuconv.planning import sliced
from gpuconv.planning.facts import Facts

CASES = {
    "windows": ((2, 3, 6, 7, 9), (5, 3, 3, 3, 2), {"padding": 1}),
    "winograd": ((1, 6, 4, 9, 9), (16, 6, 3, 3, 3), {"padding": 1}),
    "every third": (
        (1, 3, 11, 6, 5),
        (4, 3, 3, 2, 2),
        {"dilation": (2, 1, 1), "stride": (3, 1, 1), "padding": (2, 0, 0)},
    ),
    "windows of groups": (
        (1, 16, 5, 6, 7),
        (6, 8, 2, 3, 3),
        {"groups": 2, "padding": (1, 0, 1), "dilation": (2, 1, 1)},
    ),
    "in place, no batch": ((3, 7, 6, 5), (2, 3, 1, 3, 3), {"stride": (3, 1, 1)}),
    "depthwise": ((2, 4, 7, 6, 8), (8, 1, 3, 3, 3), {"groups": 4, "padding": 1}),
    "added up": (
        (1, 4, 9, 6, 5),
        (6, 2, 3, 2, 2),
        {"groups": 2, "dilation": (2, 1, 1), "stride": (2, 2, 1), "padding": 2},
    ),
}
SIZES = st.integers(1, 4)


def call_of(name, dtype):
    image, weights, options = CASES[name]
    arrays = (random(shape, dtype, seed) for seed, shape in enumerate((image, weights, weights[:1])))
    return replace(nn.layer_call(3, *arrays, **options), backend="cpu")


def gradient_of(name, dtype):
    image, weights, options = CASES[name]
    x = random(image, dtype)
    shape = nn.layer_call(3, x, random(weights, dtype), **options).problem.out_shape
    return replace(gradient_call(3, x, weights, random(shape, dtype, 1), **options), backend="cpu")


@pytest.fixture(params=["whole", "in parts"])
def parts(request, monkeypatch):
    """Once as much at a time as is usual, once a single slice."""
    if request.param == "in parts":
        monkeypatch.setitem(sliced.ROOM, "cpu", 1)


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "f4") for name in CASES), *itertools.product(("windows", "added up"), ("f2", "i2"))]
)
def test_layers(parts, name, dtype):
    check_call(call_of(name, dtype))


@pytest.mark.parametrize("dtype", ["f8", "f2"])
@pytest.mark.parametrize("name", ["windows", "every third", "depthwise", "added up"])
def test_weight_gradients(parts, name, dtype):
    check_call(gradient_of(name, dtype))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "symmetric"])
@pytest.mark.parametrize("name", ["windows", "depthwise"])
def test_padding_modes(parts, name, mode):
    """Wider than the volume is deep, too."""
    image, weights, options = CASES[name]
    shape = (*image[:2], 2, *image[3:])
    x, w = random(shape, "f4"), random(weights, "f4", 1)
    options = options | {"padding": (5, 1, 1), "padding_mode": mode}
    check_call(replace(nn.layer_call(3, x, w, **options), backend="cpu"))


AXIS = st.tuples(st.integers(1, 9), SIZES, SIZES, SIZES, st.integers(-1, 4), st.integers(-1, 4))


@given(AXIS, st.integers(1, 3), st.sampled_from([1, 2, 8]), st.sampled_from(["forward", "weight_gradient"]), SIZES)
def test_parts_meet_what_they_need(axis, images, channels, op, room):
    """Each output is in one part, at whose place every tap of the depth finds its slice."""
    extent, taps, stride, dilation, before, after = axis
    layer = nn.layer_call(3, np.ones((images, 2 * channels, extent, 3, 3)), np.ones((2, channels, 1, 2, 2)), groups=2)
    depth = {"filter": taps, "stride": stride, "dilation": dilation, "pad_before": before, "pad_after": after}
    problem = replace(
        layer.problem, op=op, **{name: (n, *getattr(layer.problem, name)[1:]) for name, n in depth.items()}
    )
    if min(problem.out_extent) < 1:
        return
    with patch.dict(sliced.ROOM, cpu=room << 10):
        found = plan_with("cpu", problem, Facts()).sliced
    outputs = []
    for part in found.parts:
        outputs += itertools.product(range(*part.images), part.slices)
        for place, tap in itertools.product(range(len(part.slices)), range(taps)):
            met = part.met[place * found.stride + tap * found.dilation]
            assert met == part.slices[place] * stride - before + tap * dilation
    assert sorted(outputs) == list(itertools.product(range(images), range(problem.out_extent[0])))


@pytest.mark.parametrize("op", ["forward", "weight_gradient"])
@pytest.mark.parametrize("groups", [1, 16])
def test_extra_memory_is_bounded(groups, op):
    x, w = np.empty((8, 16, 64, 64, 64), "f4"), np.empty((16, 16 // groups, 3, 3, 3), "f4")
    call = nn.layer_call(3, x, w, None, 1, 1, 1, groups)
    plan = plan_with("cpu", replace(call.problem, op=op), Facts())
    buffers = vars(buffers_of(plan.sliced, HostMemory(in_place=True), x)).values()
    assert 0 < sum(buffer.nbytes for buffer in buffers if buffer is not None) <= sliced.ROOM["cpu"]


def test_a_layer_that_comes_again_is_not_planned_again(monkeypatch):
    call = call_of("windows", "f4")
    x, w, b = call.operands.image, call.operands.weights, call.operands.bias
    with gpuconv.backend("cpu"):
        first = nn.conv3d(x, w, b, padding=1)
        monkeypatch.setattr(repeated, "prepare", lambda _: pytest.fail("it is known"))
        np.testing.assert_array_equal(nn.conv3d(x, w, b, padding=1), first)
        other = replace(nn.layer_call(3, x + 1, 2 * w, b, padding=1), backend="cpu")
        np.testing.assert_array_equal(nn.conv3d(x + 1, 2 * w, b, padding=1), execute(other))


@pytest.mark.parametrize("name", ["windows", "added up"])
def test_parts_on_a_device(monkeypatch, name):
    """One slice at a time gives the bits of all at once, also where the call is known."""
    cupy = pytest.importorskip("cupy")
    call = replace(call_of(name, "f4"), backend="cupy")
    if gpuconv.backends.reason_unavailable("cupy"):
        pytest.skip("CuPy has no device here")
    expected = execute(call)
    monkeypatch.setitem(sliced.ROOM, "cupy", 1)
    arrays = [cupy.asarray(view) for view in (call.operands.image, call.operands.weights, call.operands.bias)]
    for _ in range(2):
        np.testing.assert_array_equal(nn.conv3d(*arrays, **CASES[name][2]).get(), expected)


def test_the_result_may_overlap_the_input():
    x = random((1, 4, 5, 6, 7), "f8")
    call = replace(nn.layer_call(3, x, random((4, 4, 3, 3, 3), "f8", 1), padding=1), backend="cpu")
    expected = execute(call)
    np.testing.assert_array_equal(execute(replace(call, out=adopt("out", x))), expected)


def test_nothing_of_an_empty_batch():
    with gpuconv.backend("cpu"):
        grad = nn.conv3d_weight(np.ones((0, 2, 3, 4, 5)), (3, 2, 3, 3, 3), np.ones((0, 3, 1, 2, 3)))
        assert nn.conv3d(np.ones((0, 2, 3, 4, 5)), np.ones((3, 2, 3, 3, 3))).shape == (0, 3, 1, 2, 3)
    assert not grad.any()


def test_refusals():
    integers = replace(call_of("depthwise", "i2").problem, overflow="saturate")
    assert "sums of several layers wrap" in plan_with("cpu", integers, Facts())
    layer = call_of("winograd", "f4").problem
    wide = plan_with("cpu", replace(layer, channels_in=512, channels_out=512), Facts())
    assert wide.algorithm == "direct"  # transformed weights of 113 MB would not be kept
    assert "keeps at most" in wide.reasons[0]
    assert "is summed up" in plan_with("cpu", layer, Facts(method="fft"))
    assert "real floats" in plan_with("cpu", call_of("windows", "c8").problem, Facts())
