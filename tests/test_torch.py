"""gpuconv.torch: gradients of first and second order, modules beside torch's own, compiled models."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

import gpuconv.torch as ours  # noqa: E402 - needs torch
from gpuconv.torch_operators import convolution  # noqa: E402

MODULES = {1: (ours.Conv1d, torch.nn.Conv1d), 2: (ours.Conv2d, torch.nn.Conv2d), 3: (ours.Conv3d, torch.nn.Conv3d)}


def tensor(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).requires_grad_()


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular", "symmetric"])
@pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        ((2, 2, 5, 4), (4, 1, 3, 2), {"padding": (2, 1), "groups": 2, "stride": (1, 2)}),
        ((1, 2, 6), (3, 2, 3), {"padding": "same", "dilation": 2}),
        ((2, 5), (1, 2, 2), {"padding": 3}),
        ((1, 1, 3, 3, 3), (2, 1, 2, 2, 2), {"padding": 1, "stride": 2}),
    ],
)
def test_gradients_of_first_and_second_order(x, weight, options, mode):
    function = {3: ours.conv1d, 4: ours.conv2d, 5: ours.conv3d}[len(weight)]
    arguments = tensor(*x), tensor(*weight, seed=1), tensor(weight[0], seed=2)

    def layer(*values):
        return function(*values, **options, padding_mode=mode)

    assert torch.autograd.gradcheck(layer, arguments)
    assert torch.autograd.gradgradcheck(layer, arguments)


@pytest.mark.parametrize(
    ("rank", "stride", "padding", "mode"),
    [
        *((rank, stride, padding, "zeros") for rank, stride, padding in itertools.product((1, 2, 3), (1, 2), (0, 1))),
        *((2, 1, 2, mode) for mode in ("reflect", "replicate", "circular")),
        (2, 1, "same", "reflect"),
    ],
)
def test_modules_are_torchs(rank, stride, padding, mode):
    options = {"stride": stride, "padding": padding, "padding_mode": mode, "groups": 2, "dtype": torch.float64}
    mine, theirs = (module(4, 6, 3, **options) for module in MODULES[rank])
    mine.load_state_dict(theirs.state_dict())
    x, y = tensor(2, 4, *(7, 6, 5)[:rank]), tensor(2, 4, *(7, 6, 5)[:rank])
    assert isinstance(mine, MODULES[rank][1])
    results = mine(x), theirs(y)
    for result in results:
        (result**2).sum().backward()
    terms = results[0].numel() + x.numel()  # more than any sum has; all values are of the order of 1
    for a, b in (
        (*results,),
        (x.grad, y.grad),
        (mine.weight.grad, theirs.weight.grad),
        (mine.bias.grad, theirs.bias.grad),
    ):
        assert ((a - b).abs() <= terms * torch.finfo(a.dtype).eps * (1 + b.abs())).all()


def test_operators_are_well_registered():
    x, weight, bias = tensor(1, 2, 5), tensor(3, 2, 3, seed=1), tensor(3, seed=2)
    torch.library.opcheck(convolution, (x, weight, bias, [2], [1], [1], 1, "zeros", "strict"))
    torch.library.opcheck(convolution, (x, weight, None, [1], [], [2], 1, "reflect", "fast"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
def test_compiled_model_gives_the_same():
    model = torch.nn.Sequential(ours.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), ours.Conv2d(4, 2, 3, stride=2))
    x = torch.ones(2, 1, 8, 8)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x))


def test_refusals():
    with pytest.raises(RuntimeError, match="padding must be an integer"):
        ours.conv1d(torch.ones(1, 5), torch.ones(1, 1, 3), padding="bogus")
    with pytest.raises(RuntimeError, match="must have 1 channels"):
        ours.conv1d(torch.ones(2, 5), torch.ones(1, 1, 3))
