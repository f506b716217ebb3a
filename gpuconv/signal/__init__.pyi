# Written by tests/stubs.py.
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, overload

from numpy import ndarray
from numpy.typing import ArrayLike, NDArray

from gpuconv.typing import AnyArray, ArrayT

_Extension: TypeAlias = Literal[
    "constant", "symmetric", "reflect", "edge", "wrap", "smooth", "antisymmetric", "antireflect", "line"
]
_PerAxis: TypeAlias = int | Sequence[int]
_Size: TypeAlias = Literal["full", "same", "valid"]
__all__ = [
    "choose_conv_method",
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "correlation_lags",
    "fftconvolve",
    "oaconvolve",
    "savgol_filter",
    "sepfir2d",
    "upfirdn",
]

@overload
def choose_conv_method(
    in1: AnyArray, in2: AnyArray, mode: _Size = "full", measure: Literal[False] = False
) -> Literal["direct", "fft"]: ...
@overload
def choose_conv_method(
    in1: AnyArray, in2: AnyArray, mode: _Size = "full", measure: Literal[True] = ...
) -> tuple[Literal["direct", "fft"], dict[str, float]]: ...
@overload
def convolve(
    in1: NDArray[Any], in2: AnyArray, mode: _Size = "full", method: Literal["auto", "direct", "fft"] = "auto"
) -> NDArray[Any]: ...
@overload
def convolve(
    in1: ArrayT, in2: AnyArray, mode: _Size = "full", method: Literal["auto", "direct", "fft"] = "auto"
) -> ArrayT: ...
@overload
def convolve(
    in1: ArrayLike, in2: AnyArray, mode: _Size = "full", method: Literal["auto", "direct", "fft"] = "auto"
) -> NDArray[Any]: ...
@overload
def convolve2d(
    in1: NDArray[Any],
    in2: AnyArray,
    mode: _Size = "full",
    boundary: Literal["fill", "wrap", "circular", "symm", "symmetric"] = "fill",
    fillvalue: complex = 0,
) -> NDArray[Any]: ...
@overload
def convolve2d(
    in1: ArrayT,
    in2: AnyArray,
    mode: _Size = "full",
    boundary: Literal["fill", "wrap", "circular", "symm", "symmetric"] = "fill",
    fillvalue: complex = 0,
) -> ArrayT: ...
@overload
def convolve2d(
    in1: ArrayLike,
    in2: AnyArray,
    mode: _Size = "full",
    boundary: Literal["fill", "wrap", "circular", "symm", "symmetric"] = "fill",
    fillvalue: complex = 0,
) -> NDArray[Any]: ...
@overload
def correlate(
    in1: NDArray[Any], in2: AnyArray, mode: _Size = "full", method: Literal["auto", "direct", "fft"] = "auto"
) -> NDArray[Any]: ...
@overload
def correlate(
    in1: ArrayT, in2: AnyArray, mode: _Size = "full", method: Literal["auto", "direct", "fft"] = "auto"
) -> ArrayT: ...
@overload
def correlate(
    in1: ArrayLike, in2: AnyArray, mode: _Size = "full", method: Literal["auto", "direct", "fft"] = "auto"
) -> NDArray[Any]: ...
@overload
def correlate2d(
    in1: NDArray[Any],
    in2: AnyArray,
    mode: _Size = "full",
    boundary: Literal["fill", "wrap", "circular", "symm", "symmetric"] = "fill",
    fillvalue: complex = 0,
) -> NDArray[Any]: ...
@overload
def correlate2d(
    in1: ArrayT,
    in2: AnyArray,
    mode: _Size = "full",
    boundary: Literal["fill", "wrap", "circular", "symm", "symmetric"] = "fill",
    fillvalue: complex = 0,
) -> ArrayT: ...
@overload
def correlate2d(
    in1: ArrayLike,
    in2: AnyArray,
    mode: _Size = "full",
    boundary: Literal["fill", "wrap", "circular", "symm", "symmetric"] = "fill",
    fillvalue: complex = 0,
) -> NDArray[Any]: ...
def correlation_lags(in1_len: int, in2_len: int, mode: _Size = "full") -> ndarray: ...
@overload
def fftconvolve(
    in1: NDArray[Any], in2: AnyArray, mode: _Size = "full", axes: _PerAxis | None = None
) -> NDArray[Any]: ...
@overload
def fftconvolve(in1: ArrayT, in2: AnyArray, mode: _Size = "full", axes: _PerAxis | None = None) -> ArrayT: ...
@overload
def fftconvolve(in1: ArrayLike, in2: AnyArray, mode: _Size = "full", axes: _PerAxis | None = None) -> NDArray[Any]: ...
@overload
def oaconvolve(
    in1: NDArray[Any], in2: AnyArray, mode: _Size = "full", axes: _PerAxis | None = None
) -> NDArray[Any]: ...
@overload
def oaconvolve(in1: ArrayT, in2: AnyArray, mode: _Size = "full", axes: _PerAxis | None = None) -> ArrayT: ...
@overload
def oaconvolve(in1: ArrayLike, in2: AnyArray, mode: _Size = "full", axes: _PerAxis | None = None) -> NDArray[Any]: ...
@overload
def savgol_filter(
    x: NDArray[Any],
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: Literal["mirror", "constant", "nearest", "interp", "wrap"] = "interp",
    cval: float = 0.0,
) -> NDArray[Any]: ...
@overload
def savgol_filter(
    x: ArrayT,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: Literal["mirror", "constant", "nearest", "interp", "wrap"] = "interp",
    cval: float = 0.0,
) -> ArrayT: ...
@overload
def savgol_filter(
    x: ArrayLike,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: Literal["mirror", "constant", "nearest", "interp", "wrap"] = "interp",
    cval: float = 0.0,
) -> NDArray[Any]: ...
@overload
def sepfir2d(input: NDArray[Any], hrow: ArrayLike, hcol: ArrayLike) -> NDArray[Any]: ...
@overload
def sepfir2d(input: ArrayT, hrow: ArrayLike, hcol: ArrayLike) -> ArrayT: ...
@overload
def sepfir2d(input: ArrayLike, hrow: ArrayLike, hcol: ArrayLike) -> NDArray[Any]: ...
@overload
def upfirdn(
    h: AnyArray,
    x: NDArray[Any],
    up: int = 1,
    down: int = 1,
    axis: int = -1,
    mode: _Extension = "constant",
    cval: complex = 0,
) -> NDArray[Any]: ...
@overload
def upfirdn(
    h: AnyArray, x: ArrayT, up: int = 1, down: int = 1, axis: int = -1, mode: _Extension = "constant", cval: complex = 0
) -> ArrayT: ...
@overload
def upfirdn(
    h: AnyArray,
    x: ArrayLike,
    up: int = 1,
    down: int = 1,
    axis: int = -1,
    mode: _Extension = "constant",
    cval: complex = 0,
) -> NDArray[Any]: ...
