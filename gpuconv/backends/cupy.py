"""The CuPy backend: the CUDA C++ kernels of kernels/, compiled by NVRTC and launched through CuPy.

Work is asynchronous on the stream of the caller's library; only a result for the host is waited for.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpuconv.arrays import DeviceView, Operands, View
from gpuconv.backends.cupy_arrays import as_view, contiguous, on_device, place
from gpuconv.backends.cupy_build import build
from gpuconv.backends.cupy_builder import layout_in
from gpuconv.backends.cupy_launches import compiled, loaded
from gpuconv.backends.cupy_memory import fitted
from gpuconv.backends.cupy_probe import OPTIONS, current_device, describe, limits, unavailable
from gpuconv.backends.cupy_ready import ready, ready_layer
from gpuconv.backends.cupy_sliced import memory, prepare_sliced
from gpuconv.launches import cuda
from gpuconv.layouts import axes_in, in_layout
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan
from gpuconv.problem import Problem

if TYPE_CHECKING:
    from gpuconv.backends import Ready, ReadyLayer

__all__ = [
    "OPTIONS",
    "compiled",
    "current_device",
    "describe",
    "limits",
    "loaded",
    "memory",
    "prepare",
    "prepare_layer",
    "prepare_sliced",
    "run",
    "unavailable",
    "unsupported",
]


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel here can take the problem."""
    return cuda.unsupported(problem, facts)


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Launch the plan's kernels on the image's device and the caller's stream; `out` may overlap the operands."""
    with place(operands.image, stream):
        fitted(_run, plan, operands, out)


def prepare(plan: Plan, operands: Operands, out: View) -> "Ready | None":
    """Make a plan ready for many arrays on a device; None where these must be copied, and on the host."""
    return ready(plan, operands, out)


def prepare_layer(plan: Plan, operands: Operands, out: View) -> "ReadyLayer | None":
    """Make a layer ready for arrays on a device; weights and bias on the host are read now."""
    return ready_layer(plan, operands, out)


def _run(plan: Plan, operands: Operands, out: View) -> None:
    import cupy

    image, weights, bias = operands.image, operands.weights, operands.bias
    given = [view for view in (image, weights, bias) if isinstance(view, DeviceView)]
    apart = isinstance(out, DeviceView) and not any(map(out.overlaps, given))
    image = image if isinstance(image, DeviceView) else _uploaded(plan, image)
    target = out if apart else as_view(cupy.empty(out.shape, plan.problem.out_dtype))
    steps = build(plan, replace(operands, image=image), target, fixed=False, own=False)
    result = on_device(target)
    others = (on_device(view) if isinstance(view, DeviceView) else None for view in (weights, bias))
    steps.run((on_device(image), result, *others), steps.allocate())
    if not isinstance(out, DeviceView):
        out[...] = result.get()
    elif not apart:
        cupy.copyto(on_device(out), result)


def _uploaded(plan: Plan, image: Any) -> DeviceView:
    """An image of the host, on the device in the order in which the kernels read it."""
    rank, layout = plan.problem.rank, layout_in(plan.launches, "image")
    order = axes_in(image.ndim, rank, layout)
    array = contiguous(in_layout(image, rank, layout), plan.problem.image_dtype)
    return as_view(array).transpose(tuple(sorted(range(image.ndim), key=order.__getitem__)))
