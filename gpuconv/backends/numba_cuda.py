"""The Numba backend: CUDA kernels written in Python.

Arrays on the device are used where they lie, with the strides they have; host arrays are copied there and back.
"""

import functools
import importlib
import logging
import math
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv.arrays import DeviceView, Operands, View, insert_axis
from gpuconv.backends.numba_probe import (
    capability,
    current_device,
    describe,
    limits,
    numba_cuda,
    simulated,
    unavailable,
)
from gpuconv.launches import LaunchPlan, Specialization, Triple
from gpuconv.launches.numba_cuda import copy_launch
from gpuconv.launches.numba_cuda import unsupported as unsupported_by_kernels
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Ints, Problem
from gpuconv.sources import kernel_folder

if TYPE_CHECKING:
    from gpuconv.backends.numba_sliced import DeviceMemory

__all__ = ["current_device", "describe", "limits", "memory", "run", "unavailable", "unsupported"]

logger = logging.getLogger("gpuconv")

Arrays = dict[str, Any]  # Numba's device arrays (N, C, H, W) by the kind of argument they are


def unsupported(problem: Problem, facts: Facts) -> str | None:
    """Why no kernel here can take the problem."""
    if facts.image_place == "device" and simulated():
        return "the CUDA simulator computes host arrays only"
    return unsupported_by_kernels(problem, facts)


@contextmanager
def memory(image: DeviceView, stream: int | None) -> "Iterator[DeviceMemory]":
    """Work where an image is, on the stream of its library."""
    from gpuconv.backends.numba_sliced import DeviceMemory

    with numba_cuda().gpus[image.device]:
        yield DeviceMemory(image, stream or image.stream, _array, _copy)


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Launch the plan's kernel, on host arrays or on a device's stream."""
    if isinstance(operands.image, np.ndarray):
        _run_on_host_arrays(plan, operands, out)
    else:
        _run_on_device_arrays(plan, operands, out, stream)


def _run_on_host_arrays(plan: Plan, operands: Operands, out: np.ndarray) -> None:
    cuda, problem = numba_cuda(), plan.problem
    image = np.ascontiguousarray(operands.image).reshape(_four_axes(problem, problem.image_shape))
    result = cuda.device_array(_four_axes(problem, problem.out_shape), problem.out_dtype)
    arrays = {"image": cuda.to_device(image.view(_stored(image.dtype))), "out": result}
    _launch(plan.launches[0], arrays | _weights(plan, operands, 0), 0)
    out[...] = result.copy_to_host().reshape(out.shape)


def _run_on_device_arrays(plan: Plan, operands: Operands, out: DeviceView, stream: int | None) -> None:
    cuda, problem, image = numba_cuda(), plan.problem, operands.image
    handle = stream or image.stream or out.stream
    with cuda.gpus[image.device]:
        queue = cuda.external_stream(handle) if handle else 0
        weights = _weights(plan, operands, queue)
        in_place = not image.overlaps(out)
        target = out if in_place else _view_of(cuda.device_array(out.shape, out.dtype), out)
        for x, y in _images(problem, image, target):
            _launch(plan.launches[0], {"image": _array(x, handle), "out": _array(y, handle)} | weights, queue)
        if not in_place:
            for source, result in _images(problem, target, out):
                _copy(_array(source, handle), _array(result, handle), queue)


def _images(problem: Problem, image: DeviceView, out: DeviceView) -> Iterator[tuple[DeviceView, DeviceView]]:
    """Both as (N, C, H, W): once where their batch axes can be seen as one, else for each index of the outer ones."""
    axes = [axis for axis, count in enumerate(problem.batch) if count > 1]
    views = (image, out)
    merge = all(v.strides[a] == v.strides[b] * v.shape[b] for v in views for a, b in pairwise(axes))
    inner, outer = (axes, []) if merge else (axes[-1:], axes[:-1])
    for index in np.ndindex(*(problem.batch[axis] for axis in outer)):
        x, y = (_one_batch_axis(problem, view, inner, dict(zip(outer, index, strict=True))) for view in views)
        yield x, y


def _one_batch_axis(problem: Problem, view: DeviceView, inner: list[int], at: dict[int, int]) -> DeviceView:
    """The view with its `inner` batch axes as one axis, at an index of the others; rank 1 as images of one row."""
    first = len(problem.batch)
    shape = (math.prod(problem.batch[axis] for axis in inner), *view.shape[first:])
    strides = (view.strides[inner[-1]] if inner else 0, *view.strides[first:])
    pointer = view.pointer + sum(view.strides[axis] * position for axis, position in at.items())
    merged = replace(view, pointer=pointer, shape=shape, strides=strides)
    return merged if problem.rank == 2 else merged.insert_axis(2)


def _weights(plan: Plan, operands: Operands, queue: Any) -> Arrays:
    """Weights and bias on the device as the accumulator's dtype."""
    problem, dtype = plan.problem, plan.accumulator
    if any(argument.kind == "factors" for argument in plan.launches[0].arguments):
        return {"factors": _as_dtype(np.concatenate(operands.factors)[None, None, None], dtype, queue)}
    weights = _product(operands.factors, dtype) if operands.weights is None else operands.weights
    arrays = {"weights": _as_dtype(weights if problem.rank == 2 else insert_axis(weights, 2), dtype, queue)}
    if any(argument.kind == "bias" for argument in plan.launches[0].arguments):
        bias = operands.bias if problem.bias else np.zeros(problem.channels_out, dtype)
        arrays["bias"] = _as_dtype(insert_axis(insert_axis(insert_axis(bias, 0), 0), 0), dtype, queue)
    return arrays


def _product(factors: tuple[np.ndarray, ...], dtype: DType) -> np.ndarray:
    """The filter (1, 1, *filter) that factors state, computed as wide as the accumulator allows."""
    wide = np.dtype("float64") if dtype.kind == "f" else dtype
    product: np.ndarray = functools.reduce(np.multiply.outer, [factor.astype(wide) for factor in factors])
    return product[None, None]


def _as_dtype(view: View, dtype: DType, queue: Any) -> Any:
    """A device array with the values of a host array or a device view (cast on the device)."""
    cuda = numba_cuda()
    if isinstance(view, np.ndarray):
        with np.errstate(all="ignore"):
            return cuda.to_device(np.ascontiguousarray(view, dtype), stream=queue)
    result = cuda.device_array(view.shape, dtype)
    _copy(_array(view, None), result, queue)
    return result


def _copy(source: Any, target: Any, queue: Any, *, add: bool = False) -> None:
    launch = copy_launch(source.dtype, target.dtype, target.shape, add=add)
    _start(launch.specialization, launch.grid, launch.block, queue, (source, target))


def _launch(launch: LaunchPlan, arrays: Arrays, queue: Any) -> None:
    arguments = tuple(a.value if a.kind == "scalar" else arrays[a.kind] for a in launch.arguments)
    _start(launch.specialization, launch.grid, launch.block, queue, arguments)


def _start(specialization: Specialization, grid: Triple, block: Triple, queue: Any, arguments: tuple[Any, ...]) -> None:
    kernel = _kernel(specialization, capability())
    with warnings.catch_warnings():  # a small image is no reason to warn the caller
        warnings.filterwarnings("ignore", message="Grid size")
        configured = kernel[grid, block, queue]
    configured(*arguments)


@functools.cache
def _kernel(specialization: Specialization, _: tuple[int, int]) -> Any:
    """Compile a specialisation for the current device, once for each compute capability."""
    function, signature = _device_code(f"numba_{specialization.kernel}").define(specialization)
    start = time.perf_counter()
    kernel = numba_cuda().jit(signature)(function)
    logger.debug("compiled %s in %.2f s", specialization, time.perf_counter() - start)
    return kernel


def _device_code(name: str) -> ModuleType:
    """A module of gpuconv.kernels; run from a checkout that is not installed, of its folder kernels/."""
    try:
        return importlib.import_module(f"gpuconv.kernels.{name}")
    except ModuleNotFoundError as error:
        if error.name != "gpuconv.kernels":
            raise
    package = spec_from_file_location("gpuconv.kernels", f"{kernel_folder()}/__init__.py")
    assert package is not None
    sys.modules["gpuconv.kernels"] = module_from_spec(package)
    return importlib.import_module(f"gpuconv.kernels.{name}")


def _array(view: DeviceView, handle: int | None) -> Any:
    """Numba's array for a view, after waiting for its stream unless that is the one we work on."""
    return numba_cuda().as_cuda_array(replace(view, dtype=_stored(view.dtype)), sync=view.stream != handle)


def _view_of(array: Any, like: DeviceView) -> DeviceView:
    """A view of an array just made, C-contiguous."""
    return replace(like, pointer=array.device_ctypes_pointer.value, strides=array.strides, owner=array, stream=None)


def _stored(dtype: DType) -> DType:
    """The dtype as the kernels know it: booleans are bytes."""
    return np.dtype("uint8") if dtype.kind == "b" else dtype


def _four_axes(problem: Problem, shape: Ints) -> Ints:
    """A shape of the engine as (N, C, H, W)."""
    channels, *extent = shape[len(problem.batch) :]
    return (problem.images, channels, *(1,) * (2 - problem.rank), *extent)
