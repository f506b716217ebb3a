"""WHAT is to be computed: one immutable Problem for every call of every face.

The engine computes, for every batch index n, output channel c and output position y (any number of spatial axes),

    out[n, c, y] = bias[c] + sum over channels k of c's group and taps r of
                   weights[c, k, r] * image[n, k, y * stride - pad_before + r * dilation]

where `boundary` says what lies outside the image. A convolution is this correlation with flipped weights; the sizes
full, same and valid are different pads. The magnitude of a gradient is one channel of it all:

    out[n, 0, y] = sqrt(sum over output channels c of the square of the above)

The gradient of a layer with respect to its weights is another operation:

    out[c, k, r] = sum over batch indices n and positions y of
                   grad[n, c, y] * image[n, k, y * stride - pad_before + r * dilation]
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

Boundary = Literal["constant", "edge", "symmetric", "mirror", "wrap"]
Overflow = Literal["saturate", "wrap", "raise"]
Rounding = Literal["half_even", "trunc", "floor", "half_up"]
Op = Literal["forward", "magnitude", "weight_gradient"]

BOUNDARIES = ("zero", "constant", "edge", "symmetric", "mirror", "wrap")
SIZES = ("full", "same", "valid")
OVERFLOWS = ("saturate", "wrap", "raise")
ROUNDINGS = ("half_even", "trunc", "floor", "half_up")
PRECISIONS = ("strict", "standard", "fast")
METHODS = ("auto", "direct", "separable", "low_rank", "fft")

Ints = tuple[int, ...]
DType = np.dtype[Any]


@dataclass(frozen=True)
class Problem:
    """Correlation of images (*batch, channels_in, *extent) with weights (channels_out, channels_in / groups, *filter).

    A layer has one batch axis; a plain filter has any number of them and one channel. Under op="weight_gradient" the
    weights' place is taken by the gradient (*batch, channels_out, *out_extent) with respect to the layer's output.
    """

    batch: Ints
    channels_in: int
    channels_out: int
    groups: int
    extent: Ints
    filter: Ints
    pad_before: Ints  # samples; negative crops
    pad_after: Ints
    stride: Ints
    dilation: Ints
    boundary: Boundary
    fill: complex  # value outside the image when boundary is "constant"
    image_dtype: DType
    weights_dtype: DType
    compute_dtype: DType
    out_dtype: DType
    rounding: Rounding = "half_even"  # float result into an integer out
    overflow: Overflow = "saturate"  # result that an integer out cannot hold
    bias: bool = False
    op: Op = "forward"
    skip_zero_taps: bool = False  # a zero tap does not touch the image, so that 0 * nan is 0 (scipy.ndimage)

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.extent)

    @cached_property
    def out_extent(self) -> Ints:
        """Spatial shape of the layer's output: the result, or the gradient that a weight gradient is given."""
        axes = zip(self.extent, self.filter, self.pad_before, self.pad_after, self.stride, self.dilation, strict=True)
        return tuple((n + before + after - d * (k - 1) - 1) // s + 1 for n, k, before, after, s, d in axes)

    @cached_property
    def taps(self) -> int:
        """Products summed for one output value."""
        if self.op == "weight_gradient":
            return self.images * math.prod(self.out_extent)
        return math.prod(self.filter) * (self.channels_in // self.groups)

    @cached_property
    def images(self) -> int:
        """Number of images (with all their channels) in the batch."""
        return math.prod(self.batch)

    @property
    def image_shape(self) -> Ints:
        """Shape of the image as a backend receives it."""
        return (*self.batch, self.channels_in, *self.extent)

    @property
    def weights_shape(self) -> Ints:
        """Shape of the weights (or of the gradient in their place) as a backend receives them."""
        if self.op == "weight_gradient":
            return (*self.batch, self.channels_out, *self.out_extent)
        return (self.channels_out, self.channels_in // self.groups, *self.filter)

    @cached_property
    def out_shape(self) -> Ints:
        """Shape of the output as a backend receives it."""
        if self.op == "weight_gradient":
            return (self.channels_out, self.channels_in // self.groups, *self.filter)
        return (*self.batch, 1 if self.op == "magnitude" else self.channels_out, *self.out_extent)

    @property
    def is_filter(self) -> bool:
        """Whether one filter runs over single-channel images and nothing is added (as opposed to a layer)."""
        return self.channels_in == self.channels_out == 1 and not self.bias and self.op == "forward"

    @cached_property
    def multiply_adds(self) -> int:
        """Products needed by the direct algorithm."""
        sums = self.channels_out if self.op == "magnitude" else 1  # of an output
        return math.prod(self.out_shape) * sums * self.taps


def same_pad(filter_: int, dilation: int) -> int:
    """Samples before the image for size="same", centred as scipy.signal centres it."""
    reach = dilation * (filter_ - 1)
    return reach - reach // 2
