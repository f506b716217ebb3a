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
from gpuconv.facts import DeviceLimits, Facts
from gpuconv.launches import Argument, LaunchPlan, Specialization, cuda
from gpuconv.planner import Plan
from gpuconv.problem import DType, Problem
from gpuconv.sources import source

OPTIONS = ("-std=c++17",)
NUMPY_TYPES = {
    "int": "int32",
    "long long": "int64",
    "unsigned long long": "uint64",
    "float": "float32",
    "double": "float64",
}
INSTALL = "pip install 'gpuconv[cuda13]' (or 'gpuconv[cuda12]', by the CUDA version that nvidia-smi shows)"
INSUFFICIENT_DRIVER, NO_DEVICE = 35, 100  # codes of cudaError

logger = logging.getLogger("gpuconv")


def unavailable() -> str | None:
    """Probe for CuPy, its compiler, a driver, a device and a little memory on it."""
    try:
        import cupy
    except ModuleNotFoundError:
        return f"CuPy is not installed: {INSTALL}"
    except ImportError as error:
        return f"CuPy is installed but cannot be imported ({error}): {INSTALL}"
    try:
        cupy.cuda.runtime.getDeviceCount()
        cupy.empty(1, "float32")
        cupy.cuda.nvrtc.getVersion()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return _explain(error)
    except MemoryError as error:
        return f"the CUDA device has no free memory ({error}): end a program that uses it"
    except (ImportError, RuntimeError, OSError) as error:
        return f"CUDA's run-time compiler NVRTC cannot be loaded ({error}): {INSTALL}"
    return None


def describe() -> str:
    """Device and versions."""
    import cupy

    limits_ = limits()
    capability = ".".join(map(str, limits_.compute_capability))
    driver = cupy.cuda.runtime.driverGetVersion()
    versions = f"driver for CUDA {driver // 1000}.{driver % 1000 // 10}, CuPy {cupy.__version__}"
    return f"{limits_.name}, compute capability {capability}, {versions}"


def limits() -> DeviceLimits:
    """Limits of the current device."""
    import cupy

    return _limits(cupy.cuda.runtime.getDevice())


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
        return None if operands.bias is None else _contiguous(operands.bias, dtype)
    weights = operands.full_weights()
    return _struct(weights.ravel(), dtype, weights.size) if argument.by_value else _contiguous(weights, dtype)


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


LEGACY_STREAM = 1  # what the CUDA array interface calls stream 0


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


@functools.cache
def _limits(device: int) -> DeviceLimits:
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(device)
    return DeviceLimits(
        name=properties["name"].decode(),
        compute_capability=(properties["major"], properties["minor"]),
        shared_bytes=properties["sharedMemPerBlock"],
        threads=properties["maxThreadsPerBlock"],
        multiprocessors=properties["multiProcessorCount"],
    )


def _explain(error: Any) -> str:
    """The sentence for an error of the CUDA runtime at start."""
    import cupy

    if error.status == INSUFFICIENT_DRIVER and cupy.cuda.runtime.driverGetVersion() == 0:
        return "CuPy is installed but there is no NVIDIA driver: install it, then nvidia-smi lists the GPU"
    if error.status == INSUFFICIENT_DRIVER:
        return "the NVIDIA driver is too old for this CuPy: update it, or pip install 'gpuconv[cuda12]'"
    if error.status == NO_DEVICE:
        return "there is no CUDA device: nvidia-smi must list a GPU, and CUDA_VISIBLE_DEVICES must not hide it"
    return f"the CUDA device does not work ({error}): nvidia-smi shows which program uses it"


def _shortage(problem: Problem) -> str:
    import cupy

    free, total = cupy.cuda.runtime.memGetInfo()
    needed = problem.images * problem.channels_in * int(np.prod(problem.extent)) * problem.image_dtype.itemsize
    needed += int(np.prod(problem.out_shape)) * problem.out_dtype.itemsize
    return f"the device's memory must hold image and result, {needed:,} bytes; {free:,} of {total:,} are free"
