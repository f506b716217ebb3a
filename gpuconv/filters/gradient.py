"""The magnitude of a gradient: two derivatives of an image and the root of the sum of their squares, in one pass."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.engine import Call, execute
from gpuconv.errors import UnsupportedProblemError
from gpuconv.filters.common import Options, as_image, integer_dtype, response
from gpuconv.options import Options as CoreOptions
from gpuconv.statements import filter_call


def gradient_magnitude(image: Any, derivative: Callable[[int], np.ndarray], options: Options) -> Any:
    """Convolve with derivative(0) and derivative(1); in two passes where no backend fuses them."""
    taps = derivative(0), derivative(1)
    keywords: dict[str, Any] = {"boundary": "symmetric", **options, "out_dtype": integer_dtype(image)}
    call = magnitude_call(image, taps, CoreOptions(**keywords))
    try:
        return execute(call)
    except UnsupportedProblemError:
        x = adopt("image", image)
        down, along = (response(x.plain, weights, options) for weights in taps)
    library = sys.modules[type(down).__module__.partition(".")[0]]  # numpy, cupy or torch
    return x.in_kind(as_image(x.plain, library.hypot(down, along), options))


def magnitude_call(image: Any, filters: tuple[np.ndarray, ...], options: CoreOptions) -> Call:
    """The magnitude of what filters of one shape give, convolved, in floating point."""
    call = filter_call(image, filters[0], options, flipped=True)
    if call.problem.compute_dtype.kind == "c":
        raise TypeError(f"the image of a gradient's magnitude must be real; got dtype {call.problem.image_dtype}")
    taps = np.flip(np.stack(filters), tuple(range(1, filters[0].ndim + 1)))[:, None]
    problem = replace(call.problem, channels_out=len(filters), op="magnitude")
    return replace(call, problem=problem, operands=replace(call.operands, weights=taps, factors=(), residual=0.0))
