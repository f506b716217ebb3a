"""Whether a filter may be computed through Fourier transforms, and with which tiles; pure functions."""

import numpy as np

from gpuconv.dtypes import is_integer, largest_value
from gpuconv.launches import cpu_fft
from gpuconv.planning.bounds import NORMWISE, error_bound, exact_error, tiles_error
from gpuconv.planning.facts import Facts
from gpuconv.planning.overlap import Sizes, Tiles, tiles
from gpuconv.problem import Problem

FEWEST = 16  # taps that "auto" considers transforms for
# What the caches hold, or what keeps a GPU busy.
SIZES = {
    "numpy": Sizes(most=1 << 18, line=1 << 14, batch=1 << 16, job=1.5e5),
    "cpu": Sizes(most=1 << 16, line=1 << 16, batch=1 << 16, job=1e4, powers=True),
    "cupy": Sizes(most=1 << 20, line=1 << 20, batch=1 << 22, job=1e6),
}


def fitting(problem: Problem, facts: Facts, backend: str) -> Tiles | str:
    """Return the tiles, or the sentence why there is no transform."""
    refusal = _impossible(problem, backend) or _unwanted(problem, facts)
    if refusal:
        return refusal
    if is_integer(problem.compute_dtype):
        cut = tiles(problem, SIZES[backend], np.dtype("float64"), 1.0)
        return _inexact(problem, facts, cut) or cut
    size = problem.compute_dtype.itemsize // (2 if problem.compute_dtype.kind == "c" else 1)
    allowed = max(NORMWISE[size], error_bound(problem, separable=False).relative)
    fastest = cpu_fft.fft_tiles(problem, allowed) if backend == "cpu" else None
    cut = fastest or tiles(problem, SIZES[backend], problem.compute_dtype, allowed)
    error = tiles_error(problem, cut.points)
    if facts.method != "fft" and error > allowed:
        return f"a transform's error must be at most {allowed:.1e} of the norms; it would be {error:.1e}"
    return cut


def _impossible(problem: Problem, backend: str) -> str | None:
    if backend not in SIZES or (backend == "cpu" and not cpu_fft.takes_fft(problem)):
        return f"the {backend} backend has no transforms" + (" for this" if backend in SIZES else "")
    if not problem.is_filter:
        return "transforms compute plain filters; this has channels that are summed, or a bias"
    if problem.skip_zero_taps:
        return "a transform cannot leave out the taps that are zero"
    if backend == "cupy" and (is_integer(problem.compute_dtype) or problem.rank > 2):
        return "transforms on a GPU take signals and images, in floating point"
    return None if problem.taps > 1 else "a filter of one tap has nothing to transform"


def _unwanted(problem: Problem, facts: Facts) -> str | None:
    if facts.finite is False:
        return "nan or infinity in image or weights would spread over a whole tile"
    if facts.method == "fft":
        return None
    if facts.precision == "strict":
        return "precision='strict' asks for the elementwise bound of the direct sum"
    return f"less than {FEWEST} taps are summed sooner" if problem.taps < FEWEST else None


def _inexact(problem: Problem, facts: Facts, cut: Tiles) -> str | None:
    """Why sums of whole numbers would not be exact after rounding."""
    if facts.weights_sum is None:
        return "whole numbers stay exact in a transform only where the weights are known to be small enough"
    largest = max(largest_value(problem.image_dtype, facts.image_max), abs(int(problem.fill.real)))
    error = exact_error(cut.points, largest, facts.weights_sum)
    if error < 0.5:
        return None
    return f"the error of a transform of whole numbers must stay below 0.5; it might be {error:.1e}"
