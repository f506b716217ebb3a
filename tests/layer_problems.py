"""Calls of layers that the tests of the CUDA C++ kernels for them share."""

from dataclasses import replace
from typing import Any

import numpy as np
from agreement import random

from gpuconv.arrays import Operands
from gpuconv.engine import Call
from gpuconv.nn import layer_call


def dense(
    shape: tuple[int, ...], weights: tuple[int, ...], dtype: str = "f4", *, last: bool = False, **options: Any
) -> Call:
    """A layer with bias; with `last`, of an image whose channels come last in memory."""
    x = random(shape, dtype)
    if last:
        axis = len(shape) - len(weights) + 1
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, axis, -1)), -1, axis)
    return layer_call(len(weights) - 2, x, random(weights, dtype, 1), random(weights[:1], dtype, 2), **options)


def weight_gradient(shape: tuple[int, ...], weights: tuple[int, ...], dtype: str = "f4", **options: Any) -> Call:
    """The gradient of a layer with respect to weights of a shape."""
    call = layer_call(len(weights) - 2, random(shape, dtype), random(weights, dtype, 1), None, **options)
    problem = replace(call.problem, op="weight_gradient")
    operands = Operands(call.operands.image, random(problem.weights_shape, dtype, 3))
    return replace(call, problem=problem, operands=operands, out_order=tuple(range(len(weights))))


def bounded(call: Call, boundary: str, fill: complex = 0) -> Call:
    """The same with another boundary."""
    return replace(call, problem=replace(call.problem, boundary=boundary, fill=fill))
