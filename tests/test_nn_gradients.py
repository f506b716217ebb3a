"""Gradients and transposed layers: against the oracle, as adjoints of the layer, and in their refusals."""

import numpy as np
import pytest
from agreement import check_call, random
from layers import LAYERS, function_of

import gpuconv
from gpuconv import nn
from gpuconv.errors import UnsupportedProblemError
from gpuconv.nn.weight_gradient import gradient_call

INPUT = {1: nn.conv1d_input, 2: nn.conv2d_input, 3: nn.conv3d_input}
WEIGHT = {1: nn.conv1d_weight, 2: nn.conv2d_weight, 3: nn.conv3d_weight}
VOLUMES = [
    ((2, 4, 5, 6, 7), (6, 2, 3, 2, 1), {"groups": 2, "stride": (1, 2, 3), "padding": 1}),
    ((3, 5, 4, 4), (2, 3, 2, 2, 2), {"dilation": 2}),
]


def layer_of(input_, weight, options):
    """(input, weight, a gradient of the output's shape, options), unbatched volumes included."""
    x, w = random(input_, "f8"), random(weight, "f8", 1)
    function = nn.conv3d if len(weight) == 5 else function_of(weight)
    return x, w, random(function(x, w, **options).shape, "f8", 2), function


@pytest.mark.parametrize(("input_", "weight", "options"), LAYERS + VOLUMES[:1])
def test_gradients_are_adjoints(backend, input_, weight, options):
    """<layer(x, w), g> = <x, input gradient> = <w, weight gradient>: each within n u sum |x| |w| |g| of the exact."""
    x, w, grad, function = layer_of(input_, weight, options)
    rank = len(weight) - 2
    with gpuconv.backend(backend):
        try:
            by_input = INPUT[rank](input_, w, grad, **options)
            by_weight = WEIGHT[rank](x, weight, grad, **options)
        except UnsupportedProblemError as refusal:
            pytest.skip(str(refusal))
    inner = (function(x, w, **options) * grad).sum()
    magnitude = (function(np.abs(x), np.abs(w), **options) * np.abs(grad)).sum()
    tolerance = 2 * (x.size + w.size + grad.size) * np.finfo("f8").eps * magnitude
    assert abs((x * by_input).sum() - inner) <= tolerance
    assert abs((w * by_weight).sum() - inner) <= tolerance


@pytest.mark.parametrize(("input_", "weight", "options"), LAYERS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "c8"])
def test_weight_gradient_against_the_oracle(backend, input_, weight, options, dtype):
    x, w = random(input_, dtype), random(weight, dtype, 1)
    grad = random(function_of(weight)(x, w, **options).shape, dtype, 2)
    with gpuconv.backend(backend):
        try:
            check_call(gradient_call(len(weight) - 2, x, weight, grad, **options))
        except UnsupportedProblemError as refusal:
            pytest.skip(str(refusal))


@pytest.mark.parametrize("padding_mode", ["reflect", "replicate", "circular", "symmetric"])
def test_padding_modes_are_numpys(backend, padding_mode):
    """Padding any distance outside, without a padded copy: as np.pad's modes. Integers, so that all agree exactly."""
    mode = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "symmetric": "symmetric"}[padding_mode]
    x, w = random((2, 3, 4, 5), "i1").astype("i4"), random((4, 3, 3, 3), "i1", 1).astype("i4")
    padded = np.pad(x, ((0, 0), (0, 0), (6, 6), (1, 1)), mode=mode)
    with gpuconv.backend(backend):
        try:
            result = nn.conv2d(x, w, padding=(6, 1), padding_mode=padding_mode)
        except UnsupportedProblemError as refusal:
            pytest.skip(str(refusal))
    np.testing.assert_array_equal(result, nn.conv2d(padded, w))


def test_vjp_gives_all_three_gradients():
    x, w, grad, _ = layer_of((2, 3, 7, 8), (4, 3, 3, 3), {"padding": 1})
    output, backward = nn.vjp(nn.conv2d, x, w, np.ones(4), padding=1)
    by_input, by_weight, by_bias = backward(grad)
    assert output.shape == grad.shape
    assert (by_input.shape, by_weight.shape) == (x.shape, w.shape)
    np.testing.assert_allclose(by_bias, grad.sum((0, 2, 3)))


def test_vjp_refuses_what_has_no_gradient_here():
    x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    with pytest.raises(ValueError, match=r"padding_mode must be .zeros. here, .* got .reflect."):
        nn.vjp(nn.conv2d, x, w, padding=1, padding_mode="reflect")
    with pytest.raises(TypeError, match="function must be conv1d, conv2d or conv3d"):
        nn.vjp(nn.conv_transpose2d, x, w)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_no_channels(backend, rank):
    """As torch: nothing comes out of layers of nothing, and their weights are none."""
    x, w, grad = (np.ones((*channels, *(n,) * rank), "f4") for channels, n in (((2, 0), 5), ((4, 0), 3), ((2, 4), 3)))
    if backend in ("cpu", "numba_cuda"):
        pytest.skip("layers have input channels there")
    with gpuconv.backend(backend):
        assert getattr(nn, f"conv{rank}d")(x, w).shape == (2, 0, *grad.shape[2:])
        assert WEIGHT[rank](x, w.shape, grad).shape == w.shape


def test_transposed_layer_upsamples_and_adds_the_bias_where_no_tap_falls():
    x, w = np.arange(1.0, 4)[None, None], np.array([[[2.0]]])
    result = nn.conv_transpose1d(x, w, np.array([5.0]), stride=3, output_padding=1)
    np.testing.assert_array_equal(result, [[[7, 5, 5, 9, 5, 5, 11, 5]]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.conv_transpose2d(np.ones((1, 3, 4, 4)), np.ones((2, 3, 3, 3))), "input must have 2 channels"),
        (lambda: nn.conv_transpose2d(np.ones((1, 2, 4, 4)), np.ones((2, 3, 3))), "weight must have 4 axes"),
        (lambda: nn.conv_transpose1d(np.ones((1, 2, 4)), np.ones((2, 3, 3)), output_padding=1), "output_padding must"),
        (lambda: nn.conv_transpose1d(np.ones((1, 2, 4)), np.ones((2, 3, 3)), padding=9), "padding must leave"),
        (lambda: nn.conv_transpose1d(np.ones((1, 2, 4)), np.ones((2, 3, 3)), np.ones(2)), "bias must be 1D with 3"),
        (lambda: nn.conv2d_input((1, 3, 4, 4), np.ones((2, 3, 3, 3)), np.ones((1, 2, 3, 3))), "grad_output must have"),
        (lambda: nn.conv2d_weight(np.ones((1, 3, 4, 4)), (2, 4, 3, 3), np.ones((1, 2, 2, 2))), "do not fit together"),
        (lambda: nn.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding_mode="reflekt"), "'reflect'"),
    ],
)
def test_refusals_state_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_integers_have_no_gradient():
    x, grad = np.ones((1, 1, 3), "i4"), np.ones((1, 1, 2), "i4")
    with pytest.raises(TypeError, match="float or complex dtype to have a gradient; got int32"):
        nn.conv1d_weight(x, (1, 1, 2), grad)
