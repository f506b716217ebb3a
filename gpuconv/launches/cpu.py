"""Which algorithm the compiled CPU backend takes; pure."""

from gpuconv.problem import Problem

GAIN = 1.5  # passes pay where the direct sum costs more than this many times their products: 4 x 4 does, 3 x 3 does not


def takes_passes(problem: Problem) -> bool:
    """Whether separable weights are taken one axis at a time."""
    if problem.rank != 2 or 1 in problem.filter or problem.compute_dtype.kind == "c" or problem.skip_zero_taps:
        return False
    return problem.taps > GAIN * sum(problem.filter)
