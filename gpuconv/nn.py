"""Convolution layers with the arguments, semantics and errors of torch.nn.functional; forward only."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpuconv.arrays import Adopted, Operands, adopt
from gpuconv.dtypes import check_dtype, default_compute_dtype
from gpuconv.engine import Call, execute
from gpuconv.errors import LayerError
from gpuconv.options import check_place, per_axis
from gpuconv.problem import Ints, Problem

PerAxis = int | Sequence[int]


def conv1d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Any:
    r"""Apply a layer of 1D filters to signals with channels, as `torch.nn.functional.conv1d` does.

    .. math:: y[n, c, i] = b[c] + \sum_k \sum_r w[c, k, r] \, x[n, k, s i - p + d r]

    with k over the input channels of c's group, stride s, padding p (zeros) and dilation d. There is no flip.

    Parameters
    ----------
    input : array, shape (N, C_in, L) or (C_in, L)
        Signals, of any array type; float16/32/64, complex64/128 or integer.
    weight : array, shape (C_out, C_in / groups, K)
        Filters, of the input's dtype.
    bias : array, shape (C_out,), optional
        Added to each output channel; of the input's dtype.
    stride : int or (int,)
        Distance between outputs, in samples.
    padding : int, (int,), "same" or "valid"
        Zeros on both sides; "same" keeps L (stride 1 only), with the odd one at the end.
    dilation : int or (int,)
        Distance between taps, in samples.
    groups : int
        Groups of channels that do not see each other; divides C_in and C_out.

    Returns
    -------
    array, shape (N, C_out, L_out) or (C_out, L_out)
        Of the input's type, dtype and device, L_out = floor((L + 2 p - d (K - 1) - 1) / s) + 1. float16 is summed in
        float32. Error bound as in `gpuconv.convolve`, with n = C_in / groups * K taps; integers wrap as torch's do.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or numbers do not fit together (also a ValueError).
    TypeError
        If a tensor requires a gradient: gradients are not computed yet, and never dropped silently.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv1d
    >>> conv1d(np.array([[3, 2, 1, 0]]), np.array([[[1, 0, -1]]]), padding=1)
    array([[-2,  2,  2,  1]])
    """
    return execute(layer_call(1, input, weight, bias, stride, padding, dilation, groups))


def conv2d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Any:
    r"""Apply a layer of 2D filters to images with channels, as `torch.nn.functional.conv2d` does.

    .. math::

       y[n, c, i, j] = b[c] + \sum_k \sum_{r,t} w[c, k, r, t] \, x[n, k, s_0 i - p_0 + d_0 r, s_1 j - p_1 + d_1 t]

    with k over the input channels of c's group, stride s, padding p (zeros) and dilation d. There is no flip.

    Parameters
    ----------
    input : array, shape (N, C_in, H, W) or (C_in, H, W)
        Images, of any array type; float16/32/64, complex64/128 or integer.
    weight : array, shape (C_out, C_in / groups, R, S)
        Filters, of the input's dtype.
    bias, stride, padding, dilation, groups : optional
        As in `conv1d`, one number or one per spatial axis.

    Returns
    -------
    array, shape (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        As in `conv1d`, each extent n becoming floor((n + 2 p - d (K - 1) - 1) / s) + 1.

    Raises
    ------
    RuntimeError, TypeError
        As in `conv1d`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv2d
    >>> images, filters = np.ones((8, 3, 32, 32), "float32"), np.ones((16, 3, 3, 3), "float32")
    >>> conv2d(images, filters, np.zeros(16, "float32"), stride=2, padding=1).shape
    (8, 16, 16, 16)
    """
    return execute(layer_call(2, input, weight, bias, stride, padding, dilation, groups))


def layer_call(
    rank: int,
    input_: Any,
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Call:
    """Validate a layer's arguments and state its Problem."""
    x, w = adopt("input", input_), adopt("weight", weight)
    b = None if bias is None else adopt("bias", bias)
    _check_shapes(rank, x, w, b, groups)
    _check_dtypes(x, w, b)
    strides, dilations = _positive("stride", stride, rank), _positive("dilation", dilation, rank)
    channels, *extent = x.view.shape[-rank - 1 :]
    filter_ = w.view.shape[-rank:]
    before, after = _pads(padding, filter_, strides, dilations)
    _check_extent(tuple(extent), filter_, before, after, dilations)
    problem = Problem(
        *(x.view.shape[: -rank - 1], channels, w.view.shape[0] if channels else 0, groups, tuple(extent), filter_),
        *(before, after, strides, dilations),
        boundary="constant",
        fill=0,
        image_dtype=x.view.dtype,
        weights_dtype=w.view.dtype,
        compute_dtype=default_compute_dtype(x.view.dtype, w.view.dtype),
        out_dtype=x.view.dtype,
        overflow="wrap",
        bias=b is not None,
    )
    operands = Operands(x.view, w.view, bias=None if b is None else b.view)
    return Call(problem, x, operands, tuple(range(x.view.ndim)))


def _check_shapes(rank: int, x: Adopted, w: Adopted, b: Adopted | None, groups: int) -> None:
    """Refuse what torch refuses, in its words where they say enough."""
    shape, weights = tuple(x.view.shape), tuple(w.view.shape)
    if len(shape) not in (rank + 1, rank + 2):
        axes = f"{rank + 1}D (unbatched) or {rank + 2}D (batched)"
        raise LayerError(f"input to conv{rank}d must be {axes}; got shape {shape}")
    if len(weights) != rank + 2 or 0 in weights[-rank:] or weights[0] == 0:
        raise LayerError(f"weight must have {rank + 2} axes, an output channel and a tap; got shape {weights}")
    if 0 in shape[-rank:]:
        raise LayerError(f"only batch and channels may be empty; got input of shape {shape}")
    if groups < 1 or weights[0] % groups:
        raise LayerError(f"groups must be positive and divide the output channels ({weights[0]}); got {groups}")
    if shape[-rank - 1] != weights[1] * groups:
        raise LayerError(
            f"given groups={groups} and weight of shape {weights}, input must have {weights[1] * groups} channels; "
            f"got {shape[-rank - 1]} (shape {shape})"
        )
    if b is not None and tuple(b.view.shape) != weights[:1]:
        raise LayerError(f"bias must be 1D with {weights[0]} elements; got shape {tuple(b.view.shape)}")


def _check_dtypes(x: Adopted, w: Adopted, b: Adopted | None) -> None:
    check_dtype("input", x.view.dtype)
    if x.view.dtype.kind == "b":
        raise TypeError("input must be a number type; got bool")
    for name, other in (("weight", w), ("bias", b)):
        if other is not None and other.view.dtype != x.view.dtype:
            raise LayerError(f"input and {name} must have the same dtype; got {x.view.dtype} and {other.view.dtype}")
        if other is not None:
            check_place(x, other, name)


def _positive(name: str, value: PerAxis, rank: int) -> Ints:
    values = _numbers(name, value, rank)
    if min(values) < 1:
        raise LayerError(f"{name} must be positive; got {value!r}")
    return values


def _numbers(name: str, value: PerAxis, rank: int) -> Ints:
    """One integer per axis; like torch, a sequence of one serves all axes."""
    if isinstance(value, Sequence) and len(value) == 1:
        value = value[0]
    try:
        return per_axis(name, value, rank)
    except ValueError as error:
        raise LayerError(str(error)) from None


def _pads(padding: PerAxis | str, filter_: Ints, stride: Ints, dilation: Ints) -> tuple[Ints, Ints]:
    reach = tuple(d * (k - 1) for d, k in zip(dilation, filter_, strict=True))
    if padding == "valid":
        padding = 0
    if padding == "same":
        if max(stride) > 1:
            raise LayerError(f"padding='same' needs stride 1; got stride={stride}")
        return tuple(r // 2 for r in reach), tuple(r - r // 2 for r in reach)
    if isinstance(padding, str):
        raise LayerError(f"padding must be an integer, one per spatial axis, 'same' or 'valid'; got {padding!r}")
    values = _numbers("padding", padding, len(filter_))
    if min(values) < 0:
        raise LayerError(f"padding must not be negative; got {padding!r}")
    return values, values


def _check_extent(extent: Ints, filter_: Ints, before: Ints, after: Ints, dilation: Ints) -> None:
    padded = tuple(n + b + a for n, b, a in zip(extent, before, after, strict=True))
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, filter_, strict=True))
    if any(np.greater(spans, padded)):
        raise LayerError(
            f"weight must not be larger than the padded input {padded}; got {spans} with dilation {dilation}"
        )
