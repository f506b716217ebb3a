"""Arrays of JAX.

Without its option jax_enable_x64 JAX has no 64-bit dtypes: results of these become 32-bit ones, as everywhere in JAX,
but for integers that would not fit, which raise.
"""

import sys
from typing import Any

import numpy as np

from gpuconv.arrays import from_cuda, from_other
from gpuconv.arrays.adopted import Adopted, Places
from gpuconv.dtypes import is_bfloat16
from gpuconv.problem import DType, Ints


def see(name: str, x: Any) -> Adopted:
    """See an array with values, on one device."""
    jax = sys.modules["jax"]
    if isinstance(x, jax.core.Tracer):
        raise TypeError(
            f"{name} must have values (gpuconv computes outside of jax.jit, jax.grad and jax.vmap; jax.pure_callback "
            f"calls it from inside); got a traced array {x.aval.str_short()}"
        )
    if not isinstance(x, jax.Array):
        return from_other.see(name, x)
    if getattr(x.device, "platform", None) == "cpu":
        return Adopted(np.asarray(x), "jax", x)
    if hasattr(x.block_until_ready(), "__cuda_array_interface__"):  # which names no stream to wait for
        return Adopted(from_cuda.view_of(x, x.__dlpack_device__()[1]), "jax", x)
    raise TypeError(f"{name} must be on the CPU or one CUDA device; got {x.sharding}")


def empty(x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return an array of NumPy or CuPy, since JAX's cannot be written."""
    return from_other.empty(x, shape, dtype)


def deliver(x: Adopted, result: Adopted, places: Places | None) -> Any:
    """Return a JAX array that shares the result's memory where it can."""
    jax, dtype, values = sys.modules["jax"], result.view.dtype, result.plain
    if is_bfloat16(dtype):  # which DLPack knows and NumPy does not
        return jax.dlpack.from_dlpack(values.view("uint16")).view(jax.numpy.bfloat16)
    narrow = jax.dtypes.canonicalize_dtype(dtype)
    if narrow != dtype and dtype.kind in "iu":
        _check_fits(values, np.iinfo(narrow))
    return jax.dlpack.from_dlpack(values)


def _check_fits(values: Any, limits: np.iinfo) -> None:
    if values.size and not (limits.min <= values.min() and values.max() <= limits.max):
        raise OverflowError(
            f"a result must fit {limits.dtype} while jax_enable_x64 is off (JAX would wrap silently); "
            "switch it on, or pass floats"
        )
