# Written by tests/stubs.py.
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, overload

from numpy.typing import ArrayLike, NDArray

from gpuconv.typing import AnyArray, ArrayT

_Mode: TypeAlias = Literal[
    "reflect", "grid-mirror", "constant", "grid-constant", "nearest", "mirror", "wrap", "grid-wrap"
]
_PerAxis: TypeAlias = int | Sequence[int]
__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "generic_gradient_magnitude",
    "generic_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]

@overload
def convolve(
    input: NDArray[Any],
    weights: AnyArray,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def convolve(
    input: ArrayT,
    weights: AnyArray,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> ArrayT: ...
@overload
def convolve(
    input: ArrayLike,
    weights: AnyArray,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def convolve1d(
    input: NDArray[Any],
    weights: AnyArray,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> NDArray[Any]: ...
@overload
def convolve1d(
    input: ArrayT,
    weights: AnyArray,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> ArrayT: ...
@overload
def convolve1d(
    input: ArrayLike,
    weights: AnyArray,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> NDArray[Any]: ...
@overload
def correlate(
    input: NDArray[Any],
    weights: AnyArray,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def correlate(
    input: ArrayT,
    weights: AnyArray,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> ArrayT: ...
@overload
def correlate(
    input: ArrayLike,
    weights: AnyArray,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def correlate1d(
    input: NDArray[Any],
    weights: AnyArray,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> NDArray[Any]: ...
@overload
def correlate1d(
    input: ArrayT,
    weights: AnyArray,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> ArrayT: ...
@overload
def correlate1d(
    input: ArrayLike,
    weights: AnyArray,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> NDArray[Any]: ...
@overload
def gaussian_filter(
    input: NDArray[Any],
    sigma: float | Sequence[float],
    order: _PerAxis = 0,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: _PerAxis | None = None,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def gaussian_filter(
    input: ArrayT,
    sigma: float | Sequence[float],
    order: _PerAxis = 0,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: _PerAxis | None = None,
    axes: _PerAxis | None = None,
) -> ArrayT: ...
@overload
def gaussian_filter(
    input: ArrayLike,
    sigma: float | Sequence[float],
    order: _PerAxis = 0,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: _PerAxis | None = None,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def gaussian_filter1d(
    input: NDArray[Any],
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> NDArray[Any]: ...
@overload
def gaussian_filter1d(
    input: ArrayT,
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> ArrayT: ...
@overload
def gaussian_filter1d(
    input: ArrayLike,
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> NDArray[Any]: ...
@overload
def gaussian_gradient_magnitude(
    input: NDArray[Any],
    sigma: float | Sequence[float],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
    **kwargs: Any,
) -> NDArray[Any]: ...
@overload
def gaussian_gradient_magnitude(
    input: ArrayT,
    sigma: float | Sequence[float],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
    **kwargs: Any,
) -> ArrayT: ...
@overload
def gaussian_gradient_magnitude(
    input: ArrayLike,
    sigma: float | Sequence[float],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
    **kwargs: Any,
) -> NDArray[Any]: ...
@overload
def gaussian_laplace(
    input: NDArray[Any],
    sigma: float | Sequence[float],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
    **kwargs: Any,
) -> NDArray[Any]: ...
@overload
def gaussian_laplace(
    input: ArrayT,
    sigma: float | Sequence[float],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
    **kwargs: Any,
) -> ArrayT: ...
@overload
def gaussian_laplace(
    input: ArrayLike,
    sigma: float | Sequence[float],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
    **kwargs: Any,
) -> NDArray[Any]: ...
@overload
def generic_gradient_magnitude(
    input: NDArray[Any],
    derivative: Callable[..., Any],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def generic_gradient_magnitude(
    input: ArrayT,
    derivative: Callable[..., Any],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: _PerAxis | None = None,
) -> ArrayT: ...
@overload
def generic_gradient_magnitude(
    input: ArrayLike,
    derivative: Callable[..., Any],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def generic_laplace(
    input: NDArray[Any],
    derivative2: Callable[..., Any],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def generic_laplace(
    input: ArrayT,
    derivative2: Callable[..., Any],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: _PerAxis | None = None,
) -> ArrayT: ...
@overload
def generic_laplace(
    input: ArrayLike,
    derivative2: Callable[..., Any],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def laplace(
    input: NDArray[Any],
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def laplace(
    input: ArrayT,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
) -> ArrayT: ...
@overload
def laplace(
    input: ArrayLike,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def prewitt(
    input: NDArray[Any],
    axis: int = -1,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
) -> NDArray[Any]: ...
@overload
def prewitt(
    input: ArrayT, axis: int = -1, output: Any = None, mode: _Mode | Sequence[_Mode] = "reflect", cval: complex = 0.0
) -> ArrayT: ...
@overload
def prewitt(
    input: ArrayLike, axis: int = -1, output: Any = None, mode: _Mode | Sequence[_Mode] = "reflect", cval: complex = 0.0
) -> NDArray[Any]: ...
@overload
def sobel(
    input: NDArray[Any],
    axis: int = -1,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
) -> NDArray[Any]: ...
@overload
def sobel(
    input: ArrayT, axis: int = -1, output: Any = None, mode: _Mode | Sequence[_Mode] = "reflect", cval: complex = 0.0
) -> ArrayT: ...
@overload
def sobel(
    input: ArrayLike, axis: int = -1, output: Any = None, mode: _Mode | Sequence[_Mode] = "reflect", cval: complex = 0.0
) -> NDArray[Any]: ...
@overload
def uniform_filter(
    input: NDArray[Any],
    size: _PerAxis = 3,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def uniform_filter(
    input: ArrayT,
    size: _PerAxis = 3,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> ArrayT: ...
@overload
def uniform_filter(
    input: ArrayLike,
    size: _PerAxis = 3,
    output: Any = None,
    mode: _Mode | Sequence[_Mode] = "reflect",
    cval: complex = 0.0,
    origin: _PerAxis = 0,
    *,
    axes: _PerAxis | None = None,
) -> NDArray[Any]: ...
@overload
def uniform_filter1d(
    input: NDArray[Any],
    size: int,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> NDArray[Any]: ...
@overload
def uniform_filter1d(
    input: ArrayT,
    size: int,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> ArrayT: ...
@overload
def uniform_filter1d(
    input: ArrayLike,
    size: int,
    axis: int = -1,
    output: Any = None,
    mode: _Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> NDArray[Any]: ...
