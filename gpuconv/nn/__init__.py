"""Convolution layers with the arguments, semantics and errors of torch.nn.functional, and their gradients."""

from gpuconv.nn.backward import vjp
from gpuconv.nn.forward import conv1d, conv2d, conv3d, layer_call
from gpuconv.nn.input_gradient import conv1d_input, conv2d_input, conv3d_input
from gpuconv.nn.planned import PlannedLayer
from gpuconv.nn.plans import plan
from gpuconv.nn.transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d
from gpuconv.nn.weight_gradient import conv1d_weight, conv2d_weight, conv3d_weight

__all__ = [
    "PlannedLayer",
    "conv1d",
    "conv1d_input",
    "conv1d_weight",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "conv3d",
    "conv3d_input",
    "conv3d_weight",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "layer_call",
    "plan",
    "vjp",
]
