"""precision=, which layers have beside torch's arguments: what each value allows, and that all functions pass it on."""

from functools import partial

import numpy as np
import pytest
import standin
from agreement import random

import gpuconv
from gpuconv import nn, oracle
from gpuconv.engine import prepare
from gpuconv.nn import repeated

X, W, B = random((1, 16, 9, 12), "f4"), random((16, 16, 3, 3), "f4", 1), random((16,), "f4", 2)
GRAD, SIGNALS, FILTERS = random((1, 16, 7, 10), "f4", 3), random((1, 16, 12), "f4"), random((16, 16, 3), "f4", 1)
VOLUMES, CUBES = random((1, 2, 4, 4, 4), "f4"), random((2, 2, 2, 2, 2), "f4", 1)
FUNCTIONS = {
    "conv1d": partial(nn.conv1d, SIGNALS, FILTERS),
    "conv2d": partial(nn.conv2d, X, W, B),
    "conv3d": partial(nn.conv3d, VOLUMES, CUBES),
    "conv_transpose1d": partial(nn.conv_transpose1d, SIGNALS, FILTERS),
    "conv_transpose2d": partial(nn.conv_transpose2d, X, W, B),
    "conv_transpose3d": partial(nn.conv_transpose3d, VOLUMES, CUBES),
    "conv1d_input": partial(nn.conv1d_input, SIGNALS.shape, FILTERS, SIGNALS[..., 2:]),
    "conv2d_input": partial(nn.conv2d_input, X.shape, W, GRAD),
    "conv3d_input": partial(nn.conv3d_input, VOLUMES.shape, CUBES, VOLUMES[..., 1:, 1:, 1:]),
    "conv1d_weight": partial(nn.conv1d_weight, SIGNALS, FILTERS.shape, SIGNALS[..., 2:]),
    "conv2d_weight": partial(nn.conv2d_weight, X, W.shape, GRAD),
    "conv3d_weight": partial(nn.conv3d_weight, VOLUMES, CUBES.shape, VOLUMES[..., 1:, 1:, 1:]),
}


@pytest.fixture
def planned(monkeypatch):
    """What layers were planned as, in order."""
    found = []

    def remembered(call):
        found.append(prepare(call))
        return found[-1]

    monkeypatch.setattr(repeated, "prepare", remembered)
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_takes_it(function, planned):
    with gpuconv.backend("numpy"):
        FUNCTIONS[function](precision="strict")
    assert planned
    assert {each.plan.facts.precision for each in planned} == {"strict"}
    with pytest.raises(ValueError, match="precision must be one of 'strict', 'standard', 'fast'; got 'tf32'"):
        FUNCTIONS[function](precision="tf32")
    with pytest.raises(TypeError):  # torch's own arguments end before it
        FUNCTIONS[function](*range(20), "strict")


def test_gradients_of_a_layer_have_its_precision(planned):
    with gpuconv.backend("numpy"):
        output, backward = nn.vjp(nn.conv2d, X, W, B, precision="fast")
        backward(output)
    assert [each.plan.facts.precision for each in planned] == ["fast"] * 3


def test_fast_layers_take_tensor_cores(planned, monkeypatch):
    """Values of float32 are rounded to TF32: the result differs, and keeps within the bound of its plan."""
    if gpuconv.backends.reason_unavailable("cupy"):
        pytest.skip(gpuconv.backends.reason_unavailable("cupy"))
    monkeypatch.setenv("GPUCONV_STANDIN_CAPABILITY", "80")
    results = {}
    with gpuconv.backend("cupy"), standin.recording() as launches:
        for precision in ("strict", "fast"):
            results[precision] = nn.conv2d(X, W, B, precision=precision)
    assert [launch.name for launch in launches] == ["conv2d_dense", "conv2d_mma"]
    strict, fast = (each.plan for each in planned)
    assert fast.bound.relative > 2**-11 > strict.bound.relative
    assert np.abs(results["fast"] - results["strict"]).max() > strict.bound.relative * np.abs(results["strict"]).max()
    for plan, result in zip((strict, fast), results.values(), strict=True):
        oracle.assert_agrees(plan.problem, plan.bound, result, X, W, B)


def test_strict_layers_are_direct_sums_on_the_cpu(planned):
    if gpuconv.backends.reason_unavailable("cpu"):
        pytest.skip(gpuconv.backends.reason_unavailable("cpu"))
    with gpuconv.backend("cpu"):
        for precision in ("standard", "strict", "standard"):  # the last is a layer that is known
            nn.conv2d(X, W, precision=precision)
    assert [each.plan.algorithm for each in planned] == ["winograd", "direct"]


def test_modules_and_their_gradients(planned):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from gpuconv.torch import Conv2d, conv2d

    module = Conv2d(16, 16, 3, padding=1, padding_mode="reflect", precision="strict")
    assert "precision='strict'" in repr(module)
    x = torch.from_numpy(X).requires_grad_()
    with gpuconv.backend("numpy"):
        (gradient,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
        gradient.sum().backward()
        conv2d(x, module.weight, precision="strict")
    assert len(planned) > 3
    assert {each.plan.facts.precision for each in planned} == {"strict"}
    assert "precision" not in repr(Conv2d(16, 16, 3))
    for make in (partial(Conv2d, 16, 16, 3), partial(conv2d, x, module.weight)):
        with pytest.raises(ValueError, match="precision must be one of"):
            make(precision="tf32")
