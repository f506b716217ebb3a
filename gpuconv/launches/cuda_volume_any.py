"""Launches for filters over volumes that have no fast kernel: long factors, pass by pass, and the formula itself."""

import math
from dataclasses import replace
from typing import Any

from gpuconv.dtypes import accumulator, is_integer, largest_value
from gpuconv.launches import Kind, LaunchPlan, ceil_div
from gpuconv.launches.cuda_common import array, fill, launch, longs, specialize
from gpuconv.launches.cuda_filters import conv2d_separable
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns
from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Ints, Problem

BLOCK = 256


def separable_passes(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The outer product of three 1D filters of any length: a pass over the planes, then one along the depth."""
    if problem.rank != 3 or not problem.is_filter or not facts.separable:
        return "separable_passes needs weights over volumes that are the outer product of 1D factors"
    if max(problem.stride + problem.dilation) > 1:
        return f"separable_passes needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    if problem.fill != 0:
        return f"separable_passes would filter what lies outside, too: it must be 0 there; got {problem.fill}"
    sums = accumulator(problem, facts)
    planes = _of_axes(replace(problem, batch=(*problem.batch, problem.extent[0]), out_dtype=sums), (1, 2))
    found = (kernel(planes, facts) for kernel in (separable_stream, conv2d_separable))
    first = next((launch for launch in found if isinstance(launch, LaunchPlan)), None)
    if first is None:
        return f"separable_passes needs factors that a kernel for images takes; got {planes.filter}"
    then = conv1d_columns(_columns(problem, sums), _of_sums(problem, facts))
    if isinstance(then, str):
        return then
    workspace = math.prod(planes.out_shape)
    first = _with(first, "out", "workspace", workspace)
    first = _with(first, "factors", "factors", order=(1, 2))
    then = _with(_with(then, "image", "workspace", workspace), "weights", "factors", order=(0,))
    return replace(first, then=then)


def _of_axes(problem: Problem, axes: Ints) -> Problem:
    """The problem with some of its spatial axes only."""
    names = ("extent", "filter", "pad_before", "pad_after", "stride", "dilation")
    each: dict[str, Any] = {name: tuple(getattr(problem, name)[axis] for axis in axes) for name in names}
    return replace(problem, **each)


def _columns(problem: Problem, sums: DType) -> Problem:
    """The filter along the depth, of volumes that are filtered along the other axes: planes are rows."""
    (taps, *_), (depth, *_), plane = problem.filter, problem.extent, math.prod(problem.out_extent[1:])
    pads = (problem.pad_before[0], 0), (problem.pad_after[0], 0)
    images = replace(_of_axes(problem, (0, 1)), pad_before=pads[0], pad_after=pads[1])
    return replace(images, extent=(depth, plane), filter=(taps, 1), image_dtype=sums)


def _of_sums(problem: Problem, facts: Facts) -> Facts:
    """The facts for a pass over whole sums, which the taps of all passes bound: it needs no wider ones."""
    whole = is_integer(problem.compute_dtype)
    return replace(facts, image_max=largest_value(problem.image_dtype, facts.image_max)) if whole else facts


def _with(launch: LaunchPlan, name: str, kind: Kind, value: int = 0, order: Ints = ()) -> LaunchPlan:
    """The launch with another array in the place of one."""
    arguments = (
        replace(argument, kind=kind, value=value, order=order) if argument.name == name else argument
        for argument in launch.arguments
    )
    return replace(launch, arguments=tuple(arguments))


def conv3d_direct(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Every filter over volumes."""
    if problem.rank != 3 or not problem.is_filter:
        return "conv3d_direct filters volumes of three axes, one channel at a time"
    specialization = specialize("conv3d_direct", problem, facts, BLOCK=BLOCK)
    names = {"": "extent", "out": "out_extent", "filter": "filter", "pad": "pad_before"}
    names |= {"stride": "stride", "dilation": "dilation"}
    axes = {"": ("depth", "height", "width")}
    geometry = {
        name: value
        for prefix, attribute in names.items()
        for name, value in zip(
            axes.get(prefix, tuple(f"{prefix}_{axis}" for axis in "dhw")), getattr(problem, attribute), strict=True
        )
    }
    outputs = problem.images * math.prod(problem.out_extent)
    return launch(
        specialization,
        ceil_div(outputs, BLOCK),
        (BLOCK, 1, 1),
        0,
        *(array(name, name, specialization) for name in ("image", "weights", "out")),
        *longs(outputs=outputs, **geometry),
        fill(problem, specialization),
    )
