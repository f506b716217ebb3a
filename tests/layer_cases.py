"""Layers as calls, for the tests of the compiled backend: any layout, boundary and precision."""

from dataclasses import replace

import numpy as np
from agreement import check_call, random

from gpuconv import backends
from gpuconv.arrays import adopt
from gpuconv.engine import Call, facts_of
from gpuconv.nn.forward import layer_call
from gpuconv.nn.weight_gradient import gradient_call as weight_gradient_call
from gpuconv.planning.planner import Plan


def channels_last(array):
    """The same values with the channels of a pixel beside each other."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1)).transpose(0, array.ndim - 1, *range(1, array.ndim - 1))


def call_of(image, weights, dtype="f4", *, boundary="constant", precision="standard", last=False, bias=True, **options):
    """A layer of random numbers on the compiled backend; channels last in the image and the output."""
    x, w, b = random(image, dtype), random(weights, dtype, 1), random(weights[:1], dtype, 2)
    call = layer_call(len(weights) - 2, channels_last(x) if last else x, w, b if bias else None, **options)
    problem = replace(call.problem, boundary=boundary)
    out = None
    if last:
        out = adopt("out", channels_last(np.empty(problem.out_shape, problem.out_dtype)))
    return replace(call, problem=problem, precision=precision, backend="cpu", out=out)


def check_layer(*arguments, **options):
    """Hold a layer against the oracle."""
    return check_call(call_of(*arguments, **options))


def plan_of(call) -> Plan:
    """The plan of a call."""
    return backends.select(call.problem, facts_of(call), call.backend)[1]


def gradient_call(image, size, dtype="f4", *, last=False, **options) -> Call:
    """The gradient of a layer with respect to its weights, of random numbers on the compiled backend."""
    x, w = random(image, dtype), np.zeros(size, dtype)
    shape = layer_call(len(size) - 2, x, w, **options).problem.out_shape
    grad = random(shape, dtype, 1)
    arrays = [channels_last(a) if last else a for a in (x, grad)]
    return replace(weight_gradient_call(len(size) - 2, arrays[0], size, arrays[1], **options), backend="cpu")
