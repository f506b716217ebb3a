"""Where the channels of a layer's result stand in memory: where torch has them."""

import itertools

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import nn
from gpuconv.layouts import result_layout

torch = pytest.importorskip("torch")
gpuconv_torch = pytest.importorskip("gpuconv.torch")
LAST = torch.channels_last


def lying(shape, layout, seed=0):
    """A tensor in C order (0), with channels last (1), or with channels last as part of a larger one (2)."""
    x = torch.from_numpy(random(shape, "f4", seed))
    if layout == 2:
        n, c, h, w = shape
        return torch.zeros(n, h, w, c + 1)[..., :c].permute(0, 3, 1, 2).copy_(x)
    return x.to(memory_format=LAST) if layout else x


SHAPES = [  # N, C_in, C_out, groups, extent
    (2, 4, 6, 1, 8),
    (2, 4, 4, 4, 8),
    (2, 1, 6, 1, 8),
    (2, 4, 1, 1, 8),
    (1, 1, 1, 1, 8),
    (1, 4, 6, 1, 3),
    (3, 4, 6, 2, 5),
]
GRID = [(*shape, x, w) for shape in SHAPES for x, w in itertools.product((0, 1, 2), (0, 1))]


@pytest.mark.parametrize(("n", "c", "o", "groups", "extent", "x_last", "w_last"), GRID)
def test_strides_are_those_of_torch(n, c, o, groups, extent, x_last, w_last):
    x, w = lying((n, c, extent, extent), x_last), lying((o, c // groups, 3, 3), w_last, 1)
    t = lying((c, o // groups, 3, 3), w_last, 2)
    for ours, theirs, weight in ((nn.conv2d, torch.conv2d, w), (nn.conv_transpose2d, torch.conv_transpose2d, t)):
        expected = theirs(x, weight, groups=groups, padding=1)
        for _ in range(2):  # the second call is a remembered one
            result = ours(x, weight, groups=groups, padding=1)
            assert result.stride() == expected.stride()
            torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("x_last", "w_last", "grad_last"), list(itertools.product((0, 1), repeat=3)))
def test_gradients(x_last, w_last, grad_last):
    x, w, grad = lying((2, 4, 8, 7), x_last), lying((6, 4, 3, 3), w_last, 1), lying((2, 6, 8, 7), grad_last, 2)
    for name, arguments in (
        ("conv2d_weight", (x, w.shape, grad)),
        ("conv2d_input", (x.shape, w, grad)),
    ):
        expected = getattr(torch.nn.grad, name)(*arguments, padding=1)
        for _ in range(2):
            result = getattr(nn, name)(*arguments, padding=1)
            assert result.stride() == expected.stride()
            torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-4)


def test_gradients_of_the_torch_layers():
    for x_last, w_last, grad_last in [(1, 0, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1)]:
        found = []
        for layer in (torch.conv2d, gpuconv_torch.conv2d):
            x, w = lying((2, 4, 8, 7), x_last).requires_grad_(), lying((6, 4, 3, 3), w_last, 1).requires_grad_()
            middle = x * 1  # whose gradient is not brought into the order of a leaf
            middle.retain_grad()
            out = layer(middle, w, padding=1)
            out.backward(lying((2, 6, 8, 7), grad_last, 2))
            found.append((out, middle.grad, x.grad, w.grad))
        for expected, result in zip(*found, strict=True):
            assert result.stride() == expected.stride()
            torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-4)


def test_volumes_and_what_is_not_batched():
    x, w = torch.ones(2, 3, 4, 5, 6).to(memory_format=torch.channels_last_3d), torch.ones(2, 3, 1, 2, 3)
    assert nn.conv3d(x, w).stride() == torch.conv3d(x, w).stride()
    x, w = torch.ones(8, 8, 4).permute(2, 0, 1), torch.ones(6, 4, 3, 3)
    assert nn.conv2d(x, w).stride() == torch.conv2d(x, w).stride()
    x, w = torch.ones(2, 8, 4).permute(0, 2, 1), torch.ones(6, 4, 3)
    assert nn.conv1d(x, w).stride() == torch.conv1d(x, w).stride()


@pytest.mark.parametrize("name", ["numpy", "cpu"])
def test_arrays_of_numpy(name):
    x, w = random((2, 8, 9, 4), "f4").transpose(0, 3, 1, 2), random((6, 4, 3, 3), "f4", 1)
    with gpuconv.backend(name):
        for layer, weights in ((nn.conv2d, w), (nn.conv_transpose2d, w.transpose(1, 0, 2, 3).copy())):
            result = layer(x, weights)
            assert result.transpose(0, 2, 3, 1).flags.c_contiguous
            np.testing.assert_allclose(result, layer(np.ascontiguousarray(x), weights), atol=1e-5)
    assert result_layout(w) == "channels_first"
