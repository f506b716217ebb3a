"""Gradients of layers with respect to their weights, as torch.nn.grad names them."""

from typing import Any

from gpuconv.arrays import Operands, adopt
from gpuconv.dtypes import default_compute_dtype, is_bfloat16
from gpuconv.engine import Call
from gpuconv.layouts import result_layout
from gpuconv.nn.repeated import compute
from gpuconv.nn.rules import PADDING_MODES, PerAxis, Sizes, check_dtypes, gradient_geometry
from gpuconv.nn.stated import Stated
from gpuconv.problem import Problem


def conv1d_weight(
    input: Any,  # noqa: A002 - torch's name
    weight_size: Sizes,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> Any:
    """Gradient of `conv1d` with respect to its weights, as `torch.nn.grad.conv1d_weight` computes it.

    As `conv2d_weight`, for signals: input (N, C_in, L), weight_size (C_out, C_in / groups, K) and
    grad_output (N, C_out, L_out).

    Parameters
    ----------
    input, weight_size, grad_output, stride, padding, dilation, groups, precision
        As in `conv2d_weight`.

    Returns
    -------
    array, shape weight_size
        As `conv2d_weight` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `conv2d_weight` raises them.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv1d_weight
    >>> conv1d_weight(np.array([[[3.0, 2, 1, 0]]]), (1, 1, 3), np.array([[[1.0, 10]]]))
    array([[[23., 12.,  1.]]])
    """
    options = (stride, padding, dilation, groups)
    return weight_gradient(1, input, weight_size, grad_output, *options, precision=precision)


def conv2d_weight(
    input: Any,  # noqa: A002 - torch's name
    weight_size: Sizes,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> Any:
    r"""Gradient of `conv2d` with respect to its weights, as `torch.nn.grad.conv2d_weight` computes it.

    .. math:: g_w[c, k, r] = \sum_n \sum_j g_y[n, c, j] \, x[n, k, s j - p + d r]

    with one index standing for both axes.

    Parameters
    ----------
    input : array, shape (N, C_in, H, W) or (C_in, H, W)
        The layer's input; float or complex.
    weight_size : (C_out, C_in / groups, R, S)
        Shape of the layer's weights.
    grad_output : array, shape (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        Gradient with respect to the layer's output, of the input's dtype.
    stride, padding, dilation, groups : optional
        The layer's, as in `conv2d`, with zeros as padding.
    precision : {"standard", "strict", "fast"}
        As in `conv1d`; every backend takes the direct sum here.

    Returns
    -------
    array, shape weight_size
        Of input's type, dtype and device. Every value is summed in one order: results are reproducible. Error bound as
        in `conv2d` with N * H_out * W_out terms.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or numbers do not fit together (also a ValueError).
    ValueError
        If precision is not one of these.
    TypeError
        If a tensor requires a gradient itself.

    References
    ----------
    https://docs.pytorch.org/docs/stable/nn.html (torch.nn.grad)

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv2d_weight
    >>> conv2d_weight(np.eye(3)[None, None], (1, 1, 2, 2), np.ones((1, 1, 2, 2)))[0, 0]
    array([[2., 1.],
           [1., 2.]])
    """
    options = (stride, padding, dilation, groups)
    return weight_gradient(2, input, weight_size, grad_output, *options, precision=precision)


def conv3d_weight(
    input: Any,  # noqa: A002 - torch's name
    weight_size: Sizes,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> Any:
    """Gradient of `conv3d` with respect to its weights, as `torch.nn.grad.conv3d_weight` computes it.

    As `conv2d_weight`, for volumes.

    Parameters
    ----------
    input, weight_size, grad_output, stride, padding, dilation, groups, precision
        As in `conv2d_weight`, with one more axis.

    Returns
    -------
    array, shape weight_size
        As `conv2d_weight` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `conv2d_weight` raises them.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv3d_weight
    >>> conv3d_weight(np.ones((1, 2, 4, 4, 4)), (3, 2, 2, 2, 2), np.ones((1, 3, 3, 3, 3)))[0, 0, 0, 0, 0]
    np.float64(27.0)
    """
    options = (stride, padding, dilation, groups)
    return weight_gradient(3, input, weight_size, grad_output, *options, precision=precision)


def weight_gradient(
    rank: int,
    input_: Any,
    weight_size: Sizes,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    precision: str = "standard",
) -> Any:
    """Compute the gradient of a layer of any rank with respect to its weights."""
    options = (tuple(weight_size), stride, padding, dilation, groups, padding_mode)
    return compute(_gradient, rank, (input_, grad_output, None), options, precision)


def gradient_call(
    rank: int,
    input_: Any,
    weight_size: Sizes,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Call:
    """Validate the arguments of `weight_gradient` and state its Problem."""
    x, grad = adopt("input", input_).unlabelled, adopt("grad_output", grad_output)
    shape, filters = tuple(x.view.shape), tuple(weight_size)
    strides, (before, after), dilations = gradient_geometry(
        rank, shape, filters, grad, stride, padding, dilation, groups
    )
    check_dtypes(x, grad, None)
    if x.view.dtype.kind not in "fc" and not is_bfloat16(x.view.dtype):
        raise TypeError(f"input must be of a float or complex dtype to have a gradient; got {x.view.dtype}")
    problem = Problem(
        *(shape[: -rank - 1], shape[-rank - 1], filters[0], groups, shape[-rank:], filters[-rank:]),
        *(before, after, strides, dilations),
        boundary=PADDING_MODES[padding_mode] if any(before + after) else "constant",
        fill=0,
        image_dtype=x.view.dtype,
        weights_dtype=grad.view.dtype,
        compute_dtype=default_compute_dtype(x.view.dtype, grad.view.dtype),
        out_dtype=x.view.dtype,
        op="weight_gradient",
    )
    return Call(problem, x, Operands(x.view, grad.view), tuple(range(rank + 2)), layout=result_layout(x.view))


def _gradient(rank: int, input_: Any, grad_output: Any, _bias: None, size: Sizes, *options: Any) -> Stated:
    call = gradient_call(rank, input_, size, grad_output, *options)
    return Stated(call.x, [call])
