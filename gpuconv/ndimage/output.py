"""The `output` argument of scipy.ndimage: a dtype, its name, or the array to write."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv.arrays import PLAIN, Adopted, adopt
from gpuconv.faces import as_boolean
from gpuconv.problem import DType


@dataclass(frozen=True)
class Target:
    """Where a result goes: a dtype, and the array if the caller has one."""

    dtype: DType
    array: Any = None

    @property
    def engine_dtype(self) -> DType:
        """What the engine computes for it; a boolean is a C unsigned char to SciPy."""
        return np.dtype("uint8") if self.dtype.kind == "b" else self.dtype.newbyteorder("=")

    @property
    def direct(self) -> bool:
        """Whether the engine can write it itself."""
        return self.engine_dtype == self.dtype


def find_target(output: Any, x: Adopted, complex_result: bool) -> Target:
    """What the `output` argument means for a result of x's shape."""
    array = None
    if type(output).__name__ == "dtype" and type(output).__module__ == "torch":
        output = np.dtype(str(output).removeprefix("torch."))
    if output is None:
        dtype = np.promote_types(x.view.dtype, "complex64") if complex_result else x.view.dtype
    elif isinstance(output, str):
        dtype = np.dtype(output)
        if not issubclass(dtype.type, np.number):
            raise RuntimeError(f"output must name a numeric dtype; got {output!r}")
    elif isinstance(output, type | np.dtype):
        dtype = np.dtype(output)
        if complex_result and dtype.kind != "c":
            warnings.warn("promoting specified output dtype to complex", stacklevel=5)
            dtype = np.promote_types(dtype, "complex64")
    else:
        dtype, array = _of_array(output, x)
    check_supported("output", dtype)
    if complex_result != (dtype.kind == "c"):
        raise RuntimeError(f"output must be complex where input or weights are, and only there; got dtype {dtype}")
    return Target(dtype, array)


def check_supported(name: str, dtype: DType) -> None:
    """Refuse the dtypes that SciPy refuses."""
    if dtype.kind not in "biufc" or dtype.itemsize not in {"f": (4, 8), "c": (8, 16)}.get(dtype.kind, (1, 2, 4, 8)):
        raise RuntimeError(f"{name} must be boolean, integer, float32/64 or complex64/128 (as in SciPy); got {dtype}")


def deliver(result: Any, target: Target) -> Any:
    """Convert what the engine could not, and write it where the caller wants it."""
    if target.dtype.kind == "b":
        result = as_boolean(result)
    elif isinstance(result, np.ndarray):
        result = result.astype(target.dtype, copy=False)
    return result if target.array is None else written(result, target.array)


def written(result: Any, array: Any) -> Any:
    """The array of the caller with the result in it."""
    adopted = adopt("output", array)
    (array if adopted.library in PLAIN else adopted.plain)[...] = result
    return array


def _of_array(output: Any, x: Adopted) -> tuple[DType, Any]:
    adopted = adopt("output", output)
    array = np.asarray(output) if adopted.library == "numpy" else output
    if tuple(adopted.view.shape) != tuple(x.view.shape):
        raise RuntimeError(f"output must have input's shape {tuple(x.view.shape)}; got {tuple(adopted.view.shape)}")
    return (array.dtype if adopted.library == "numpy" else adopted.view.dtype), array
