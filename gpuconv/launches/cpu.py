"""Which algorithm the compiled CPU backend takes; pure."""

from dataclasses import replace

import numpy as np

from gpuconv.planning.bounds import NORMWISE, error_bound, winograd_error
from gpuconv.planning.facts import Facts
from gpuconv.problem import Ints, Problem

GAIN = 1.5  # passes pay where the direct sum costs more than this many times their products: 4 x 4 does, 3 x 3 does not
MOST_AXES = 3  # of a filter
FEWEST_CHANNELS = 16  # in and out, for Winograd's algorithm
FEWEST_OUTPUTS = 4  # down and across
MOST_BYTES = 48 << 20  # of transformed weights, which are kept from call to call


def filtered_axes(problem: Problem) -> Ints:
    """The axes before the last along which images are filtered, or have samples outside; the others are a batch.

    The rows of an image are never a batch.
    """
    axes = zip(problem.filter[:-1], problem.pad_before, problem.pad_after, strict=False)
    found = (taps > 1 or max(before, after) > 0 or problem.rank == 2 for taps, before, after in axes)
    return tuple(axis for axis, filtered in enumerate(found) if filtered)


def refuses_filter(problem: Problem) -> str | None:
    """Why a filter over one channel is not compiled; None where it is."""
    axes = len(filtered_axes(problem)) + 1
    if axes <= MOST_AXES:
        return None
    return f"the cpu backend filters at most {MOST_AXES} axes at a time; got {axes}"


def takes_passes(problem: Problem, *, named: bool = False) -> bool:
    """Whether separable weights are taken one axis at a time; `named`: asked for, even where it does not pay."""
    several = sum(taps > 1 for taps in problem.filter) > 1
    if not several or problem.compute_dtype.kind == "c" or problem.skip_zero_taps:
        return False
    return named or problem.taps > GAIN * sum(problem.filter)


def refuses_layer(problem: Problem) -> str | None:
    """Why a layer, or a layer's gradient with respect to its weights, is not compiled; None where it is."""
    if problem.op == "magnitude":
        return "the cpu backend takes the magnitude of filters over one channel only"
    if problem.rank > 2:
        return f"the cpu backend has layers over one or two spatial axes; got {problem.rank}"
    kinds = {dtype.kind for dtype in (problem.compute_dtype, problem.image_dtype, problem.out_dtype)}
    if not (kinds == {"f"} or (kinds <= {"i", "u"} and problem.op == "forward" and problem.overflow != "raise")):
        return "the cpu backend has layers of real floats, and of integers that wrap or saturate; others are NumPy's"
    if problem.out_dtype.itemsize == 2 and problem.compute_dtype == np.float64:
        return "the cpu backend does not round sums in float64 to float16"
    if problem.op == "weight_gradient" and problem.weights_dtype != problem.image_dtype:
        return f"image and gradient must have one dtype; got {problem.image_dtype} and {problem.weights_dtype}"
    if problem.skip_zero_taps or problem.channels_in == 0:
        return "the cpu backend's layers have input channels, and leave out no taps"
    return None


def takes_winograd(problem: Problem, facts: Facts) -> str | None:
    """Why a layer is not computed by Winograd's algorithm; None where it is."""
    alone = problem.op == "forward" and problem.groups == 1 and max(problem.stride) == max(problem.dilation) == 1
    if problem.compute_dtype.kind != "f":
        return "winograd: is inexact"
    if problem.filter != (3, 3) or not alone or min(problem.out_extent) < FEWEST_OUTPUTS:
        return "winograd: takes 3 x 3 layers of stride 1, without groups and dilation, of at least 4 x 4 outputs"
    if min(problem.channels_in, problem.channels_out) < FEWEST_CHANNELS:
        return f"winograd: pays from {FEWEST_CHANNELS} channels on"
    transformed = 36 * problem.channels_in * problem.channels_out * problem.compute_dtype.itemsize
    if transformed > MOST_BYTES:
        return f"winograd: keeps at most {MOST_BYTES} bytes of transformed weights; these take {transformed}"
    if facts.precision == "strict" or facts.method != "auto":
        return "winograd: its error is bounded for the whole tile, not for each output"
    allowed = max(NORMWISE[problem.compute_dtype.itemsize], error_bound(problem, separable=False).relative)
    error = winograd_error(problem.channels_in, problem.compute_dtype)
    return None if error <= allowed else f"winograd: may err by {error:.1e} of the norms; {allowed:.1e} is allowed"


def of_one_filter(problem: Problem) -> Problem:
    """The problem of each of the filters whose magnitude is taken, before anything is rounded to the output."""
    return replace(problem, channels_out=1, op="forward", out_dtype=problem.compute_dtype)
