"""Layers forward: convolution with channels, as torch.nn.functional defines it."""

from typing import Any

from gpuconv.arrays import Operands, adopt
from gpuconv.dtypes import default_compute_dtype
from gpuconv.engine import Call
from gpuconv.errors import check_choice
from gpuconv.layouts import result_layout
from gpuconv.nn.repeated import compute
from gpuconv.nn.rules import PADDING_MODES, PerAxis, check_dtypes, check_extent, check_shapes, pads, positive
from gpuconv.nn.stated import Stated
from gpuconv.problem import Problem


def conv1d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    precision: str = "standard",
) -> Any:
    r"""Apply a layer of 1D filters to signals with channels, as `torch.nn.functional.conv1d` does.

    .. math:: y[n, c, i] = b[c] + \sum_k \sum_r w[c, k, r] \, x[n, k, s i - p + d r]

    with k over the input channels of c's group, stride s, padding p and dilation d. There is no flip.

    Parameters
    ----------
    input : array, shape (N, C_in, L) or (C_in, L)
        Signals, of any array type; float16/32/64, bfloat16, complex64/128 or integer.
    weight : array, shape (C_out, C_in / groups, K)
        Filters, of the input's dtype.
    bias : array, shape (C_out,), optional
        Added to each output channel; of the input's dtype.
    stride : int or (int,)
        Distance between outputs, in samples.
    padding : int, (int,), "same" or "valid"
        Samples added on both sides; "same" keeps L (stride 1 only), with the odd one at the end.
    dilation : int or (int,)
        Distance between taps, in samples.
    groups : int
        Groups of channels that do not see each other; divides C_in and C_out.
    padding_mode : {"zeros", "reflect", "replicate", "circular", "symmetric"}
        What the padding holds: zeros, or samples of the input as `torch.nn.Conv1d` takes them ("symmetric" repeats the
        edge sample, which torch does not offer). Nothing is copied, and the padding may be wider than the input.
    precision : {"standard", "strict", "fast"}
        What torch has no argument for, as in `gpuconv.convolve`: the direct sum and its bound (strict), also Winograd's
        algorithm and tensor cores that add float16 and bfloat16 up in float32 (standard), also tensor cores that round
        values of float32 to the 11 bits of TF32 (fast, on GPUs of compute capability 8.0 or newer).

    Returns
    -------
    array, shape (N, C_out, L_out) or (C_out, L_out)
        Of the input's type, dtype and device, L_out = floor((L + 2 p - d (K - 1) - 1) / s) + 1. float16 and bfloat16
        are summed in float32. Error bound as in `gpuconv.convolve`, with n = C_in / groups * K taps; integers wrap as
        torch's do.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or numbers do not fit together (also a ValueError).
    ValueError
        If padding_mode or precision is not one of these.
    TypeError
        If a tensor requires a gradient, which is never dropped silently: `vjp` computes gradients.

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
    options = (stride, padding, dilation, groups, padding_mode)
    return layer(1, input, weight, bias, *options, precision=precision)


def conv2d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    precision: str = "standard",
) -> Any:
    r"""Apply a layer of 2D filters to images with channels, as `torch.nn.functional.conv2d` does.

    .. math::

       y[n, c, i, j] = b[c] + \sum_k \sum_{r,t} w[c, k, r, t] \, x[n, k, s_0 i - p_0 + d_0 r, s_1 j - p_1 + d_1 t]

    with k over the input channels of c's group, stride s, padding p and dilation d. There is no flip.

    Parameters
    ----------
    input : array, shape (N, C_in, H, W) or (C_in, H, W)
        Images, of any array type; float16/32/64, bfloat16, complex64/128 or integer.
    weight : array, shape (C_out, C_in / groups, R, S)
        Filters, of the input's dtype.
    bias, stride, padding, dilation, groups, padding_mode, precision : optional
        As in `conv1d`, one number or one per spatial axis.

    Returns
    -------
    array, shape (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        As in `conv1d`, each extent n becoming floor((n + 2 p - d (K - 1) - 1) / s) + 1. In memory the channels come
        last where those of input or weight do, as torch has it, also in NumPy and CuPy arrays.

    Raises
    ------
    RuntimeError, ValueError, TypeError
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
    options = (stride, padding, dilation, groups, padding_mode)
    return layer(2, input, weight, bias, *options, precision=precision)


def conv3d(
    input: Any,  # noqa: A002 - torch's name
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    precision: str = "standard",
) -> Any:
    """Apply a layer of 3D filters to volumes with channels, as `torch.nn.functional.conv3d` does.

    The formula is that of `conv2d` with one more index. It is computed as layers over images, by their kernels; some
    slices of the volume are copied for that at a time.

    Parameters
    ----------
    input : array, shape (N, C_in, D, H, W) or (C_in, D, H, W)
        Volumes, of any array type; float16/32/64, bfloat16, complex64/128 or integer.
    weight : array, shape (C_out, C_in / groups, Q, R, S)
        Filters, of the input's dtype.
    bias, stride, padding, dilation, groups, padding_mode, precision : optional
        As in `conv1d`, one number or one per spatial axis.

    Returns
    -------
    array, shape (N, C_out, D_out, H_out, W_out) or (C_out, D_out, H_out, W_out)
        As in `conv2d`.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As in `conv1d`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv3d.html

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv3d
    >>> conv3d(np.ones((1, 5, 6, 7), "float32"), np.ones((2, 1, 3, 3, 3), "float32")).shape
    (2, 3, 4, 5)
    """
    options = (stride, padding, dilation, groups, padding_mode)
    return layer(3, input, weight, bias, *options, precision=precision)


def layer(
    rank: int,
    input_: Any,
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    precision: str = "standard",
) -> Any:
    """Compute a layer of any rank."""
    options = (stride, padding, dilation, groups, padding_mode)
    return compute(_stated, rank, (input_, weight, bias), options, precision)


def layer_call(
    rank: int,
    input_: Any,
    weight: Any,
    bias: Any = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Call:
    """Validate a layer's arguments and state its Problem."""
    check_choice("padding_mode", padding_mode, tuple(PADDING_MODES))
    x, w = adopt("input", input_), adopt("weight", weight)
    b = None if bias is None else adopt("bias", bias)
    check_shapes(rank, x, w, b, groups)
    check_dtypes(x, w, b)
    strides, dilations = positive("stride", stride, rank), positive("dilation", dilation, rank)
    channels, *extent = x.view.shape[-rank - 1 :]
    filter_ = w.view.shape[-rank:]
    before, after = pads(padding, filter_, strides, dilations)
    check_extent(tuple(extent), filter_, before, after, dilations)
    problem = Problem(
        *(x.view.shape[: -rank - 1], channels, w.view.shape[0] if channels else 0, groups, tuple(extent), filter_),
        *(before, after, strides, dilations),
        boundary=PADDING_MODES[padding_mode] if any(before + after) else "constant",
        fill=0,
        image_dtype=x.view.dtype,
        weights_dtype=w.view.dtype,
        compute_dtype=default_compute_dtype(x.view.dtype, w.view.dtype),
        out_dtype=x.view.dtype,
        overflow="wrap",
        bias=b is not None,
    )
    operands = Operands(x.view, w.view, bias=None if b is None else b.view)
    return Call(problem, x, operands, tuple(range(x.view.ndim)), layout=result_layout(x.view, w.view))


def _stated(*arguments: Any) -> Stated:
    call = layer_call(*arguments)
    return Stated(call.x, [call])
