"""Launches of the Numba CUDA kernels, one planning function per kernel."""

from collections.abc import Callable

from gpuconv.facts import Facts
from gpuconv.launches import LaunchPlan
from gpuconv.problem import Problem

LAUNCHERS: tuple[Callable[[Problem, Facts], LaunchPlan | str], ...] = ()
