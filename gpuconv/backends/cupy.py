"""The CuPy backend: the CUDA C++ kernels of kernels/, compiled by NVRTC and launched through CuPy.

Work is asynchronous on the stream of the caller's library; only a result for the host is waited for.
"""

import functools
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv.arrays import DeviceView, Operands, View
from gpuconv.backends.cupy_probe import describe, limits, unavailable
from gpuconv.facts import Facts
from gpuconv.launches import Argument, LaunchPlan, Specialization, cuda
from gpuconv.planner import Plan
from gpuconv.problem import DType, Problem
from gpuconv.sources import source

__all__ = ["describe", "limits", "run", "unavailable", "unsupported"]

OPTIONS = ("-std=c++17",)
NUMPY_TYPES = {
    "int": "int32",
    "long long": "int64",
    "unsigned long long": "uint64",
    "float": "float32",
    "double": "float64",
}

NULL = np.uint64(0)  # a pointer to nothing
LEGACY_STREAM = 1  # what the CUDA array interface calls stream 0

logger = logging.getLogger("gpuconv")


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel here can take the problem."""
    return cuda.unsupported(problem, facts)


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Launch the plan's kernels on the image's device and the caller's stream; `out` may overlap the operands."""
    import cupy

    with _place(operands.image, stream):
        try:
            _run(plan, operands, out)
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise MemoryError(_shortage(plan.problem)) from error


def _run(plan: Plan, operands: Operands, out: View) -> None:
    import cupy

    problem = plan.problem
    given = [view for view in (operands.image, operands.weights, operands.bias) if isinstance(view, DeviceView)]
    target = _on_device(out) if isinstance(out, DeviceView) else None
    if target is None or not target.flags.c_contiguous or any(map(out.overlaps, given)):
        result = cupy.empty(problem.out_shape, problem.out_dtype)
    else:
        result = target
    arrays = {"image": _contiguous(operands.image, problem.image_dtype), "out": result}
    for launch in plan.launches:
        values = [_value(argument, launch, operands, arrays) for argument in launch.arguments]
        kernel = _kernel(launch.specialization, limits().compute_capability)
        kernel(launch.grid, launch.block, tuple(values), shared_mem=launch.shared_bytes)
    if target is None:
        out[...] = result.get()
    elif result is not target:
        cupy.copyto(target, result)


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
        return NULL if operands.bias is None else _contiguous(operands.bias, dtype)
    weights = operands.full_weights()
    if not argument.by_value:
        return _contiguous(weights, dtype)
    return _struct(weights.ravel(), dtype, dict(launch.specialization.constants).get("CAPACITY", weights.size))


def _struct(values: np.ndarray, dtype: DType, capacity: int) -> np.ndarray:
    """A C struct with one array, zeros behind the values; CuPy passes it by value."""
    struct = np.zeros(1, [("at", dtype, (capacity,))])
    struct["at"][0, : len(values)] = values
    return struct


def _contiguous(view: View, dtype: DType) -> Any:
    """The array on the device in C order; no copy where it is so already."""
    import cupy

    if isinstance(view, DeviceView):
        return cupy.ascontiguousarray(_on_device(view), dtype)
    return cupy.asarray(np.ascontiguousarray(view, dtype))


def _on_device(view: DeviceView) -> Any:
    """See the memory of any library as a CuPy array, after what its stream has still to do to it."""
    import cupy

    current = cupy.cuda.get_current_stream()
    if view.stream is not None and view.stream != (current.ptr or LEGACY_STREAM):
        current.wait_event(cupy.cuda.Stream.from_external(_Stream(view.stream)).record())
    return cupy.asarray(replace(view, stream=None))  # with a stream CuPy would make the host wait for it


@dataclass(frozen=True)
class _Stream:
    """A stream of another library, by the CUDA stream protocol."""

    pointer: int

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


@contextmanager
def _place(image: View, stream: int | None) -> Iterator[None]:
    """Work on the image's device, and on the stream of its library."""
    import cupy

    with ExitStack() as stack:
        if isinstance(image, DeviceView):
            stack.enter_context(cupy.cuda.Device(image.device))
        if stream is not None:
            stack.enter_context(cupy.cuda.Stream.from_external(_Stream(stream)))
        yield


@functools.cache
def _kernel(specialization: Specialization, capability: tuple[int, int]) -> Any:
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


def _shortage(problem: Problem) -> str:
    import cupy

    free, total = cupy.cuda.runtime.memGetInfo()
    needed = problem.images * problem.channels_in * int(np.prod(problem.extent)) * problem.image_dtype.itemsize
    needed += int(np.prod(problem.out_shape)) * problem.out_dtype.itemsize
    return f"the device's memory must hold image and result, {needed:,} bytes; {free:,} of {total:,} are free"
