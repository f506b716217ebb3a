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

from typing import Any

import torch

from gpuconv.errors import LayerError
from gpuconv.nn.rules import PerAxis, not_negative, positive
from gpuconv.torch_operators import convolution

__all__ = ["Conv1d", "Conv2d", "Conv3d", "conv1d", "conv2d", "conv3d"]

Tensor = torch.Tensor


def conv1d(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Tensor:
    """As `gpuconv.nn.conv1d`, for tensors that may require gradients.

    Parameters
    ----------
    input, weight, bias, stride, padding, dilation, groups, padding_mode
        As in `gpuconv.nn.conv1d`.

    Returns
    -------
    Tensor, shape (N, C_out, L_out) or (C_out, L_out)
        Differentiable any number of times with respect to input, weight and bias.

    Raises
    ------
    RuntimeError, TypeError
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
    return _conv(1, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv2d(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Tensor:
    """As `gpuconv.nn.conv2d`, for tensors that may require gradients; see `conv1d`.

    Examples
    --------
    >>> import torch
    >>> from gpuconv.torch import conv2d
    >>> conv2d(torch.ones(1, 1, 4, 4), torch.ones(2, 1, 3, 3), stride=2, padding=1).shape
    torch.Size([1, 2, 2, 2])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv3d(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Tensor:
    """As `gpuconv.nn.conv3d`, for tensors that may require gradients; see `conv1d`.

    Examples
    --------
    >>> import torch
    >>> from gpuconv.torch import conv3d
    >>> conv3d(torch.ones(1, 4, 4, 4), torch.ones(2, 1, 3, 3, 3)).shape
    torch.Size([2, 2, 2, 2])
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups, padding_mode)


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
) -> Tensor:
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise LayerError(f"padding must be an integer, one per spatial axis, 'same' or 'valid'; got {padding!r}")
    numbers = 0 if isinstance(padding, str) else padding
    pads = [] if padding == "same" else list(not_negative("padding", numbers, rank))
    strides, dilations = list(positive("stride", stride, rank)), list(positive("dilation", dilation, rank))
    result: Tensor = convolution(x, weight, bias, strides, pads, dilations, groups, mode)
    return result


def _apply(layer: Any, x: Tensor) -> Tensor:
    """Compute a module of torch's."""
    options = (layer.stride, layer.padding, layer.dilation, layer.groups, layer.padding_mode)
    return _conv(layer.weight.ndim - 2, x, layer.weight, layer.bias, *options)


class Conv1d(torch.nn.Conv1d):
    """`torch.nn.Conv1d` computed by gpuconv: the same arguments, parameters and state."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Compute the layer."""
        return _apply(self, input)


class Conv2d(torch.nn.Conv2d):
    """`torch.nn.Conv2d` computed by gpuconv: the same arguments, parameters and state."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Compute the layer."""
        return _apply(self, input)


class Conv3d(torch.nn.Conv3d):
    """`torch.nn.Conv3d` computed by gpuconv: the same arguments, parameters and state."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Compute the layer."""
        return _apply(self, input)
