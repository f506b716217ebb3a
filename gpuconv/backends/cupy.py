"""The CuPy backend: the CUDA C++ kernels of kernels/, compiled by NVRTC and launched through CuPy.

Work is asynchronous on the stream of the caller's library; only a result for the host is waited for.
"""

import functools
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv.arrays import DeviceView, Operands, View
from gpuconv.backends.cupy_arrays import contiguous, on_device, place
from gpuconv.backends.cupy_memory import fitted
from gpuconv.backends.cupy_pitch import as_it_lies
from gpuconv.backends.cupy_probe import current_device, describe, limits, unavailable
from gpuconv.launches import Argument, LaunchPlan, Specialization, cuda
from gpuconv.layouts import in_layout
from gpuconv.planning.facts import Facts, Layout
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Problem
from gpuconv.sources import source

if TYPE_CHECKING:
    from gpuconv.backends import Ready

__all__ = ["current_device", "describe", "limits", "prepare", "run", "unavailable", "unsupported"]

OPTIONS = ("-std=c++17",)
NUMPY_TYPES = {
    "int": "int32",
    "long long": "int64",
    "unsigned long long": "uint64",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float": "float32",
    "double": "float64",
    "Complex<float>": "complex64",
    "Complex<double>": "complex128",
}

NULL = np.uint64(0)  # a pointer to nothing

logger = logging.getLogger("gpuconv")


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel here can take the problem."""
    return cuda.unsupported(problem, facts)


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Launch the plan's kernels on the image's device and the caller's stream; `out` may overlap the operands."""
    with place(operands.image, stream):
        fitted(_run, plan, operands, out)


def prepare(plan: Plan, operands: Operands, out: View) -> "Ready | None":
    """Make a plan ready for many arrays on a device; None where they must be copied, and on the host."""
    from gpuconv.backends.cupy_plans import ready

    return ready(plan, operands, out)


def _run(plan: Plan, operands: Operands, out: View) -> None:
    import cupy

    problem = plan.problem
    image = in_layout(operands.image, problem.rank, _layout(plan, "image"))
    out = in_layout(out, problem.rank, _layout(plan, "out"))
    given = [view for view in (operands.image, operands.weights, operands.bias) if isinstance(view, DeviceView)]
    target = on_device(out) if isinstance(out, DeviceView) else None
    launches, lying = as_it_lies(plan.launches, "image", image)
    pitched, taken = as_it_lies(launches, "out", out)
    if target is None or not (taken or target.flags.c_contiguous) or any(map(out.overlaps, given)):
        result = cupy.empty(out.shape, problem.out_dtype)
    else:
        launches, result = pitched, target
    arrays = {"out": result, "workspace": _workspace(plan)}
    arrays["image"] = on_device(image) if lying else contiguous(image, problem.image_dtype)
    if plan.tiles is not None:
        from gpuconv.backends.cupy_fft import compute

        if not compute(plan, operands, arrays["image"], result, _launch):
            assert plan.instead is not None
            return _run(plan.instead, operands, out)
    for launch in launches if plan.tiles is None else ():
        values = [_value(argument, launch, operands, arrays) for argument in launch.arguments]
        kernel = loaded(launch)
        kernel(launch.grid, launch.block, tuple(values), shared_mem=launch.shared_bytes)
    if target is None:
        out[...] = result.get()
    elif result is not target:
        cupy.copyto(target, result)
    return None


def _launch(launch: LaunchPlan, values: tuple[Any, ...]) -> None:
    loaded(launch)(launch.grid, launch.block, values, shared_mem=launch.shared_bytes)


def _layout(plan: Plan, kind: str) -> Layout:
    """How the plan's kernels read the image, or write the result."""
    arguments = (argument for launch in plan.launches for argument in launch.arguments)
    return next((argument.layout for argument in arguments if argument.kind == kind), "channels_first")


def _workspace(plan: Plan) -> Any:
    """Memory that the plan's launches share, if they need any."""
    import cupy

    arguments = (argument for launch in plan.launches for argument in launch.arguments if argument.kind == "workspace")
    return next((cupy.empty(argument.value, NUMPY_TYPES[argument.type]) for argument in arguments), None)


def _value(argument: Argument, launch: LaunchPlan, operands: Operands, arrays: dict[str, Any]) -> Any:
    """What CuPy is given for one argument."""
    if argument.kind in arrays:
        return arrays[argument.kind]
    dtype = np.dtype(NUMPY_TYPES[argument.type])
    if argument.kind == "scalar":
        return dtype.type(argument.value)
    if argument.kind == "factors":
        return _struct(np.concatenate(operands.factors), dtype, launch.specialization.constant("TAPS"))
    if argument.kind == "bias":
        return NULL if operands.bias is None else contiguous(operands.bias, dtype)
    weights = operands.full_weights()
    if argument.order:
        ordered = contiguous(weights.transpose(argument.order), dtype)
        return ordered.copy() if ordered.data.ptr % 16 else ordered
    if not argument.by_value:
        return contiguous(weights, dtype)
    return _struct(weights.ravel(), dtype, dict(launch.specialization.constants).get("CAPACITY", weights.size))


def _struct(values: np.ndarray, dtype: DType, capacity: int) -> np.ndarray:
    """A C struct with one array, zeros behind the values; CuPy passes it by value."""
    struct = np.zeros(1, [("at", dtype, (capacity,))])
    struct["at"][0, : len(values)] = values
    return struct


def loaded(launch: LaunchPlan) -> Any:
    """The kernel of a launch, with leave to take more shared memory than is usual where it needs that."""
    device = limits()
    kernel = compiled(launch.specialization, device.compute_capability)
    if launch.shared_bytes > device.shared_bytes:
        kernel.max_dynamic_shared_size_bytes = launch.shared_bytes
    return kernel


@functools.cache
def compiled(specialization: Specialization, capability: tuple[int, int]) -> Any:
    """Compile once for each kind of device; CuPy keeps the binary on disk as well."""
    import cupy

    started = time.perf_counter()
    kernel = cupy.RawKernel(source(specialization), specialization.kernel, OPTIONS)
    try:
        kernel.compile()
    except cupy.cuda.compiler.CompileException as error:
        raise RuntimeError(f"{specialization} does not compile for {capability}: {error}") from error
    logger.info("compiled %s in %.2f s", specialization, time.perf_counter() - started)
    return kernel
