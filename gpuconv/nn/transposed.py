"""Transposed layers: torch.nn.functional's conv_transpose1d, 2d and 3d."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import Adopted, Operands, View, adopt
from gpuconv.dtypes import default_compute_dtype
from gpuconv.engine import Call
from gpuconv.errors import LayerError
from gpuconv.layouts import empty_in, result_layout
from gpuconv.nn.phases import Phase
from gpuconv.nn.pieces import Pieces, Transposed, pieces_of
from gpuconv.nn.repeated import compute
from gpuconv.nn.rules import PerAxis, check_dtypes, check_rank, not_negative, positive
from gpuconv.nn.stated import Stated
from gpuconv.planning.facts import Layout
from gpuconv.problem import Problem


def conv_transpose1d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
    *,
    precision: str = "standard",
) -> Any:
    r"""Apply a transposed layer of 1D filters, as `torch.nn.functional.conv_transpose1d` does.

    .. math:: y[n, c, i] = b[c] + \sum_k \sum_{r,j :\; s j + d r - p = i} w[k, c, r] \, x[n, k, j]

    with k over the input channels of c's group, stride s, padding p and dilation d: what `conv1d` takes from a sample,
    this gives back to it. It is the gradient of `conv1d` with respect to its input, and upsamples by s.

    Parameters
    ----------
    input : array, shape (N, C_in, L) or (C_in, L)
        Signals, of any array type; float16/32/64, bfloat16, complex64/128 or integer.
    weight : array, shape (C_in, C_out / groups, K)
        Filters, of the input's dtype.
    bias : array, shape (C_out,), optional
        Added to each output channel; of the input's dtype.
    stride, padding, dilation : int or (int,)
        Those of the `conv1d` that this transposes.
    output_padding : int or (int,)
        Outputs more at the end; less than the stride or the dilation.
    groups : int
        Groups of channels that do not see each other; divides C_in.
    precision : {"standard", "strict", "fast"}
        As in `conv1d`.

    Returns
    -------
    array, shape (N, C_out, L_out) or (C_out, L_out)
        Of the input's type, dtype and device, L_out = (L - 1) s - 2 p + d (K - 1) + output_padding + 1. Error bound as
        in `conv1d`, with at most n = C_in / groups * ceil(K / s) taps.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or numbers do not fit together (also a ValueError).
    ValueError
        If precision is not one of these.
    TypeError
        If a tensor requires a gradient, which is never dropped silently.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv_transpose1d
    >>> conv_transpose1d(np.array([[3, 2, 1]]), np.array([[[1, 10]]]), stride=2)
    array([[ 3, 30,  2, 20,  1, 10]])
    """
    options = (stride, padding, output_padding, groups, dilation)
    return compute(_conv_transpose, 1, (input, weight, bias), options, precision)


def conv_transpose2d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
    *,
    precision: str = "standard",
) -> Any:
    """Apply a transposed layer of 2D filters, as `torch.nn.functional.conv_transpose2d` does.

    The formula of `conv_transpose1d` with one more index.

    Parameters
    ----------
    input : array, shape (N, C_in, H, W) or (C_in, H, W)
        Images, of any array type; float16/32/64, bfloat16, complex64/128 or integer.
    weight : array, shape (C_in, C_out / groups, R, S)
        Filters, of the input's dtype.
    bias, stride, padding, output_padding, groups, dilation, precision : optional
        As in `conv_transpose1d`, one number or one per spatial axis.

    Returns
    -------
    array, shape (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        As in `conv_transpose1d`, for each axis.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As in `conv_transpose1d`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv_transpose2d
    >>> conv_transpose2d(np.ones((8, 16, 7, 7), "f4"), np.ones((16, 4, 4, 4), "f4"), stride=2, padding=1).shape
    (8, 4, 14, 14)
    """
    options = (stride, padding, output_padding, groups, dilation)
    return compute(_conv_transpose, 2, (input, weight, bias), options, precision)


def conv_transpose3d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
    *,
    precision: str = "standard",
) -> Any:
    """Apply a transposed layer of 3D filters, as `torch.nn.functional.conv_transpose3d` does.

    Parameters
    ----------
    input : array, shape (N, C_in, D, H, W) or (C_in, D, H, W)
        Volumes, of any array type; float16/32/64, bfloat16, complex64/128 or integer.
    weight : array, shape (C_in, C_out / groups, Q, R, S)
        Filters, of the input's dtype.
    bias, stride, padding, output_padding, groups, dilation, precision : optional
        As in `conv_transpose1d`, one number or one per spatial axis.

    Returns
    -------
    array, shape (N, C_out, D_out, H_out, W_out) or (C_out, D_out, H_out, W_out)
        As in `conv_transpose1d`, for each axis.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As in `conv_transpose1d`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose3d.html

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv_transpose3d
    >>> conv_transpose3d(np.ones((2, 3, 4, 5), "f4"), np.ones((2, 1, 2, 2, 2), "f4"), stride=2).shape
    (1, 6, 8, 10)
    """
    options = (stride, padding, output_padding, groups, dilation)
    return compute(_conv_transpose, 3, (input, weight, bias), options, precision)


def _conv_transpose(
    rank: int,
    input_: Any,
    weight: Any,
    bias: Any,
    stride: PerAxis,
    padding: PerAxis,
    output_padding: PerAxis,
    groups: int,
    dilation: PerAxis,
) -> Stated:
    x, w = adopt("input", input_), adopt("weight", weight)
    b = None if bias is None else adopt("bias", bias)
    check_rank(f"conv_transpose{rank}d", rank, x, w)
    strides, dilations = positive("stride", stride, rank), positive("dilation", dilation, rank)
    before = not_negative("padding", padding, rank)
    more = not_negative("output_padding", output_padding, rank)
    if any(np.greater_equal(more, np.maximum(strides, dilations))):
        raise LayerError(f"output_padding must be smaller than stride or dilation; got {output_padding!r}")
    extent, filter_ = x.view.shape[-rank:], w.view.shape[-rank:]
    axes = zip(extent, filter_, strides, before, dilations, more, strict=True)
    outputs = tuple((n - 1) * s - 2 * p + d * (k - 1) + m + 1 for n, k, s, p, d, m in axes)
    if min(outputs) < 1:
        raise LayerError(f"padding must leave an output; it would have the spatial shape {outputs}")
    transposed = Transposed(outputs, strides, before, dilations, groups)
    return transposed_layer(x, w, b, transposed, result_layout(x.view, w.view))


def transposed_layer(x: Adopted, w: Adopted, b: Adopted | None, layer: Transposed, layout: Layout) -> Stated:
    """State a forward layer for each phase, with its place in the result."""
    rank, groups = len(layer.outputs), layer.groups
    channels = x.view.shape[-rank - 1]
    if groups < 1 or channels % groups or channels != w.view.shape[0]:
        raise LayerError(
            f"given groups={groups} and weight of shape {tuple(w.view.shape)}, input must have {w.view.shape[0]} "
            f"channels, a multiple of the groups; got {channels} (shape {tuple(x.view.shape)})"
        )
    channels_out = w.view.shape[1] * groups
    if b is not None and tuple(b.view.shape) != (channels_out,):
        raise LayerError(f"bias must be 1D with {channels_out} elements; got shape {tuple(b.view.shape)}")
    check_dtypes(x, w, b)
    result = empty_in(layout, x, (*x.view.shape[: -rank - 1], channels_out, *layer.outputs), x.view.dtype)
    split = Pieces(rank, groups, pieces_of(layer, x.view.shape[-rank:], w.view.shape[-rank:]))
    arrays = split(x.view, w.view, None if b is None else b.view, result.view)
    calls = []
    for (image, taps, bias, out), piece in zip(arrays, itertools.cycle(split.pieces), strict=False):
        operands, order = Operands(image, taps, bias=bias), tuple(range(image.ndim))
        problem = _problem(image, taps, bias, piece.parts)
        calls.append(Call(problem, replace(x, view=image), operands, order, replace(result, view=out)))
    return Stated(x, calls, result, split, layout)


def _problem(image: View, weights: View, bias: View | None, parts: tuple[Phase, ...]) -> Problem:
    rank = len(parts)
    channels, extent = image.shape[-rank - 1], image.shape[-rank:]
    return Problem(
        *(image.shape[: -rank - 1], channels, weights.shape[0], channels // weights.shape[1] if channels else 1),
        *(extent, tuple(max(1, len(part.taps)) for part in parts)),
        *(tuple(part.before for part in parts), tuple(part.after for part in parts)),
        *((1,) * rank, tuple(part.dilation for part in parts)),
        boundary="constant",
        fill=0,
        image_dtype=image.dtype,
        weights_dtype=weights.dtype,
        compute_dtype=default_compute_dtype(image.dtype, weights.dtype),
        out_dtype=image.dtype,
        overflow="wrap",
        bias=bias is not None,
    )
