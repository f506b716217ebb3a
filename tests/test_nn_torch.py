"""Layers call for call against torch, where it is installed."""

import itertools

import numpy as np
import pytest
from layers import LAYERS, function_of

import gpuconv.nn

torch = pytest.importorskip("torch", reason="torch is not installed")


def tensors(input_, weight, dtype=None):
    rng = np.random.default_rng(0)
    values = [torch.from_numpy(rng.standard_normal(shape)) for shape in (input_, weight, weight[:1])]
    return [(10 * v).to(dtype) if dtype in INTEGERS else v.to(dtype) for v in values]


INTEGERS = (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64)


def compare(input_, weight, dtype, options):
    """Both are within gamma(n) of the exact sum."""
    if dtype in INTEGERS:
        options = {**options, "dilation": 1}  # torch has no dilated layers of integers
    x, w, b = tensors(input_, weight, dtype)
    theirs = getattr(torch.nn.functional, function_of(weight).__name__)(x, w, b, **options)
    ours = function_of(weight)(x, w, b, **options)
    assert isinstance(ours, torch.Tensor)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if dtype in INTEGERS:
        assert torch.equal(ours, theirs)
        return
    magnitude = getattr(torch.nn.functional, function_of(weight).__name__)(x.abs(), w.abs(), b.abs(), **options)
    terms = np.prod(weight[1:]) + 3
    tolerance = (
        2 * terms * torch.finfo(torch.promote_types(dtype, torch.float32)).eps + torch.finfo(dtype).eps
    ) * magnitude.abs()
    assert ((ours - theirs).abs() <= tolerance).all()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")  # torch's own
@pytest.mark.parametrize(("input_", "weight", "options"), LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.complex64, *INTEGERS])
def test_against_torch(input_, weight, options, dtype):
    compare(input_, weight, dtype, options)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_grid_against_torch(groups):
    for stride, padding, dilation, taps in itertools.product(
        (1, 2, (3, 1)), (0, 2, (1, 3)), (1, 2, (2, 1)), ((1, 1), (3, 2))
    ):
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        compare((2, 4, 9, 8), (8, 4 // groups, *taps), torch.float64, options)


X, W = (2, 3, 5, 6), (4, 3, 3, 3)
BAD = [
    (X, W, {"stride": 0}),
    (X, W, {"stride": (1, 2, 3)}),
    (X, W, {"padding": -1}),
    (X, W, {"dilation": 0}),
    (X, W, {"padding": "same", "stride": 2}),
    (X, W, {"padding": "some"}),
    (X, W, {"groups": 0}),
    (X, W, {"groups": 2}),
    ((2, 4, 5, 5), (6, 1, 3, 3), {"groups": 4}),
    (X, (4, 3, 9, 9), {}),
    (X, (4, 2, 3, 3), {}),
    ((5, 6), W, {}),
    ((1, *X), W, {}),
    (X, (0, 3, 3, 3), {}),
    ((2, 3, 0, 6), W, {}),
]


@pytest.mark.parametrize(("input_", "weight", "options"), BAD)
def test_refuses_what_torch_refuses(input_, weight, options):
    x, w = torch.zeros(input_), torch.zeros(weight)
    for conv2d in (torch.nn.functional.conv2d, gpuconv.nn.conv2d):
        with pytest.raises(RuntimeError):
            conv2d(x, w, **options)
    with pytest.raises(ValueError):  # noqa: PT011 - the same calls, as Python's own kind of error
        gpuconv.nn.conv2d(x, w, **options)


def test_refuses_other_dtypes_and_shapes_as_torch_does():
    x, w = torch.zeros(X), torch.zeros(W)
    for arguments in (
        (x, w.double()),
        (x, w, torch.zeros(4).double()),
        (x, w, torch.zeros(3)),
        (x, w, torch.zeros(4, 1)),
    ):
        for conv2d in (torch.nn.functional.conv2d, gpuconv.nn.conv2d):
            with pytest.raises(RuntimeError):
                conv2d(*arguments)
    with pytest.raises(TypeError, match="got bool"):
        gpuconv.nn.conv2d(x.bool(), w.bool())
    with pytest.raises(TypeError, match=r"stride must be an integer .* got 1.5"):
        gpuconv.nn.conv2d(x, w, stride=1.5)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_gradient_is_never_dropped_silently(which):
    arguments = [torch.zeros(X), torch.zeros(W), torch.zeros(4)]
    arguments[which].requires_grad_()
    with pytest.raises(TypeError, match="must not require a gradient"):
        gpuconv.nn.conv2d(*arguments)
    with torch.no_grad():
        assert not gpuconv.nn.conv2d(*arguments).requires_grad


@pytest.mark.parametrize("shape", [((0, 3, 5, 6), W), ((2, 0, 5, 6), (4, 0, 3, 3))])
def test_empty_as_torch(shape):
    x, w = (torch.zeros(s) for s in shape)
    assert gpuconv.nn.conv2d(x, w).shape == torch.nn.functional.conv2d(x, w).shape


TRANSPOSED = [  # input, weight, options of the transposed layer
    ((2, 4, 5, 6), (4, 3, 3, 3), {}),
    ((2, 4, 5, 6), (4, 3, 4, 2), {"stride": (2, 3), "padding": 1, "output_padding": (1, 2)}),
    ((1, 6, 7, 3), (6, 2, 3, 5), {"stride": 2, "groups": 3, "dilation": (1, 2), "padding": (0, 3)}),
    ((3, 4, 4), (3, 2, 1, 1), {"stride": 3, "output_padding": 2}),
    ((2, 3, 9), (3, 5, 4), {"stride": 3, "dilation": 2, "padding": 2}),
    ((2, 4, 3, 4, 5), (4, 2, 2, 3, 2), {"stride": (2, 1, 2), "groups": 2, "padding": 1}),
]


@pytest.mark.parametrize(("input_", "weight", "options"), TRANSPOSED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_transposed_layers_against_torch(input_, weight, options, dtype):
    name = f"conv_transpose{len(weight) - 2}d"
    x, w, _ = tensors(input_, weight, dtype)
    b = tensors((weight[1] * options.get("groups", 1),), (1,), dtype)[0]
    theirs = getattr(torch.nn.functional, name)(x, w, b, **options)
    ours = getattr(gpuconv.nn, name)(x, w, b, **options)
    assert (type(ours), ours.shape, ours.dtype) == (torch.Tensor, theirs.shape, theirs.dtype)
    magnitude = getattr(torch.nn.functional, name)(x.abs(), w.abs(), b.abs(), **options)
    terms = np.prod(weight) / weight[1] + 5
    assert ((ours - theirs).abs() <= 4 * terms * torch.finfo(dtype).eps * magnitude).all()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")  # torch's own
@pytest.mark.parametrize(("input_", "weight", "options"), [layer for layer in LAYERS if len(layer[0]) > 2])
def test_gradients_against_torch(input_, weight, options):
    x, w, _ = tensors(input_, weight, torch.float64)
    function = function_of(weight)
    x.requires_grad_(), w.requires_grad_()
    output = getattr(torch.nn.functional, function.__name__)(x, w, **options)
    grad = torch.from_numpy(np.random.default_rng(3).standard_normal(output.shape))
    output.backward(grad)
    _, backward = gpuconv.nn.vjp(function, x.detach(), w.detach(), **options)
    _, back = gpuconv.nn.vjp(function, x.detach().abs(), w.detach().abs(), **options)
    terms = x.numel() + w.numel() + grad.numel()  # more than any sum has
    for theirs, ours, magnitude in zip((x.grad, w.grad), backward(grad), back(grad.abs()), strict=False):
        assert ((ours - theirs).abs() <= 2 * terms * torch.finfo(x.dtype).eps * magnitude).all()
