"""What layers refuse, as torch refuses it; errors are raised here, once."""

from collections.abc import Sequence

import numpy as np

from gpuconv.arrays import Adopted
from gpuconv.dtypes import check_dtype
from gpuconv.errors import LayerError
from gpuconv.options import check_place, per_axis
from gpuconv.problem import Boundary, Ints

PerAxis = int | Sequence[int]
Sizes = tuple[int, ...] | list[int]
PADDING_MODES: dict[str, Boundary] = {
    "zeros": "constant",
    "reflect": "mirror",
    "replicate": "edge",
    "circular": "wrap",
    "symmetric": "symmetric",
}


def check_rank(function: str, rank: int, x: Adopted, w: Adopted) -> None:
    """Refuse arrays of other ranks, and empty ones, as torch does."""
    shape, weights = tuple(x.view.shape), tuple(w.view.shape)
    if len(shape) not in (rank + 1, rank + 2):
        axes = f"{rank + 1}D (unbatched) or {rank + 2}D (batched)"
        raise LayerError(f"input to {function} must be {axes}; got shape {shape}")
    if len(weights) != rank + 2 or 0 in weights[-rank:] or weights[0] == 0:
        raise LayerError(f"weight must have {rank + 2} axes, a first channel and a tap; got shape {weights}")
    if 0 in shape[-rank:]:
        raise LayerError(f"only batch and channels may be empty; got input of shape {shape}")


def check_shapes(rank: int, x: Adopted, w: Adopted, b: Adopted | None, groups: int) -> None:
    """Refuse what torch refuses, in its words where they say enough."""
    check_rank(f"conv{rank}d", rank, x, w)
    shape, weights = tuple(x.view.shape), tuple(w.view.shape)
    if groups < 1 or weights[0] % groups:
        raise LayerError(f"groups must be positive and divide the output channels ({weights[0]}); got {groups}")
    if shape[-rank - 1] != weights[1] * groups:
        raise LayerError(
            f"given groups={groups} and weight of shape {weights}, input must have {weights[1] * groups} channels; "
            f"got {shape[-rank - 1]} (shape {shape})"
        )
    if b is not None and tuple(b.view.shape) != weights[:1]:
        raise LayerError(f"bias must be 1D with {weights[0]} elements; got shape {tuple(b.view.shape)}")


def check_dtypes(x: Adopted, w: Adopted, b: Adopted | None) -> None:
    """Refuse mixed dtypes and places."""
    check_dtype("input", x.view.dtype)
    if x.view.dtype.kind == "b":
        raise TypeError("input must be a number type; got bool")
    for name, other in (("weight", w), ("bias", b)):
        if other is not None and other.view.dtype != x.view.dtype:
            raise LayerError(f"input and {name} must have the same dtype; got {x.view.dtype} and {other.view.dtype}")
        if other is not None:
            check_place(x, other, name)


def positive(name: str, value: PerAxis, rank: int) -> Ints:
    """One integer per axis, at least 1."""
    values = numbers(name, value, rank)
    if min(values) < 1:
        raise LayerError(f"{name} must be positive; got {value!r}")
    return values


def not_negative(name: str, value: PerAxis, rank: int) -> Ints:
    """One integer per axis, at least 0."""
    values = numbers(name, value, rank)
    if min(values) < 0:
        raise LayerError(f"{name} must not be negative; got {value!r}")
    return values


def numbers(name: str, value: PerAxis, rank: int) -> Ints:
    """One integer per axis; like torch, a sequence of one serves all axes."""
    if isinstance(value, Sequence) and len(value) == 1:
        value = value[0]
    try:
        return per_axis(name, value, rank)
    except ValueError as error:
        raise LayerError(str(error)) from None


def pads(padding: PerAxis | str, filter_: Ints, stride: Ints, dilation: Ints) -> tuple[Ints, Ints]:
    """Samples before and after the input, by axis."""
    reach = tuple(d * (k - 1) for d, k in zip(dilation, filter_, strict=True))
    if padding == "valid":
        padding = 0
    if padding == "same":
        if max(stride) > 1:
            raise LayerError(f"padding='same' needs stride 1; got stride={stride}")
        return tuple(r // 2 for r in reach), tuple(r - r // 2 for r in reach)
    if isinstance(padding, str):
        raise LayerError(f"padding must be an integer, one per spatial axis, 'same' or 'valid'; got {padding!r}")
    values = not_negative("padding", padding, len(filter_))
    return values, values


def check_extent(extent: Ints, filter_: Ints, before: Ints, after: Ints, dilation: Ints) -> None:
    """Refuse a filter that does not fit once."""
    padded = tuple(n + b + a for n, b, a in zip(extent, before, after, strict=True))
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, filter_, strict=True))
    if any(np.greater(spans, padded)):
        raise LayerError(
            f"weight must not be larger than the padded input {padded}; got {spans} with dilation {dilation}"
        )


def gradient_geometry(
    rank: int,
    size: Ints,
    filters: Ints,
    grad: Adopted,
    stride: PerAxis,
    padding: PerAxis | str,
    dilation: PerAxis,
    groups: int,
) -> tuple[Ints, tuple[Ints, Ints], Ints]:
    """Stride, pads and dilation of a layer, if its shapes fit together."""
    strides, dilations = positive("stride", stride, rank), positive("dilation", dilation, rank)
    if len(size) not in (rank + 1, rank + 2) or len(filters) != rank + 2:
        raise LayerError(
            f"input and weight must have {rank + 2} axes (input {rank + 1} unbatched); got {size}, {filters}"
        )
    if groups < 1 or filters[0] % groups or size[-rank - 1] != filters[1] * groups:
        raise LayerError(f"given groups={groups}, channels of input {size} and weight {filters} do not fit together")
    before, after = pads(padding, filters[-rank:], strides, dilations)
    axes = zip(size[-rank:], before, after, dilations, filters[-rank:], strides, strict=True)
    extent = tuple((n + b + a - d * (k - 1) - 1) // s + 1 for n, b, a, d, k, s in axes)
    expected = (*size[: -rank - 1], filters[0], *extent)
    if tuple(grad.view.shape) != expected:
        raise LayerError(f"grad_output must have the shape of the layer's output, {expected}; got {grad.view.shape}")
    return strides, (before, after), dilations
