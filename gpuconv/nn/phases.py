"""A transposed convolution as ordinary ones: each takes some of the taps and gives every stride-th output.

Along one axis, y[i] = sum over taps r with i + p - d r = s j of w[r] x[j]. The outputs i = a + s q share their taps
r0, r0 + s/g, ... (g = gcd(s, d)) for each a < s, and meet them in samples d/g apart: nothing is filled with zeros.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """Outputs start, start + stride, ... along one axis, as a correlation with the reversed `taps` of the filter."""

    start: int
    count: int  # outputs
    taps: tuple[int, ...]  # in the order in which the correlation meets them; none: the outputs are zero
    before: int  # samples before the input; negative crops
    after: int
    dilation: int


def phases(extent: int, outputs: int, filter_: int, stride: int, before: int, dilation: int) -> list[Phase]:
    """Cut one axis of a transposed convolution of `extent` samples with `outputs` results."""
    common = math.gcd(stride, dilation)
    result = []
    for start in range(min(stride, outputs)):
        count = (outputs - start - 1) // stride + 1
        matches = (r for r in range(min(filter_, stride // common)) if (start + before - r * dilation) % stride == 0)
        first = next(matches, None)
        if first is None:
            result.append(Phase(start, count, (), count, -extent, 1))
            continue
        taps = range(first, filter_, stride // common)
        step = dilation // common
        reach = (len(taps) - 1) * step
        pad = reach - (start + before - first * dilation) // stride
        result.append(Phase(start, count, tuple(reversed(taps)), pad, count + reach - extent - pad, step))
    return result


def resampling_phases(extent: int, outputs: int, filter_: int, up: int, down: int, shift: int) -> list[Phase]:
    """Cut y[i] = sum over r of w[r] x[(i * down - r) / up], where up divides, likewise; the stride is down / gcd.

    `shift` samples stand before the first of the signal's `extent`, for what it was extended by.
    """
    common = math.gcd(up, down)
    result = []
    for start in range(min(up // common, outputs)):
        count = (outputs - start - 1) // (up // common) + 1
        first, tap = divmod(start * down, up)
        taps = range(tap, filter_, up)
        span = (count - 1) * (down // common) + max(1, len(taps))
        before = len(taps) - 1 - first - shift if taps else span  # without taps, all lies before the signal
        result.append(Phase(start, count, tuple(reversed(taps)), before, span - extent - before, 1))
    return result
