"""The operators behind gpuconv.torch: a layer and its gradients, each of which has gradients in terms of the others."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from gpuconv.backends.boundary import source_index
from gpuconv.layouts import result_layout
from gpuconv.nn.forward import layer
from gpuconv.nn.input_gradient import input_gradient
from gpuconv.nn.rules import PADDING_MODES
from gpuconv.nn.weight_gradient import weight_gradient

Tensor = torch.Tensor


@torch.library.custom_op("gpuconv::convolution", mutates_args=())
def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],  # empty: "same"
    dilation: Sequence[int],
    groups: int,
    mode: str,
    precision: str,
) -> Tensor:
    """The layer."""
    b = None if bias is None else bias.detach()
    pads: Any = list(padding) or "same"
    options = (list(stride), pads, list(dilation), groups, mode)
    return layer(len(stride), x.detach(), weight.detach(), b, *options, precision=precision)  # type: ignore[no-any-return]


@torch.library.custom_op("gpuconv::convolution_input", mutates_args=())
def convolution_input(
    size: Sequence[int],
    weight: Tensor,
    grad: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    precision: str,
) -> Tensor:
    """Its gradient with respect to the input, zeros as padding."""
    options: Any = (list(stride), list(padding) or "same", list(dilation), groups)
    arrays = weight.detach(), _dense(grad.detach())
    return input_gradient(len(stride), list(size), *arrays, *options, precision=precision)  # type: ignore[no-any-return]


@torch.library.custom_op("gpuconv::convolution_weight", mutates_args=())
def convolution_weight(
    x: Tensor,
    size: Sequence[int],
    grad: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    mode: str,
    precision: str,
) -> Tensor:
    """Its gradient with respect to the weights."""
    options: Any = (list(stride), list(padding) or "same", list(dilation), groups, mode)
    arrays = x.detach(), list(size), _dense(grad.detach())
    return weight_gradient(len(stride), *arrays, *options, precision=precision)  # type: ignore[no-any-return]


@convolution.register_fake
def _forward_shape(x, weight, bias, stride, padding, dilation, groups, mode, precision):  # type: ignore[no-untyped-def]
    rank = len(stride)
    extent = [
        (n + sum(_pads(k, d, padding[axis] if padding else None)) - d * (k - 1) - 1) // s + 1
        for axis, (n, k, s, d) in enumerate(zip(x.shape[-rank:], weight.shape[-rank:], stride, dilation, strict=True))
    ]
    return _laid(x.new_empty((*x.shape[: -rank - 1], weight.shape[0], *extent)), x, weight)


@convolution_input.register_fake
def _input_shape(size, weight, grad, *options):  # type: ignore[no-untyped-def]
    return _laid(grad.new_empty(size), weight)


@convolution_weight.register_fake
def _weight_shape(x, size, grad, *options):  # type: ignore[no-untyped-def]
    return _laid(x.new_empty(size), x)


def _laid(result: Tensor, *like: Tensor) -> Tensor:
    """The result as torch has those of layers: channels last where one of some tensors lies so."""
    if result_layout(*(_Strided(x.ndim, x.shape, x.stride()) for x in like)) == "channels_first":
        return result.contiguous()
    return result.contiguous(memory_format=torch.channels_last if result.ndim == 4 else torch.channels_last_3d)


def _dense(x: Tensor) -> Tensor:
    """The tensor without gaps or repetitions."""
    return _laid(x, x)


class _Strided(NamedTuple):
    """What says how a tensor lies, of whatever kind it is."""

    ndim: int
    shape: Sequence[int]
    strides: Sequence[int]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Tensors for the backward pass, and everything else."""
    ctx.save_for_backward(*(value for value in inputs if isinstance(value, Tensor)))
    ctx.rest = [value for value in inputs if not isinstance(value, Tensor)]


def _forward_gradient(context: Any, grad: Tensor) -> tuple[Any, ...]:
    x, weight, *bias = context.saved_tensors
    stride, padding, dilation, groups, mode, precision = context.rest[-6:]
    needs_x, needs_weight, needs_bias = context.needs_input_grad[:3]
    options = (stride, padding, dilation, groups)
    by_x = _input_of(x, weight, grad, mode, *options, precision) if needs_x else None
    by_weight = convolution_weight(x, weight.shape, grad, *options, mode, precision) if needs_weight else None
    others = [axis for axis in range(grad.ndim) if axis != grad.ndim - len(stride) - 1]
    by_bias = grad.sum(others) if bias and needs_bias else None
    return by_x, by_weight, by_bias, None, None, None, None, None, None


def _input_gradient(context: Any, grad_grad: Tensor) -> tuple[Any, ...]:
    weight, grad = context.saved_tensors
    _, *options, precision = context.rest
    modes = "zeros", precision
    _, needs_weight, needs_grad = context.needs_input_grad[:3]
    by_weight = convolution_weight(grad_grad, weight.shape, grad, *options, *modes) if needs_weight else None
    by_grad = convolution(grad_grad, weight, None, *options, *modes) if needs_grad else None
    return None, by_weight, by_grad, None, None, None, None, None


def _weight_gradient(context: Any, grad_weight: Tensor) -> tuple[Any, ...]:
    x, grad = context.saved_tensors
    stride, padding, dilation, groups, mode, precision = context.rest[-6:]
    options = (stride, padding, dilation, groups)
    by_x = _input_of(x, grad_weight, grad, mode, *options, precision) if context.needs_input_grad[0] else None
    by_grad = convolution(x, grad_weight, None, *options, mode, precision) if context.needs_input_grad[2] else None
    return by_x, None, by_grad, None, None, None, None, None, None


convolution.register_autograd(_forward_gradient, setup_context=_keep)
convolution_input.register_autograd(_input_gradient, setup_context=_keep)
convolution_weight.register_autograd(_weight_gradient, setup_context=_keep)


def _input_of(
    x: Tensor,
    weight: Tensor,
    grad: Tensor,
    mode: str,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    precision: str,
) -> Tensor:
    """Gradient with respect to the input; what the padding got goes to the samples it was taken from."""
    result: Tensor
    if mode == "zeros":
        result = convolution_input(x.shape, weight, grad, stride, padding, dilation, groups, precision)
        return _laid(result, x, weight)
    rank = len(stride)
    axes = enumerate(zip(weight.shape[-rank:], dilation, strict=True))
    pads = [_pads(k, d, padding[axis] if padding else None) for axis, (k, d) in axes]
    padded = [n + before + after for n, (before, after) in zip(x.shape[-rank:], pads, strict=True)]
    padded_shape, none = [*x.shape[:-rank], *padded], [0] * rank
    result = convolution_input(padded_shape, weight, grad, stride, none, dilation, groups, precision)
    for axis, (before, _) in enumerate(pads, start=-rank):
        result = _folded(result, axis, before, x.shape[axis], mode)
    return result


def _folded(grad: Tensor, axis: int, before: int, extent: int, mode: str) -> Tensor:
    """Add the padding of one axis to the samples it repeats, one copy of the axis at a time: the order is fixed."""
    positions = np.arange(-before, int(grad.shape[axis]) - before)
    source = source_index(positions, int(extent), PADDING_MODES[mode])
    result, copy = grad.narrow(axis, before, extent), max(1, int(extent) - (mode == "reflect"))
    for start in range(before, 0, -copy):
        first = max(0, start - copy)
        result = _add(result, grad.narrow(axis, first, start - first), axis, source[first:start])
    for start in range(before + int(extent), len(source), copy):
        stop = min(len(source), start + copy)
        result = _add(result, grad.narrow(axis, start, stop - start), axis, source[start:stop])
    return result


def _add(result: Tensor, part: Tensor, axis: int, source: np.ndarray) -> Tensor:
    """Add a part whose places are all different, or all the same."""
    if np.all(source == source[0]):
        part, source = part.sum(axis, keepdim=True), source[:1]
    return result.index_add(axis, torch.tensor(source.tolist(), device=part.device), part)


def _pads(taps: int, dilation: int, padding: int | None) -> tuple[int, int]:
    """Samples before and after; None: "same"."""
    reach = dilation * (taps - 1)
    return (reach // 2, reach - reach // 2) if padding is None else (padding, padding)
