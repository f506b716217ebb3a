"""A layer over volumes as layers over images, whose kernels then compute it; pure.

With the depth before the channels in memory, the Q slices that an output slice meets are one image of Q * C channels,
and those of neighbouring outputs overlap: one layer over such windows computes all of them. A dilation along the depth
leaves as many outputs out between two neighbours; those come after. Every group has windows of its own. Groups of few
channels stay together: there Q layers are added up, one for each slice of the filter. A gradient with respect to the
weights is Q gradients.

Only so much of a volume is copied at a time, with what its boundary puts before and behind it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from gpuconv.dtypes import is_integer
from gpuconv.planning.bounds import ErrorBound, kernel_bound, winograd_bound
from gpuconv.planning.costs import sum_seconds
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan
from gpuconv.planning.strips import Range
from gpuconv.problem import DType, Ints, Problem

ROOM = {"cpu": 8 << 20, "cupy": 64 << 20, "numba_cuda": 64 << 20}  # bytes of a part, unless one output slice takes more
JOINED_CHANNELS = 8  # of a group, from which on it has windows of its own; a single group always has
PlanLayer = Callable[[Problem, Facts], Plan | str]


@dataclass(frozen=True)
class Part:
    """Some outputs: where they are, the slices of the volume that they meet, and the plans of their layers."""

    images: Range
    slices: range
    met: range  # some may lie outside the volume
    plans: tuple[Plan, ...] = ()  # of the first layer, and of those that are added to it


@dataclass(frozen=True)
class Sliced:
    """How a layer over volumes is computed."""

    problem: Problem
    windows: bool  # one layer for each group over the channels of several slices; or one for each slice of the filter
    stride: int  # among the slices that are met
    dilation: int
    sums: DType | None  # what several layers are added up in, if that is not the result itself
    parts: tuple[Part, ...]

    @property
    def groups(self) -> int:
        """Groups that are computed one after the other."""
        return self.problem.groups if self.windows else 1

    @property
    def layers(self) -> int:
        """Layers, or gradients, of each part and group."""
        return 1 if self.windows else self.problem.filter[0]

    @property
    def added(self) -> bool:
        """Whether some of them are added to others."""
        gradient = self.problem.op == "weight_gradient"
        return len(self.parts) > 1 if gradient else self.layers > 1


def takes(problem: Problem, backend: str) -> bool:
    """Whether a problem is a layer over volumes, or its gradient; a filter is one where there are no kernels for it."""
    if problem.rank != 3 or problem.op == "magnitude" or len(problem.batch) > 1 or backend not in ROOM:
        return False
    return backend == "numba_cuda" if problem.is_filter else not problem.skip_zero_taps


def plan_sliced(problem: Problem, facts: Facts, backend: str, plan_layer: PlanLayer) -> Plan | str:
    """Return the plan of a layer over volumes, made of those of layers over images; or why there is none."""
    if facts.method not in ("auto", "direct"):
        return f"method='{facts.method}' cannot be taken: a layer over volumes is summed up"
    found = _cut(problem, backend)
    if found.sums is not None and is_integer(problem.out_dtype) and problem.overflow != "wrap":
        return "sums of several layers wrap where an integer result cannot hold them"
    known: dict[Ints, tuple[Plan, Plan] | str] = {}
    parts = []
    for part in found.parts:
        batch = (part.images[1] - part.images[0], len(part.slices))
        if batch not in known:
            known[batch] = _plans(found, batch, facts, plan_layer)
        plans = known[batch]
        if isinstance(plans, str):
            return plans
        parts.append(replace(part, plans=plans))
    return _plan(replace(found, parts=tuple(parts)), facts, backend)


def _cut(problem: Problem, backend: str) -> Sliced:
    """Everything but the plans of the layers over images."""
    taps, gradient = problem.filter[0], problem.op == "weight_gradient"
    windows = not gradient and taps > 1 and _joins(problem)
    step = math.gcd(problem.stride[0], problem.dilation[0]) if taps > 1 else problem.stride[0]
    stride, dilation = problem.stride[0] // step, problem.dilation[0] // step if taps > 1 else 1
    apart = dilation if windows else 1  # from one output of a part to the next
    parts = tuple(
        Part(images, slices, _met(problem, step * apart, slices))
        for images, slices in _shares(problem, windows, apart, ROOM[backend])
    )
    several = len(parts) > 1 if gradient else taps > 1 and not windows
    sums = problem.compute_dtype if several and problem.out_dtype != problem.compute_dtype else None
    return Sliced(problem, windows, stride, dilation // apart, sums, parts)


def _plans(sliced: Sliced, batch: Ints, facts: Facts, plan_layer: PlanLayer) -> tuple[Plan, Plan] | str:
    """The plans of the layers of parts of one size."""
    plans = []
    for layer in _layers(sliced, batch, facts):
        plan = plan_layer(*layer)
        if isinstance(plan, str):
            return plan
        plans.append(plan)
    return plans[0], plans[-1]


def _plan(sliced: Sliced, facts: Facts, backend: str) -> Plan:
    problem, first = sliced.problem, sliced.parts[0].plans[0]
    return replace(
        first,
        problem=problem,
        facts=facts,
        bound=_bound(problem, first.algorithm),
        seconds=sum_seconds(problem, facts, backend, terms=0),
        instead=None,
        sliced=sliced,
    )


def _bound(problem: Problem, algorithm: str) -> ErrorBound:
    """Bound of one layer over windows; what several add up to errs no more."""
    if algorithm == "winograd":
        channels = problem.channels_in // problem.groups * problem.filter[0]
        return winograd_bound(replace(problem, channels_in=channels))
    return kernel_bound(problem, algorithm)


def _layers(sliced: Sliced, batch: Ints, facts: Facts) -> Iterator[tuple[Problem, Facts]]:
    """The first layer of a part, and what is added to it."""
    problem, flat = sliced.problem, dict[str, Any]()
    for name in ("extent", "filter", "pad_before", "pad_after", "stride", "dilation"):
        flat[name] = getattr(problem, name)[1:]
    flat["out_dtype"] = sliced.sums or problem.out_dtype
    if sliced.windows:
        flat["channels_in"] = problem.channels_in // problem.groups * problem.filter[0]
        flat |= {"channels_out": problem.channels_out // problem.groups, "groups": 1}
    layer = replace(problem, batch=batch, **flat)
    seen = replace(facts, image_layout="channels_first", interleaved=False, separable=False, terms=0)
    apart = replace(seen, out_layout="channels_first")
    yield layer, apart if sliced.sums else seen
    if sliced.layers > 1 or problem.op == "weight_gradient":
        added = replace(layer, bias=False)
        yield added, replace(apart, method="direct") if added.is_filter else apart  # without transforms: one bound


def _joins(problem: Problem) -> bool:
    """Whether windows pay."""
    return problem.groups == 1 or problem.channels_in // problem.groups >= JOINED_CHANNELS


def _met(problem: Problem, step: int, slices: range) -> range:
    """The slices of a volume that some output slices meet."""
    first, last = (place * problem.stride[0] - problem.pad_before[0] for place in (slices[0], slices[-1]))
    return range(first, last + problem.dilation[0] * (problem.filter[0] - 1) + 1, step)


def _shares(problem: Problem, windows: bool, apart: int, room: int) -> Iterator[tuple[Range, range]]:
    """The outputs in parts: images of the batch that fit together, or some slices of one, so far apart."""
    depth, images, taps = problem.out_extent[0], problem.images, problem.filter[0]
    met = problem.channels_in * math.prod(problem.extent[1:]) * problem.image_dtype.itemsize
    made = problem.channels_out * math.prod(problem.out_extent[1:]) * problem.compute_dtype.itemsize
    each = max(1, met * (taps if windows else problem.stride[0]) + made)  # some kernels copy windows
    more = 0 if windows else met * problem.dilation[0] * (taps - 1)
    images_of = max(1, -(-images // max(1, room // (each * depth + more))))
    for i in range(images_of):
        for first in range(min(apart, depth)):
            slices = range(first, depth, apart)
            count = -(-len(slices) // max(1, (room - more) // each))
            for j in range(count):
                yield _share(images, i, images_of), slices[slice(*_share(len(slices), j, count))]


def _share(count: int, index: int, parts: int) -> Range:
    """One of so many parts of about the same size."""
    return index * count // parts, (index + 1) * count // parts
