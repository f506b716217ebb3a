"""Gradients of layers with respect to their input, as torch.nn.grad names them."""

from typing import Any

from gpuconv.arrays import adopt
from gpuconv.layouts import result_layout
from gpuconv.nn.pieces import Transposed
from gpuconv.nn.repeated import compute
from gpuconv.nn.rules import PerAxis, Sizes, gradient_geometry
from gpuconv.nn.stated import Stated
from gpuconv.nn.transposed import transposed_layer
from gpuconv.problem import Ints


def conv1d_input(
    input_size: Sizes,
    weight: Any,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> Any:
    """Gradient of `conv1d` with respect to its input, as `torch.nn.grad.conv1d_input` computes it.

    As `conv2d_input`, for signals: input_size (N, C_in, L), weight (C_out, C_in / groups, K) and
    grad_output (N, C_out, L_out).

    Parameters
    ----------
    input_size, weight, grad_output, stride, padding, dilation, groups, precision
        As in `conv2d_input`.

    Returns
    -------
    array, shape input_size
        As `conv2d_input` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `conv2d_input` raises them.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv1d_input
    >>> conv1d_input((1, 1, 4), np.array([[[1.0, 0, -1]]]), np.array([[[1.0, 2]]]))
    array([[[ 1.,  2., -1., -2.]]])
    """
    options = (stride, padding, dilation, groups)
    return input_gradient(1, input_size, weight, grad_output, *options, precision=precision)


def conv2d_input(
    input_size: Sizes,
    weight: Any,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> Any:
    r"""Gradient of `conv2d` with respect to its input, as `torch.nn.grad.conv2d_input` computes it.

    .. math:: g_x[n, k, i] = \sum_c \sum_{r,j :\; s j + d r - p = i} w[c, k, r] \, g_y[n, c, j]

    with one index standing for both axes and c over the output channels of k's group.

    Parameters
    ----------
    input_size : (N, C_in, H, W) or (C_in, H, W)
        Shape of the layer's input.
    weight : array, shape (C_out, C_in / groups, R, S)
        The layer's filters; float or complex (the gradient of a complex layer takes no conjugate here).
    grad_output : array, shape (N, C_out, H_out, W_out) or (C_out, H_out, W_out)
        Gradient with respect to the layer's output, of the weight's dtype.
    stride, padding, dilation, groups : optional
        The layer's, as in `conv2d`, with zeros as padding.
    precision : {"standard", "strict", "fast"}
        As in `conv1d`.

    Returns
    -------
    array, shape input_size
        Of grad_output's type, dtype and device. Every value is summed in one order: results are reproducible. Error
        bound as in `conv2d` with at most C_out / groups * ceil(R / s) * ceil(S / s) terms.

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
    >>> from gpuconv.nn import conv2d_input
    >>> conv2d_input((1, 1, 3, 3), np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    options = (stride, padding, dilation, groups)
    return input_gradient(2, input_size, weight, grad_output, *options, precision=precision)


def conv3d_input(
    input_size: Sizes,
    weight: Any,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> Any:
    """Gradient of `conv3d` with respect to its input, as `torch.nn.grad.conv3d_input` computes it.

    As `conv2d_input`, for volumes.

    Parameters
    ----------
    input_size, weight, grad_output, stride, padding, dilation, groups, precision
        As in `conv2d_input`, with one more axis.

    Returns
    -------
    array, shape input_size
        As `conv2d_input` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `conv2d_input` raises them.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv.nn import conv3d_input
    >>> conv3d_input((1, 2, 4, 4, 4), np.ones((3, 2, 2, 2, 2)), np.ones((1, 3, 3, 3, 3))).shape
    (1, 2, 4, 4, 4)
    """
    options = (stride, padding, dilation, groups)
    return input_gradient(3, input_size, weight, grad_output, *options, precision=precision)


def input_gradient(
    rank: int,
    input_size: Sizes,
    weight: Any,
    grad_output: Any,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> Any:
    """Compute the gradient of a layer of any rank with respect to its input."""
    options = (tuple(input_size), stride, padding, dilation, groups)
    return compute(_gradient, rank, (grad_output, weight, None), options, precision)


def _gradient(
    rank: int,
    grad_output: Any,
    weight: Any,
    _bias: None,
    size: Ints,
    stride: PerAxis,
    padding: PerAxis | str,
    dilation: PerAxis,
    groups: int,
) -> Stated:
    grad, w = adopt("grad_output", grad_output), adopt("weight", weight)
    geometry = gradient_geometry(rank, size, tuple(w.view.shape), grad, stride, padding, dilation, groups)
    strides, (before, _), dilations = geometry
    layer = Transposed(size[-rank:], strides, before, dilations, groups)
    return transposed_layer(grad, w, None, layer, result_layout(w.view))
