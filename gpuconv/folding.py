"""A filter along one axis of an array, seen as a filter one tap wide over images (n, inner): nothing is transposed.

The axes behind the filtered one become the columns of images, the axes before it stay a batch. Columns lie side by side
in memory, so that every backend reads and writes whole rows where a transposed view would scatter single elements.
"""

import itertools
import math
from dataclasses import replace

import numpy as np

from gpuconv.arrays import DeviceView, Operands, View, insert_axis
from gpuconv.problem import Ints, Problem


def fold(problem: Problem, operands: Operands, out_order: Ints, out: View | None) -> tuple[Problem, Operands] | None:
    """The same work on images, or None if there are no axes behind the filtered one that lie side by side.

    `out_order` says where each axis of the caller is among the engine's; `out` is in the caller's order, None if new.
    """
    if problem.rank != 1 or not problem.is_filter or 0 in problem.out_shape:
        return None
    if len(problem.batch) in out_order:  # a layer keeps its channel axis
        return None
    axis = out_order.index(len(problem.out_shape) - 1)  # the filtered one, for the caller
    inner = problem.batch[axis:]
    channel, filtered = len(problem.batch), len(problem.batch) + 1
    image = _merged(operands.image.transpose((*range(axis), channel, filtered, *range(axis, channel))), axis + 2)
    if math.prod(inner) == 1 or image is None or (out is not None and _merged(out, axis + 1) is None):
        return None
    folded = replace(
        problem,
        batch=problem.batch[:axis],
        extent=(*problem.extent, math.prod(inner)),
        filter=(*problem.filter, 1),
        pad_before=(*problem.pad_before, 0),
        pad_after=(*problem.pad_after, 0),
        stride=(*problem.stride, 1),
        dilation=(*problem.dilation, 1),
    )
    return folded, _operands(operands, image)


def fold_out(folded: Problem, out: View) -> View:
    """A result in the caller's order, as the folded problem states its shape."""
    axis = len(folded.batch)
    merged = _merged(insert_axis(out, axis), axis + 2)
    assert merged is not None  # fold has tried
    return merged


def _operands(operands: Operands, image: View) -> Operands:
    """With the second axis of the weights; a factor of one tap changes nothing."""
    weights, factors = operands.weights, operands.factors
    if factors:
        factors = (*factors, np.ones(1, factors[0].dtype))
    return replace(
        operands, image=image, weights=None if weights is None else insert_axis(weights, weights.ndim), factors=factors
    )


def _merged(view: View, first: int) -> View | None:
    """The view with all axes from `first` on as one, or None if that takes a copy."""
    axes = [(n, step) for n, step in zip(view.shape[first:], view.strides[first:], strict=True) if n > 1]
    if any(step != n * next_ for (_, step), (n, next_) in itertools.pairwise(axes)):
        return None
    shape = (*view.shape[:first], math.prod(view.shape[first:]))
    strides = (*view.strides[:first], axes[-1][1] if axes else view.dtype.itemsize)
    if isinstance(view, DeviceView):
        return replace(view, shape=shape, strides=strides)
    return np.lib.stride_tricks.as_strided(view, shape, strides, writeable=view.flags.writeable)
