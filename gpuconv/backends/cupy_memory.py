"""What the CuPy backend does where a call's arrays do not fit the device: the same kernels, part by part."""

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from gpuconv.arrays import DeviceView, Operands, View, cut
from gpuconv.backends.cupy_arrays import joined, on_device
from gpuconv.planning import strips
from gpuconv.planning.planner import Plan, plan_part
from gpuconv.problem import Problem

Compute = Callable[[Plan, Operands, View], None]

logger = logging.getLogger("gpuconv")


def fitted(compute: Compute, plan: Plan, operands: Operands, out: View) -> None:
    """Run `compute`; where the device's memory does not suffice, on images of the batch and on strips of rows.

    Transforms whose tiles do not fit give way to sums, unless they were asked for by name.

    Raises
    ------
    MemoryError
        If not even one row of outputs fits.
    """
    failure = _failure(lambda: compute(plan, operands, out))
    if failure is None:
        return
    operands = _apart(operands, out)
    try:
        _in_parts(compute, plan, operands, out, failure)
    except MemoryError:
        if plan.instead is None or plan.facts.method == "fft":
            raise
        fitted(compute, plan.instead, operands, out)


def _in_parts(compute: Compute, plan: Plan, operands: Operands, out: View, failure: str) -> None:
    """Halve what did not fit, again and again; nothing as large is tried twice."""
    waiting, limit = _cut(plan, strips.whole(plan.problem), failure), _bytes(plan.problem)
    while waiting:
        box = waiting.pop()
        problem, ranges = strips.part(plan.problem, box)
        part = plan_part(plan, problem) if _bytes(problem) < limit else None
        if part is not None:
            result = _failure(lambda: compute(part, *_views(operands, out, box, ranges)))  # noqa: B023 (runs at once)
            if result is None:
                continue
            failure = result
        limit = min(limit, _bytes(problem))
        waiting += _cut(plan, box, failure)
    logger.info("%s: computed in parts of less than %s bytes, for want of memory", plan.algorithm, f"{limit:,}")


def _failure(compute: Callable[[], None]) -> str | None:
    """Which allocation failed in a computation, if one did; what had been allocated is free again."""
    import cupy

    try:
        compute()
    except cupy.cuda.memory.OutOfMemoryError as error:
        with suppress(ImportError):  # where cuFFT is not installed
            cupy.fft.config.get_plan_cache().clear()  # whose plans hold memory, too
        return str(error)
    return None


def _cut(plan: Plan, box: strips.Box, failure: str) -> list[strips.Box]:
    """The halves of a box, the first one last."""
    halves = strips.halves(box) if plan.problem.op != "weight_gradient" else None
    if halves is None:
        raise MemoryError(_shortage(strips.part(plan.problem, box)[0], failure))
    return [halves[1], halves[0]]


def _views(operands: Operands, out: View, box: strips.Box, ranges: tuple[strips.Range, ...]) -> tuple[Operands, View]:
    """What a part reads and writes."""
    image, rows = operands.image, len(box)  # the first spatial axis stands behind those of the batch and the channels
    for axis, (start, stop) in enumerate(box[:-1]):
        image, out = cut(image, axis, start, stop), cut(out, axis, start, stop)
    image = joined([cut(image, rows, *range_) for range_ in ranges], rows)
    return replace(operands, image=image), cut(out, rows, *box[-1])


def _apart(operands: Operands, out: View) -> Operands:
    """The operands, those that overlap `out` in host memory of their own: a part must not overwrite another's."""
    image, weights, bias = (_kept(view, out) for view in (operands.image, operands.weights, operands.bias))
    return replace(operands, image=image, weights=weights, bias=bias)


def _kept(view: View | None, out: View) -> View | None:
    if isinstance(view, np.ndarray) and isinstance(out, np.ndarray):
        return view.copy() if np.may_share_memory(view, out) else view
    if isinstance(view, DeviceView) and isinstance(out, DeviceView) and view.overlaps(out):
        logger.warning("`out` overlaps an operand and the device's memory is short: it is copied to the host")
        return on_device(view).get()
    return view


def _bytes(problem: Problem) -> int:
    """Bytes of image and result."""
    image = math.prod(problem.image_shape) * problem.image_dtype.itemsize
    return image + math.prod(problem.out_shape) * problem.out_dtype.itemsize


def _shortage(problem: Problem, failure: str) -> str:
    import cupy

    free, total = cupy.cuda.runtime.memGetInfo()
    shape = " x ".join(map(str, problem.out_shape))
    return (
        f"the device's memory must hold image and result, {_bytes(problem):,} bytes for one part of {shape} outputs, "
        f"beside weights and workspace; {free:,} of {total:,} are free ({failure.rstrip('.')})"
    )
