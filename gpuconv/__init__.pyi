# Written by tests/stubs.py.
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, overload

from numpy.typing import ArrayLike, DTypeLike, NDArray

from gpuconv import filters as filters
from gpuconv import ndimage as ndimage
from gpuconv import nn as nn
from gpuconv import numpy as numpy
from gpuconv import opencv as opencv
from gpuconv import signal as signal
from gpuconv.backends import backend as backend
from gpuconv.backends import set_backend as set_backend
from gpuconv.caches import Cache as Cache
from gpuconv.caches import cache_info as cache_info
from gpuconv.caches import clear_cache as clear_cache
from gpuconv.errors import BackendUnavailableError as BackendUnavailableError
from gpuconv.errors import UnsupportedProblemError as UnsupportedProblemError
from gpuconv.explanation import Explanation as Explanation
from gpuconv.planned import Planned as Planned
from gpuconv.scipy_patching import scipy_patch as scipy_patch
from gpuconv.threads import get_num_threads as get_num_threads
from gpuconv.threads import set_num_threads as set_num_threads
from gpuconv.tracing import Step as Step
from gpuconv.tracing import Trace as Trace
from gpuconv.typing import AnyArray, ArrayT
from gpuconv.warming import warmup as warmup

_Boundary: TypeAlias = Literal["zero", "constant", "edge", "symmetric", "mirror", "wrap"]
_Method: TypeAlias = Literal["auto", "direct", "separable", "low_rank", "fft"]
_Nan: TypeAlias = Literal["propagate", "omit", "raise"]
_Overflow: TypeAlias = Literal["saturate", "wrap", "raise"]
_PerAxis: TypeAlias = int | Sequence[int]
_Precision: TypeAlias = Literal["strict", "standard", "fast"]
_Rounding: TypeAlias = Literal["half_even", "trunc", "floor", "half_up"]
_Size: TypeAlias = Literal["full", "same", "valid"]
__version__: str
__all__ = [
    "BackendUnavailableError",
    "Cache",
    "Explanation",
    "Planned",
    "Step",
    "Trace",
    "UnsupportedProblemError",
    "backend",
    "cache_info",
    "clear_cache",
    "convolve",
    "correlate",
    "explain",
    "filters",
    "get_num_threads",
    "ndimage",
    "nn",
    "numpy",
    "opencv",
    "output_size",
    "plan",
    "scipy_patch",
    "sepconvolve",
    "set_backend",
    "set_num_threads",
    "signal",
    "trace",
    "warmup",
]

@overload
def convolve(
    x: NDArray[Any],
    weights: AnyArray,
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: NDArray[Any] | None = None,
    backend: str | None = None,
) -> NDArray[Any]: ...
@overload
def convolve(
    x: ArrayT,
    weights: AnyArray,
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: ArrayT | None = None,
    backend: str | None = None,
) -> ArrayT: ...
@overload
def convolve(
    x: ArrayLike,
    weights: AnyArray,
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: NDArray[Any] | None = None,
    backend: str | None = None,
) -> NDArray[Any]: ...
@overload
def correlate(
    x: NDArray[Any],
    weights: AnyArray,
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: NDArray[Any] | None = None,
    backend: str | None = None,
) -> NDArray[Any]: ...
@overload
def correlate(
    x: ArrayT,
    weights: AnyArray,
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: ArrayT | None = None,
    backend: str | None = None,
) -> ArrayT: ...
@overload
def correlate(
    x: ArrayLike,
    weights: AnyArray,
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: NDArray[Any] | None = None,
    backend: str | None = None,
) -> NDArray[Any]: ...
def explain(
    x: AnyArray | tuple[int, ...],
    weights: AnyArray | Sequence[AnyArray],
    *,
    kind: Literal["convolve", "correlate", "sepconvolve"] = "convolve",
    dtype: DTypeLike = "float32",
    **options: Any,
) -> Explanation: ...
@overload
def output_size(
    extent: int, weights: int, *, size: _Size = "same", stride: _PerAxis = 1, dilation: _PerAxis = 1
) -> int: ...
@overload
def output_size(
    extent: Sequence[int], weights: _PerAxis, *, size: _Size = "same", stride: _PerAxis = 1, dilation: _PerAxis = 1
) -> tuple[int, ...]: ...
@overload
def output_size(
    extent: _PerAxis, weights: Sequence[int], *, size: _Size = "same", stride: _PerAxis = 1, dilation: _PerAxis = 1
) -> tuple[int, ...]: ...
def plan(
    shape: _PerAxis,
    weights: AnyArray | Sequence[AnyArray],
    dtype: DTypeLike = "float32",
    *,
    kind: Literal["convolve", "correlate", "sepconvolve"] = "convolve",
    **options: Any,
) -> Planned: ...
@overload
def sepconvolve(
    x: NDArray[Any],
    weights: Sequence[AnyArray],
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: NDArray[Any] | None = None,
    backend: str | None = None,
) -> NDArray[Any]: ...
@overload
def sepconvolve(
    x: ArrayT,
    weights: Sequence[AnyArray],
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: ArrayT | None = None,
    backend: str | None = None,
) -> ArrayT: ...
@overload
def sepconvolve(
    x: ArrayLike,
    weights: Sequence[AnyArray],
    *,
    size: _Size = "same",
    boundary: _Boundary = "zero",
    fill: complex = 0,
    axes: _PerAxis | None = None,
    channel_axis: int | None = None,
    origin: _PerAxis = 0,
    stride: _PerAxis = 1,
    dilation: _PerAxis = 1,
    precision: _Precision = "standard",
    method: _Method = "auto",
    compute_dtype: DTypeLike | None = None,
    out_dtype: DTypeLike | None = None,
    overflow: _Overflow = "saturate",
    rounding: _Rounding = "half_even",
    nan: _Nan = "propagate",
    mask: AnyArray | None = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: NDArray[Any] | None = None,
    backend: str | None = None,
) -> NDArray[Any]: ...
def trace(
    x: AnyArray,
    weights: AnyArray,
    *,
    size: _Size = "same",
    stride: _PerAxis = 1,
    boundary: _Boundary = "zero",
    fill: complex = 0,
    dilation: _PerAxis = 1,
    origin: _PerAxis = 0,
    backend: str | None = None,
) -> Trace: ...
