"""Layers of the compiled backend against the oracle: tiles and their edges, layouts, boundaries, dtypes, gradients."""

import itertools
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from agreement import check_call, random
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import call_of, check_layer, gradient_call, plan_of

import gpuconv
from gpuconv.arrays import adopt
from gpuconv.backends import cpu
from gpuconv.cpu import (
    depthwise_gradient_recipe,
    depthwise_recipe,
    jit,
    layer_geometry,
    layer_gradient_recipe,
    layer_recipes,
    winograd,
)
from gpuconv.cpu.layer_weights import digest
from gpuconv.cpu.layers import kernels
from gpuconv.cpu.target import host
from gpuconv.cpu.warm import default_kernels
from gpuconv.engine import execute
from gpuconv.launches.cpu import FEWEST_CHANNELS
from gpuconv.nn import conv2d
from gpuconv.planning.facts import Facts

CASES = [  # image, weights, options
    ((2, 3, 9, 20), (4, 3, 3, 3), {"padding": 1}),
    ((1, 3, 15, 17), (20, 3, 7, 7), {"stride": 2, "padding": 3}),
    ((1, 5, 8, 33), (6, 5, 3, 2), {"stride": (1, 3), "padding": (0, 2), "dilation": (2, 1)}),
    ((1, 17, 4, 5), (35, 17, 1, 1), {}),
    ((2, 6, 7, 6), (4, 3, 3, 3), {"groups": 2, "padding": 2, "dilation": 2}),
    ((1, 19, 9, 8), (19, 1, 3, 3), {"groups": 19, "padding": 1}),
    ((1, 5, 9, 20), (10, 1, 4, 3), {"groups": 5, "stride": 2, "padding": 1}),
    ((1, 1, 6, 7), (18, 1, 3, 3), {"padding": "same"}),
    ((1, 33, 1, 1), (5, 33, 3, 3), {"padding": 1}),
    ((2, 5, 40), (7, 5, 9), {"padding": 4, "stride": 2}),
    ((2, 6, 40), (6, 1, 5), {"groups": 6, "dilation": 3}),
]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("image", "weights", "options"), CASES)
def test_layers(image, weights, options, dtype, last):
    check_layer(image, weights, dtype, last=last, **options)


@pytest.mark.parametrize(("image", "weights", "options"), CASES[:7])
def test_float16(image, weights, options):
    check_layer(image, weights, "f2", last=True, **options)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8"])
@pytest.mark.parametrize(("image", "weights", "options"), CASES[:6])
def test_integers_are_exact(image, weights, options, dtype):
    check_layer(image, weights, dtype, **options)


@pytest.mark.parametrize("boundary", ["edge", "symmetric", "mirror", "wrap"])
def test_boundaries(boundary):
    check_layer((1, 3, 5, 6), (4, 3, 3, 5), boundary=boundary, padding=(2, 4), stride=2)
    check_layer((1, 16, 4, 6), (16, 16, 3, 3), boundary=boundary, padding=2)


@pytest.mark.parametrize("width", [1, 2, 13, 14, 15, 16, 17, 29, 31, 33])
def test_widths_around_a_tile(width):
    check_layer((1, 2, 2, width), (33, 2, 1, 2), padding=(0, 1))
    check_layer((1, 2, 1, width), (2, 1, 1, 2), padding=(0, 1), groups=2)


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 15, 16, 17, 31, 32, 33])
def test_channels_around_a_vector(channels):
    for last in (False, True):
        check_layer((1, channels, 3, 4), (channels, channels, 2, 1), last=last)
        check_layer((1, channels, 3, 18), (channels, 1, 2, 2), last=last, groups=channels)


@pytest.mark.parametrize("width", [12, 16, 17, 33, 63, 64, 65, 82])
def test_depthwise_layers_read_in_place(width):
    """Ends of rows inside, at and beyond every vector of a tile, and channels around a vector."""
    options = {"padding": 1, "groups": 17}
    for height, last in itertools.product((2, 9), (False, True)):
        check_layer((2, 17, height, width), (17, 1, 3, 3), last=last, **options)
    check_layer((1, 17, 5, width), (34, 1, 5, 2), padding=(3, 1), groups=17, dilation=(1, 2))
    check_layer((1, 17, 9, width), (17, 1, 2, 5), last=True, padding=(1, 3), groups=17, stride=(2, 1), dilation=(1, 2))


def test_depthwise_layers_of_a_window_beyond_the_image():
    for last in (False, True):
        check_layer((1, 16, 3, 13), (16, 1, 7, 7), last=last, padding=9, groups=16)


def test_depthwise_layers_of_pixels_that_overlap(monkeypatch):
    """A pixel's channels are the next pixel's, too; the zeros beyond the image are as long as the last vector needs."""
    guarded = []

    def full(count, value, dtype):
        memory = np.full(count + 64, np.nan, dtype)
        memory[:count] = value
        guarded.append(count)
        return memory[:count]

    monkeypatch.setattr(depthwise_recipe, "np", SimpleNamespace(**{**vars(np), "full": full}))
    samples = (np.arange(6 * 45, dtype="f4") % 7).reshape(6, 45)  # whole numbers: all sums are exact
    image = np.lib.stride_tricks.as_strided(samples, (1, 16, 6, 30), (0, 4, 180, 4))
    weights = (np.arange(16 * 9, dtype="f4") % 5).reshape(16, 3, 3, 1).transpose(0, 3, 1, 2)  # channels last, as y is
    with gpuconv.backend("cpu"):
        result = conv2d(image, weights, padding=1, groups=16)
    np.testing.assert_array_equal(result, conv2d(image.copy(), weights, padding=1, groups=16))
    assert guarded


@pytest.mark.parametrize("extent", [(4, 4), (5, 7), (8, 18), (6, 120)])
@pytest.mark.parametrize("channels", [(16, 16), (19, 33)])
def test_winograd(extent, channels):
    for last in (False, True):
        call = call_of((1, channels[0], *extent), (channels[1], channels[0], 3, 3), last=last, padding=1)
        assert plan_of(call).algorithm == "winograd"
        check_call(call)


def test_winograd_in_double_precision():
    call = call_of((2, 16, 6, 9), (16, 16, 3, 3), "f8")
    assert plan_of(call).algorithm == "winograd"
    check_call(call)


def test_winograd_is_not_for_everything():
    taken = {"image": (1, 16, 6, 6), "weights": (16, 16, 3, 3)}
    assert plan_of(call_of(**taken)).algorithm == "winograd"
    for others in (
        {"precision": "strict"},
        {"stride": 2},
        {"dilation": 2},
        {"groups": 2, "weights": (16, 8, 3, 3)},
        {"weights": (16, 16, 3, 2)},
        {"weights": (FEWEST_CHANNELS - 1, 16, 3, 3)},
        {"image": (1, 16, 5, 6)},
        {"dtype": "i2"},
    ):
        plan = plan_of(call_of(**taken | others))
        assert plan.algorithm == "direct"
        assert any(reason.startswith("winograd") for reason in plan.reasons)


def transforms():
    """A, G and B of the interpolation points, from the powers of the points and what their product must be."""
    points = np.array([0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5)])
    back = np.zeros((winograd.SIZE, winograd.STEP))
    back[:-1], back[-1, -1] = points[:, None] ** np.arange(winograd.STEP), 1
    rows = [[*(np.poly(np.delete(points, f))[::-1]), 0.0] for f in range(len(points))] + [[*np.poly(points)[::-1]]]
    return back, np.array(rows)


def test_the_transforms_are_those_of_the_points():
    back, forward = transforms()
    signal, taps = random(winograd.SIZE, "f8"), random(3, "f8", 1)
    expected = [signal[i : i + 3] @ taps for i in range(winograd.STEP)]
    np.testing.assert_allclose(back.T @ ((winograd.G @ taps) * (forward @ signal)), expected, rtol=0, atol=1e-12)


def test_the_constant_of_the_error():
    back, forward = transforms()
    norms = np.abs(back) * (np.linalg.norm(winograd.G, axis=1) * np.linalg.norm(forward, axis=1))[:, None]
    assert np.linalg.norm(norms, axis=0).max() ** 2 == pytest.approx(gpuconv.planning.bounds.WINOGRAD, rel=0.01)


@pytest.mark.parametrize("kind", ["normal", "positive", "constant", "alternating", "ramp", "one channel"])
def test_winograd_keeps_to_the_standard_precision(kind):
    rng, channels = np.random.default_rng(0), 64
    x, w = rng.standard_normal((1, channels, 16, 16)), rng.standard_normal((32, channels, 3, 3))
    if kind in ("positive", "constant"):
        x, w = np.abs(x) if kind == "positive" else np.ones_like(x), np.abs(w)
    if kind == "alternating":
        x = np.broadcast_to((-1.0) ** np.add.outer(np.arange(16), np.arange(16)), x.shape)
    if kind == "ramp":
        x, w[..., :2, :] = np.broadcast_to(np.arange(16.0), x.shape), 0
    if kind == "one channel":
        x[:, 1:] = 0
    x, w = x.astype("f4"), w.astype("f4")
    with gpuconv.backend("numpy"):
        exact = gpuconv.nn.conv2d(x.astype("f8"), w.astype("f8"), padding=1)
    with gpuconv.backend("cpu"):
        result = gpuconv.nn.conv2d(x, w, padding=1)
    samples = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3))), (6, 6), (2, 3))
    norm = np.sqrt((samples.astype("f8") ** 2).sum(axis=(1, 4, 5)).max()) * np.sqrt(
        (w.astype("f8") ** 2).sum((1, 2, 3))
    )
    assert (np.abs(result - exact) <= gpuconv.planning.bounds.NORMWISE[4] * norm.reshape(-1, 1, 1)).all()


def test_what_is_not_finite_reaches_no_other_outputs():
    x, w = random((1, 16, 12, 12), "f4"), random((16, 16, 3, 3), "f4", 1)
    x[0, 3, 5, 6], x[0, 5, 11, 0] = np.nan, np.inf
    with gpuconv.backend("cpu"):
        result = gpuconv.nn.conv2d(x, w, padding=1)
    reached = np.zeros((12, 12), bool)
    reached[4:7, 5:8] = reached[10:, :2] = True
    np.testing.assert_array_equal(~np.isfinite(result), np.broadcast_to(reached, result.shape))


def test_large_numbers_do_not_overflow_on_the_way():
    x, w = np.full((1, 16, 8, 8), 1e38, "f4"), np.full((16, 16, 3, 3), 1e-2, "f4")
    with gpuconv.backend("cpu"):
        assert np.isfinite(gpuconv.nn.conv2d(x, w)).all()


def test_any_strides():
    wide, w = random((4, 40, 12, 18), "f4"), random((18, 20, 3, 3), "f4", 1)
    repeated = np.broadcast_to(wide[:1, :20], (2, 20, 12, 18))
    for view in (wide[::2, ::2, ::-1, ::2], np.asfortranarray(wide[:2, :20]), repeated):
        view.flags.writeable = False
        call = call_of(view.shape, w.shape)
        check_call(replace(call, operands=replace(call.operands, image=view, weights=w[:, :, ::-1])))


def test_strided_results():
    layers = ((1, 3, 6, 9), (20, 3, 2, 2)), ((1, 16, 8, 8), (17, 16, 3, 3)), ((1, 4, 6, 30), (4, 1, 3, 3))
    for image, weights in layers:
        call = call_of(image, weights, groups=image[1] // weights[1])
        n, c, h, w = call.problem.out_shape
        planes = np.zeros((n, c, 2 * h, 3 * w), "f4")[:, :, ::2, ::-3]
        pixels = np.zeros((n, h, w, 2 * c), "f4").transpose(0, 3, 1, 2)[:, ::2]
        for out in (planes, pixels):
            check_call(replace(call, out=adopt("out", out)))


def test_a_result_that_overlaps_the_image():
    call = call_of((2, 18, 7, 7), (18, 18, 3, 3), padding=1)
    expected = execute(call)
    np.testing.assert_array_equal(execute(replace(call, out=adopt("out", call.operands.image))), expected)


def test_weights_that_change_are_packed_again():
    x, w = random((1, 16, 6, 6), "f4"), random((16, 16, 3, 3), "f4", 1)
    with gpuconv.backend("cpu"):
        before = gpuconv.nn.conv2d(x, w)
        w *= 2
        np.testing.assert_array_equal(gpuconv.nn.conv2d(x, w), 2 * before)
        w[...] = np.nan
        assert np.isnan(gpuconv.nn.conv2d(x, w)).all()


def test_a_digest_depends_on_every_value():
    zeros = np.zeros(3 * 64 + 5, "f4")
    digests = {digest(zeros)}
    for i, value in itertools.product(range(zeros.size), (1.0, -0.0, 2.0**-126)):
        changed = zeros.copy()
        changed[i] = value
        digests.add(digest(changed))
    assert len(digests) == 3 * zeros.size + 1
    swapped = np.arange(512.0)
    assert digest(swapped) == digest(swapped.copy()) != digest(swapped[::-1].copy())
    wide = np.zeros((64, 64), "f4")
    for view in (wide.T[::-1, ::2], wide[::40, ::-40]):
        before = digest(view)
        wide[0, 0] += 1
        view[-1, 0] += 1
        assert digest(view) != before


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks(threads, monkeypatch):
    """Many blocks, down, across and over output channels, give what one block gives."""
    calls = [
        call_of((1, 5, 37, 61), (40, 5, 3, 3), padding=1, precision="strict"),
        call_of((1, 20, 37, 61), (70, 20, 3, 3), padding=1),
        call_of((1, 20, 37, 61), (20, 1, 3, 3), padding=1, groups=20),
        call_of((1, 6, 4000), (5, 6, 3), padding=1),
    ]
    expected = [execute(call) for call in calls]
    monkeypatch.setattr(layer_geometry, "PATCH_BYTES", 4096)
    monkeypatch.setattr(layer_geometry, "WEIGHTS_BYTES", 0)
    monkeypatch.setattr(layer_recipes, "TILES", 3)
    monkeypatch.setattr("gpuconv.cpu.layers.LEAST_SECONDS", 0)
    before = gpuconv.threads.get_num_threads()
    gpuconv.threads.set_num_threads(threads)
    for recipe in (layer_recipes.dense_recipe, layer_recipes.winograd_recipe):
        recipe.cache_clear()
    try:
        for call, result in zip(calls, expected, strict=True):
            np.testing.assert_array_equal(execute(call), result)
    finally:
        gpuconv.threads.set_num_threads(before)
        for recipe in (layer_recipes.dense_recipe, layer_recipes.winograd_recipe):
            recipe.cache_clear()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("image", "weights", "options"), CASES)
def test_gradients_with_respect_to_weights(image, weights, options, last):
    for dtype in ("f4", "f8"):
        check_call(gradient_call(image, weights, dtype, last=last, **options))


@pytest.mark.skipif(host().bits < 256, reason="vectors are too short to compute these in place")
@pytest.mark.parametrize(
    ("image", "weights", "options", "dtypes"),
    [
        ((2, 3, 9, 40), (3, 1, 3, 3), {"padding": 1}, "f4 f8"),
        ((1, 3, 6, 70), (3, 1, 2, 3), {"padding": (0, 2), "dilation": 2}, "f4"),
        ((1, 2, 8, 31), (6, 1, 3, 2), {"padding": 1, "stride": (2, 1)}, "f4"),
        ((2, 4, 100), (4, 1, 5), {"padding": 2}, "f8"),
        ((1, 2, 13, 12), (2, 1, 1, 1), {}, "f4"),
        ((2, 48, 9, 11), (48, 1, 3, 3), {"padding": 1, "last": True}, "f4 f8"),
        ((1, 16, 12, 13), (16, 1, 3, 3), {"stride": 2, "dilation": (1, 2), "padding": (1, 0), "last": True}, "f4"),
        ((1, 16, 2, 2), (16, 1, 3, 3), {"padding": 2, "last": True}, "f4"),
        ((1, 16, 3, 1), (16, 1, 1, 1), {"stride": (1, 2), "padding": (0, 3), "last": True}, "f4"),  # beside the image
    ],
)
def test_gradients_of_depthwise_layers_in_place(image, weights, options, dtypes, monkeypatch):
    monkeypatch.setattr("gpuconv.cpu.layers.LEAST_SECONDS", 0)
    for dtype in dtypes.split():
        call = gradient_call(image, weights, dtype, groups=image[1], **options)
        strides = call.operands.image.strides + call.operands.full_weights().strides
        kind = depthwise_gradient_recipe.gradient_in_place(call.problem, np.dtype(dtype), strides)
        assert kind == ("pixels" if "last" in options else "planes")
        for threads in (1, 3):
            monkeypatch.setattr("gpuconv.cpu.layers.get_num_threads", lambda threads=threads: threads)
            check_call(call)


def test_a_gradient_in_blocks(monkeypatch):
    call = gradient_call((3, 70, 9, 20), (40, 70, 3, 3), padding=1)
    monkeypatch.setattr(layer_gradient_recipe, "PATCH_BYTES", 4096)
    layer_gradient_recipe.gradient_recipe.cache_clear()
    check_call(call)
    layer_gradient_recipe.gradient_recipe.cache_clear()


def test_a_gradient_of_no_images_is_zero():
    grad = gpuconv.nn.conv2d_weight
    with gpuconv.backend("cpu"):
        assert not grad(np.ones((0, 3, 5, 6), "f4"), (4, 3, 3, 3), np.ones((0, 4, 3, 4), "f4")).any()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_gradients_with_respect_to_the_input(stride):
    w = random((16, 16, 3, 3), "f4")
    grad = random((1, 16, 8, 9), "f4", 1)
    size = (1, 16, 7 * stride + 1, 8 * stride + 1)
    results = []
    for name, dtype in (("cpu", "f4"), ("numpy", "f8")):
        with gpuconv.backend(name):
            results.append(gpuconv.nn.conv2d_input(size, w.astype(dtype), grad.astype(dtype), stride=stride, padding=1))
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-4 * np.abs(results[1]).max())


def test_warmup_compiles_what_usual_layers_take():
    known = set(default_kernels())
    for dtype in ("f4", "f8"):
        for image, weights, options in (*CASES[:2], *CASES[3:6], ((1, 64, 8, 8), (64, 64, 3, 3), {})):
            call, gradient = (
                call_of(image, weights, dtype, **options),
                gradient_call(image, weights, dtype, **options),
            )
            for problem, winograd_ in (
                (call.problem, plan_of(call).algorithm == "winograd"),
                (gradient.problem, False),
            ):
                assert set(kernels(problem, np.dtype(dtype), winograd=winograd_)) <= known


def test_auto_compiles_a_layer_once_numpy_has_taken_as_long(monkeypatch):
    monkeypatch.setattr(cpu, "_meanwhile", defaultdict(float))
    monkeypatch.setattr(jit, "ready", lambda kernel: False)
    problem = call_of((1, 16, 32, 32), (16, 16, 5, 5)).problem
    calls = int(cpu.LAYER_SECONDS / (problem.multiply_adds / cpu.LAYER_RATE))
    reasons = [cpu.hesitation(problem, Facts()) for _ in range(calls + 2)]
    assert "not compiled yet" in reasons[0]
    assert reasons[calls // 2] == reasons[0]
    assert reasons[-1] is None


def test_auto_hesitates_less_over_depthwise_layers(monkeypatch):
    monkeypatch.setattr(cpu, "_meanwhile", defaultdict(float))
    monkeypatch.setattr(jit, "ready", lambda kernel: False)
    depthwise = call_of((1, 16, 32, 32), (16, 1, 5, 5), groups=16).problem
    calls = int(cpu.LAYER_SECONDS / (depthwise.multiply_adds / cpu.NUMPY_RATE))
    assert [cpu.hesitation(depthwise, Facts()) for _ in range(calls + 2)][-1] is None


@st.composite
def layers(draw):
    rank, groups = draw(st.integers(1, 2)), draw(st.sampled_from([1, 1, 2, 5]))
    depth, outputs = draw(st.integers(1, 20 // groups)), draw(st.integers(1, 40 // groups))
    filter_ = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    options = {name: draw(st.integers(1, 3)) for name in ("stride", "dilation")}
    reach = [options["dilation"] * (k - 1) + 1 for k in filter_]
    extent = tuple(r + draw(st.integers(0, 12)) for r in reach)
    options |= {"padding": draw(st.integers(0, 3)), "groups": groups, "last": draw(st.booleans())}
    image = (draw(st.integers(1, 2)), groups * depth, *extent)
    return image, (groups * outputs, depth, *filter_), options | {"bias": draw(st.booleans())}


@settings(max_examples=25)
@given(layers())
def test_random_layers(layer):
    image, weights, options = layer
    check_layer(image, weights, **options)


@pytest.mark.slow  # the whole grid; every value of each option is among the layers above
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_grid(groups, last):
    for stride, padding, dilation, taps, batch in itertools.product(
        (1, 2, (3, 1)), (0, 2, (1, 3)), (1, 2, (2, 1)), ((1, 1), (3, 3), (2, 5)), (1, 2)
    ):
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        check_layer((batch, 6, 9, 17), (12, 6 // groups, *taps), last=last, **options)


def run_with(variable, chosen):
    """Run some of these tests in a process for another processor."""
    environment = dict(os.environ, **dict([variable.split("=")]))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", chosen]
    subprocess.run(command, env=environment, timeout=600, check=True)


def test_vectors_shorter_than_a_pixel():
    run_with("GPUCONV_CPU_VECTOR=128", "test_layers and image0 and f8")


@pytest.mark.slow  # one process each, which compile their own kernels
@pytest.mark.parametrize("variable", ["GPUCONV_CPU_VECTOR=128", "GPUCONV_CPU_VECTOR=256", "GPUCONV_CPU=generic"])
def test_lesser_processors(variable):
    run_with(variable, "test_layers or test_winograd or test_gradients_with")
