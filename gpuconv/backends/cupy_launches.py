"""Kernels as CuPy launches them: compiled once, with arguments as CuPy takes them."""

import functools
import logging
import time
from typing import Any

import numpy as np

from gpuconv.arrays import Operands
from gpuconv.backends.cupy_arrays import contiguous
from gpuconv.backends.cupy_probe import OPTIONS, limits
from gpuconv.launches import Argument, LaunchPlan, Specialization
from gpuconv.launches.cuda_bytes import words_of
from gpuconv.problem import DType
from gpuconv.sources import source

NUMPY_TYPES = {
    "int": "int32",
    "unsigned int": "uint32",
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


def value_of(argument: Argument, launch: LaunchPlan, operands: Operands) -> Any:
    """What CuPy is given for an argument that is the same at every launch: a scalar, weights, bias."""
    dtype = dtype_of(argument)
    if argument.kind == "scalar":
        return dtype.type(argument.value)
    if argument.kind == "factors":
        factors = np.concatenate([operands.factors[axis] for axis in argument.order] or operands.factors)
        if not argument.by_value:
            return contiguous(factors, dtype)
        return _struct(factors, dtype, launch.specialization.constant("TAPS"))
    if argument.kind == "terms":
        columns, rows = operands.terms
        first, taps = (launch.specialization.constant(name) for name in ("FIRST", "FILTER_H"))
        values = np.concatenate([columns[:, first : first + taps].ravel(), rows.ravel()])
        return _struct(values, dtype, values.size)
    if argument.kind == "bias":
        return NULL if operands.bias is None else contiguous(operands.bias, dtype)
    weights = operands.full_weights()
    if argument.kind == "words":
        words = words_of(weights[0, 0], launch.specialization.constant("PIXEL"))
        return _struct(words.ravel(), dtype, words.size)
    if argument.order:
        ordered = contiguous(weights.transpose(argument.order), dtype)
        return ordered.copy() if ordered.data.ptr % 16 else ordered
    if not argument.by_value:
        return contiguous(weights, dtype)
    return _struct(weights.ravel(), dtype, dict(launch.specialization.constants).get("CAPACITY", weights.size))


def dtype_of(argument: Argument) -> DType:
    """NumPy's name of an argument's type."""
    return np.dtype(NUMPY_TYPES[argument.type])


def _struct(values: np.ndarray, dtype: DType, capacity: int) -> np.ndarray:
    """A C struct with one array, zeros behind the values; CuPy passes it by value."""
    struct = np.zeros(1, [("at", dtype, (capacity,))])
    struct["at"][0, : len(values)] = values
    return struct


def loaded(launch: LaunchPlan) -> Any:
    """The kernel of a launch, with leave to take more shared memory than is usual where it needs that."""
    kernel = compiled(launch.specialization, limits().compute_capability)
    if launch.shared_bytes > kernel.max_dynamic_shared_size_bytes:  # another launch of it may need what it has
        kernel.max_dynamic_shared_size_bytes = launch.shared_bytes
    return kernel


def packed(value: Any) -> Any:
    """A constant argument as CuPy hands it to CUDA; of a scalar it would make this anew at every launch."""
    from cupy.cuda.function import CNumpyArray

    return CNumpyArray(np.asarray(value)) if isinstance(value, np.generic | np.ndarray) else value


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
