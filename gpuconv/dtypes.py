"""Which dtype computes and which comes out: the image decides, integers stay exact.

bfloat16 is a dtype of ml_dtypes, which is imported where one is met or named. NumPy calls its kind "V" and knows no
limits of it, so that kinds and limits are asked for here.
"""

from dataclasses import dataclass

import numpy as np

from gpuconv.planning.facts import Facts
from gpuconv.problem import DType, Problem

COMPUTE_DTYPES = ("int32", "int64", "uint64", "float32", "float64", "complex64", "complex128")


def check_dtype(name: str, dtype: DType) -> None:
    """Raise TypeError for dtypes that nothing here computes with."""
    if kind_of(dtype) not in "biufc" or dtype.itemsize > (16 if dtype.kind == "c" else 8):
        hint = "; longdouble is not supported, use float64" if dtype.kind in "fc" else ""
        raise TypeError(
            f"{name} must be boolean, integer, float16/32/64, bfloat16 or complex64/128; got dtype {dtype}{hint}"
        )


@dataclass(frozen=True)
class FloatLimits:
    """What `numpy.finfo` says of a real or complex dtype, bfloat16 included."""

    eps: float
    tiny: float
    max: float


def float_limits(dtype: DType) -> FloatLimits:
    """Limits of a real or complex dtype."""
    if not is_bfloat16(dtype):
        info = np.finfo(dtype)
        return FloatLimits(float(info.eps), float(info.tiny), float(info.max))
    return FloatLimits(2.0**-7, 2.0**-126, (2 - 2.0**-7) * 2.0**127)


def is_bfloat16(dtype: DType) -> bool:
    """Whether values are the upper halves of float32."""
    return dtype.name == "bfloat16"


def kind_of(dtype: DType) -> str:
    """NumPy's letter for the kind of number; "f" for bfloat16, too."""
    return "f" if is_bfloat16(dtype) else dtype.kind


def bfloat16() -> DType:
    """The dtype.

    Raises
    ------
    TypeError
        If ml_dtypes is not installed.
    """
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        raise TypeError("bfloat16 needs ml_dtypes; install it with: python -m pip install ml_dtypes") from None
    dtype: DType = np.dtype(ml_dtypes.bfloat16)
    return dtype


def is_integer(dtype: DType) -> bool:
    """Whether values are whole numbers; booleans count as uint8."""
    return dtype.kind in "biu"


def default_compute_dtype(image: DType, weights: DType) -> DType:
    """Dtype of the products and sums, unless the caller names one."""
    if is_integer(image) and is_integer(weights):
        return np.dtype("uint64" if image.kind in "bu" and weights.kind in "bu" else "int64")
    single = image in (np.float32, np.complex64) or image.itemsize <= 2
    if "c" in (image.kind, weights.kind):
        return np.dtype("complex64" if single else "complex128")
    return np.dtype("float32" if single else "float64")


def resolve_dtypes(image: DType, weights: DType, compute: object = None, out: object = None) -> tuple[DType, DType]:
    """Return (compute dtype, output dtype) of the core's rules, or raise TypeError."""
    check_dtype("x", image)
    check_dtype("weights", weights)
    chosen = default_compute_dtype(image, weights) if compute is None else _as_dtype("compute_dtype", compute)
    if chosen.name not in COMPUTE_DTYPES:
        raise TypeError(f"compute_dtype must be one of {', '.join(COMPUTE_DTYPES)}; got {chosen}")
    for name, dtype in (("x", image), ("weights", weights)):
        if _loses_kind(dtype, chosen):
            raise TypeError(f"compute_dtype must be able to hold {name}; got {chosen} for {name} of dtype {dtype}")
    result = _default_out_dtype(image, chosen) if out is None else _as_dtype("out_dtype", out)
    check_dtype("out", result)
    if result.kind == "b":
        raise TypeError("out_dtype must be integer, float or complex; got bool")
    if chosen.kind == "c" and result.kind != "c":
        raise TypeError(f"out_dtype must be complex when the result is; got {result} for a result of dtype {chosen}")
    return chosen, result


def accumulator(problem: Problem, facts: Facts) -> DType:
    """Dtype of the sum: int32 where no integer result can exceed it, else the compute dtype.

    Raises
    ------
    OverflowError
        If an integer sum could exceed the compute dtype.
    """
    compute = problem.compute_dtype
    if not is_integer(compute):
        return compute
    largest = max(largest_value(problem.image_dtype, facts.image_max), abs(int(problem.fill.real)))
    total = facts.weights_sum
    if total is None:
        total = problem.taps * largest_value(problem.weights_dtype, None)
    bound = largest * int(total) + (largest_value(problem.weights_dtype, facts.bias_max) if problem.bias else 0)
    if bound > np.iinfo(compute).max and not _wraps(problem):
        raise OverflowError(
            f"an integer result must fit {compute}; it may reach {largest} * {int(total)} (largest |x| times sum of "
            "|weights|): pass compute_dtype='float64' to compute in floating point"
        )
    return np.dtype("int32") if bound < 2**31 else compute


def _wraps(problem: Problem) -> bool:
    """Whether only the low bits of the sum are asked for: they are right even where it overflows."""
    out = problem.out_dtype
    return problem.overflow == "wrap" and is_integer(out) and out.itemsize <= problem.compute_dtype.itemsize


def _default_out_dtype(image: DType, compute: DType) -> DType:
    """Float images keep their dtype (or become as complex as the result); integers give the compute dtype."""
    return compute if is_integer(image) or (compute.kind == "c" and image.kind != "c") else image


def _loses_kind(dtype: DType, compute: DType) -> bool:
    narrower = {"c": "iuf", "f": "iu", "i": "u"}
    return compute.kind in narrower.get(kind_of(dtype), "")


def _as_dtype(name: str, value: object) -> DType:
    if isinstance(value, str) and value == "bfloat16":
        return bfloat16()
    try:
        dtype: DType = np.dtype(value)  # type: ignore[call-overload]
    except TypeError:
        raise TypeError(f"{name} must be a NumPy dtype; got {value!r}") from None
    return dtype.newbyteorder("=")


def largest_value(dtype: DType, measured: int | None) -> int:
    """Largest magnitude a value of an integer dtype can have."""
    if measured is not None:
        return measured
    if dtype.kind == "b":
        return 1
    info = np.iinfo(dtype)
    return max(int(info.max), -int(info.min))
