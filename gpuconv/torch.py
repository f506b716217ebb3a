"""Layers for PyTorch that learn: operators with gradients of every order, and modules that stand in for torch.nn's.

The operators are registered with torch.library, so that autograd and torch.compile see through them. Weights and states
of `Conv1d`, `Conv2d` and `Conv3d` are those of torch.nn's classes of these names: a trained model is loaded as it is.

Examples
--------
>>> import torch
>>> from gpuconv.torch import Conv2d
>>> layer = Conv2d(3, 8, 5, padding=2, padding_mode="reflect")
>>> layer(torch.ones(1, 3, 16, 16)).sum().backward()
>>> layer.weight.grad.shape
torch.Size([8, 3, 5, 5])
"""

from typing import Any, Literal

import torch

from gpuconv.errors import LayerError, check_choice
from gpuconv.nn.rules import PerAxis, not_negative, positive
from gpuconv.problem import PRECISIONS
from gpuconv.torch_operators import convolution

__all__ = ["Conv1d", "Conv2d", "Conv3d", "conv1d", "conv2d", "conv3d"]

Tensor = torch.Tensor
PaddingMode = Literal["zeros", "reflect", "replicate", "circular", "symmetric"]


def conv1d(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> Tensor:
    """As `gpuconv.nn.conv1d`, for tensors that may require gradients.

    Parameters
    ----------
    input, weight, bias, stride, padding, dilation, groups, padding_mode, precision
        As in `gpuconv.nn.conv1d`; gradients are of the same precision.

    Returns
    -------
    Tensor, shape (N, C_out, L_out) or (C_out, L_out)
        Differentiable any number of times with respect to input, weight and bias.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As in `gpuconv.nn.conv1d`.

    Examples
    --------
    >>> import torch
    >>> from gpuconv.torch import conv1d
    >>> x = torch.tensor([[3.0, 2, 1, 0]], requires_grad=True)
    >>> conv1d(x, torch.tensor([[[1.0, 0, -1]]])).sum().backward()
    >>> x.grad
    tensor([[ 1.,  1., -1., -1.]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups, padding_mode, precision)


def conv2d(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> Tensor:
    """As `gpuconv.nn.conv2d`, for tensors that may require gradients; see `conv1d`.

    Examples
    --------
    >>> import torch
    >>> from gpuconv.torch import conv2d
    >>> conv2d(torch.ones(1, 1, 4, 4), torch.ones(2, 1, 3, 3), stride=2, padding=1).shape
    torch.Size([1, 2, 2, 2])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups, padding_mode, precision)


def conv3d(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> Tensor:
    """As `gpuconv.nn.conv3d`, for tensors that may require gradients; see `conv1d`.

    Examples
    --------
    >>> import torch
    >>> from gpuconv.torch import conv3d
    >>> conv3d(torch.ones(1, 4, 4, 4), torch.ones(2, 1, 3, 3, 3)).shape
    torch.Size([2, 2, 2, 2])
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups, padding_mode, precision)


def _conv(
    rank: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: PerAxis,
    padding: PerAxis | str,
    dilation: PerAxis,
    groups: int,
    mode: str,
    precision: str,
) -> Tensor:
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise LayerError(f"padding must be an integer, one per spatial axis, 'same' or 'valid'; got {padding!r}")
    numbers = 0 if isinstance(padding, str) else padding
    pads = [] if padding == "same" else list(not_negative("padding", numbers, rank))
    strides, dilations = list(positive("stride", stride, rank)), list(positive("dilation", dilation, rank))
    check_choice("precision", precision, PRECISIONS)
    result: Tensor = convolution(x, weight, bias, strides, pads, dilations, groups, mode, precision)
    return result


class _Computed:
    """What the modules change of torch's."""

    precision = "standard"  # also of a layer that was saved without it

    def __init__(self: Any, *arguments: Any, precision: str = "standard", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.precision = check_choice("precision", precision, PRECISIONS)

    def forward(self: Any, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Compute the layer."""
        options = (self.stride, self.padding, self.dilation, self.groups, self.padding_mode, self.precision)
        return _conv(self.weight.ndim - 2, input, self.weight, self.bias, *options)

    def extra_repr(self: Any) -> str:
        """Arguments as `print` shows them."""
        usual: str = super().extra_repr()  # type: ignore[misc]
        return usual if self.precision == "standard" else f"{usual}, precision={self.precision!r}"


class Conv1d(_Computed, torch.nn.Conv1d):
    """`torch.nn.Conv1d` computed by gpuconv: the same arguments, parameters and state, and `precision`."""


class Conv2d(_Computed, torch.nn.Conv2d):
    """`torch.nn.Conv2d` computed by gpuconv: the same arguments, parameters and state, and `precision`."""


class Conv3d(_Computed, torch.nn.Conv3d):
    """`torch.nn.Conv3d` computed by gpuconv: the same arguments, parameters and state, and `precision`."""
