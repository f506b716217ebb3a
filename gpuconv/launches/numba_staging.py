"""How the Numba kernels stage the samples of an axis in shared memory where there are strides and dilations."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Staging:
    """How a kernel stages the samples of one axis in shared memory."""

    piece: int  # taps whose samples are staged at once
    step: int  # distance of the staged samples in the image
    near: int  # distance of neighbouring outputs in the tile: stride / step
    far: int  # distance of neighbouring taps in the tile: dilation / step

    def span(self, outputs: int) -> int:
        """Samples staged for neighbouring outputs."""
        return (outputs - 1) * self.near + (self.piece - 1) * self.far + 1


def staging(outputs: int, filter_: int, stride: int, dilation: int, samples: int, taps: int) -> Staging:
    """Stage as many taps as fit, at most `taps`, with a span of at most `samples`.

    All samples that some taps meet stand at multiples of gcd(stride, dilation); those of a single tap at multiples of
    the stride, so that they always fit.
    """
    step = math.gcd(stride, dilation)
    near, far = stride // step, dilation // step
    piece = min(filter_, taps, (samples - 1 - (outputs - 1) * near) // far + 1)
    return Staging(piece, step, near, far) if piece > 1 else Staging(1, stride, 1, 0)
