"""A layer together with what gives its gradients."""

from collections.abc import Callable
from typing import Any

from gpuconv.nn.input_gradient import input_gradient
from gpuconv.nn.weight_gradient import weight_gradient


def vjp(
    function: Callable[..., Any], input_: Any, weight: Any, bias: Any = None, **options: Any
) -> tuple[Any, Callable[[Any], tuple[Any, Any, Any]]]:
    """Compute a layer and return what gives its gradients: the vector-Jacobian product.

    Parameters
    ----------
    function : conv1d, conv2d or conv3d
        The layer, of `gpuconv.nn`.
    input_, weight, bias : array
        Its arguments.
    **options
        stride, padding, dilation, groups and precision, as the layer takes them; the gradients' precision is the same.

    Returns
    -------
    output : array
        What the layer returns.
    backward : function
        Takes the gradient with respect to the output; returns those with respect to input, weight and bias (None
        without a bias). It keeps input and weight, and nothing else.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As the layer raises them; if `function` is another one, or padding_mode is not "zeros".

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> output, backward = nn.vjp(nn.conv1d, np.array([[[3.0, 2, 1, 0]]]), np.array([[[1.0, 0, -1]]]))
    >>> backward(np.ones_like(output))
    (array([[[ 1.,  1., -1., -1.]]]), array([[[5., 3., 1.]]]), None)
    """
    rank = {"conv1d": 1, "conv2d": 2, "conv3d": 3}.get(function.__name__)
    if rank is None:
        raise TypeError(f"function must be conv1d, conv2d or conv3d; got {function!r}")
    mode = options.pop("padding_mode", "zeros")
    if mode != "zeros":
        raise ValueError(f"padding_mode must be 'zeros' here, gpuconv.torch has gradients of all; got {mode!r}")

    def backward(grad_output: Any) -> tuple[Any, Any, Any]:
        shape, filters = tuple(input_.shape), tuple(weight.shape)
        axes = tuple(axis for axis in range(len(shape)) if axis != len(shape) - rank - 1)
        return (
            input_gradient(rank, shape, weight, grad_output, **options),
            weight_gradient(rank, input_, filters, grad_output, **options),
            None if bias is None else grad_output.sum(axes),
        )

    return function(input_, weight, bias, **options), backward
