"""What usual calls compute, for the launches that are compiled and checked beforehand."""

from dataclasses import replace

import numpy as np

from gpuconv.problem import Boundary, Ints, Problem

Types = tuple[str, str, str]  # image, compute, out
SINGLE, DOUBLE = ("float32", "float32", "float32"), ("float64", "float64", "float64")
HALF, BYTES = ("float16", "float32", "float16"), ("uint8", "float32", "uint8")
EXACT = ("uint8", "int64", "int64")


def usual_filter(types: Types, filter_: Ints, boundary: Boundary = "constant", extent: int = 512) -> Problem:
    """A filter of the same size over one signal, image or volume of so many samples an axis."""
    image, compute, out = map(np.dtype, types)
    pad, ones = tuple(n // 2 for n in filter_), (1,) * len(filter_)
    geometry = ((extent,) * len(filter_), filter_, pad, pad, ones, ones)
    return Problem((1,), 1, 1, 1, *geometry, boundary, 0, image, compute, compute, out)


def usual_layer(types: Types, filter_: Ints, extent: int = 56, groups: int = 1) -> Problem:
    """A layer from 64 to 64 channels over eight images, which keeps their extent."""
    one = usual_filter(types, filter_, extent=extent)
    return replace(one, batch=(8,), channels_in=64, channels_out=64, groups=groups)
