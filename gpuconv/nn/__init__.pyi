# Written by tests/stubs.py.
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, overload

from numpy.typing import ArrayLike, NDArray

from gpuconv.engine import Call
from gpuconv.nn.planned import PlannedLayer as PlannedLayer
from gpuconv.nn.plans import plan as plan
from gpuconv.typing import AnyArray, ArrayT

_PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular", "symmetric"]
_PerAxis: TypeAlias = int | Sequence[int]
__all__ = [
    "PlannedLayer",
    "conv1d",
    "conv1d_input",
    "conv1d_weight",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "conv3d",
    "conv3d_input",
    "conv3d_weight",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "layer_call",
    "plan",
    "vjp",
]

@overload
def conv1d(
    input: NDArray[Any],
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv1d(
    input: ArrayT,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv1d(
    input: ArrayLike,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv1d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: NDArray[Any],
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv1d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: ArrayT,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv1d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: ArrayLike,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv1d_weight(
    input: NDArray[Any],
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv1d_weight(
    input: ArrayT,
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv1d_weight(
    input: ArrayLike,
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv2d(
    input: NDArray[Any],
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv2d(
    input: ArrayT,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv2d(
    input: ArrayLike,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv2d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: NDArray[Any],
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv2d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: ArrayT,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv2d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: ArrayLike,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv2d_weight(
    input: NDArray[Any],
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv2d_weight(
    input: ArrayT,
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv2d_weight(
    input: ArrayLike,
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv3d(
    input: NDArray[Any],
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv3d(
    input: ArrayT,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv3d(
    input: ArrayLike,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv3d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: NDArray[Any],
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv3d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: ArrayT,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv3d_input(
    input_size: tuple[int, ...] | list[int],
    weight: AnyArray,
    grad_output: ArrayLike,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv3d_weight(
    input: NDArray[Any],
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv3d_weight(
    input: ArrayT,
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv3d_weight(
    input: ArrayLike,
    weight_size: tuple[int, ...] | list[int],
    grad_output: Any,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv_transpose1d(
    input: NDArray[Any],
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv_transpose1d(
    input: ArrayT,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv_transpose1d(
    input: ArrayLike,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv_transpose2d(
    input: NDArray[Any],
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv_transpose2d(
    input: ArrayT,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv_transpose2d(
    input: ArrayLike,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv_transpose3d(
    input: NDArray[Any],
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
@overload
def conv_transpose3d(
    input: ArrayT,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> ArrayT: ...
@overload
def conv_transpose3d(
    input: ArrayLike,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis = 0,
    output_padding: _PerAxis = 0,
    groups: int = 1,
    dilation: _PerAxis = 1,
    *,
    precision: str = "standard",
) -> NDArray[Any]: ...
def layer_call(
    rank: int,
    input_: Any,
    weight: AnyArray,
    bias: AnyArray | None = None,
    stride: _PerAxis = 1,
    padding: _PerAxis | Literal["same", "valid"] = 0,
    dilation: _PerAxis = 1,
    groups: int = 1,
    padding_mode: _PaddingMode = "zeros",
) -> Call: ...
@overload
def vjp(
    function: Callable[..., Any], input_: NDArray[Any], weight: AnyArray, bias: AnyArray | None = None, **options: Any
) -> tuple[NDArray[Any], Callable[[AnyArray], tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]]]: ...
@overload
def vjp(
    function: Callable[..., Any], input_: ArrayT, weight: AnyArray, bias: AnyArray | None = None, **options: Any
) -> tuple[ArrayT, Callable[[AnyArray], tuple[ArrayT, ArrayT, ArrayT | None]]]: ...
@overload
def vjp(
    function: Callable[..., Any], input_: ArrayLike, weight: AnyArray, bias: AnyArray | None = None, **options: Any
) -> tuple[NDArray[Any], Callable[[AnyArray], tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]]]: ...
