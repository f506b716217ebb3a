"""Calls of layers and their gradients, drawn from all the arguments that torch has."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from face_calls import Draw, one_of, some
from scipy_agreement import outcome_and_warnings

import gpuconv.nn
from gpuconv.errors import UnsupportedProblemError

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64)
INTEGERS = (torch.int32, torch.uint8)
Drawn = tuple[list[Any], dict[str, Any]]


def values(draw: Draw, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(draw.standard_normal(shape) * (10 if dtype in INTEGERS else 1)).to(dtype)


def sizes(draw: Draw, rank: int, *choices: int) -> Any:
    """One number for all axes, or one for each."""
    return one_of(draw, choices) if draw.random() < 0.5 else tuple(one_of(draw, choices) for _ in range(rank))


def geometry(draw: Draw, rank: int, dtype: torch.dtype) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """Shapes of the input and the weight, and the options of a layer; now and then they do not fit."""
    groups, per_group = one_of(draw, (1, 1, 1, 2, 3)), int(draw.integers(1, 4))
    taps = tuple(int(n) for n in draw.integers(1, 4, rank))
    extent = tuple(int(n) for n in draw.integers(3, (0, 40, 14, 7)[rank], rank))
    channels = groups * per_group + (draw.random() < 0.05)
    batch = (int(draw.integers(1, 3)),) if draw.random() < 0.8 else ()
    options = some(draw, stride=[sizes(draw, rank, 1, 2, 3)], padding=[sizes(draw, rank, 0, 1, 2)])
    if dtype not in INTEGERS:  # torch has no dilated layers of integers
        options |= some(draw, dilation=[sizes(draw, rank, 1, 2)])
    shape = (groups * int(draw.integers(1, 4)), per_group, *taps)
    return (*batch, channels, *extent), shape, options | {"groups": groups}


def layer(rank: int) -> Callable[[Draw], Drawn]:
    def drawn(draw: Draw) -> Drawn:
        dtype = one_of(draw, (*FLOATS, *INTEGERS))
        shape, filters, options = geometry(draw, rank, dtype)
        if options.get("stride", 1) == 1 and draw.random() < 0.3:
            options["padding"] = one_of(draw, ("same", "valid"))
        tensors = [values(draw, s, dtype) for s in (shape, filters, filters[:1])]
        return tensors[: one_of(draw, (2, 3, 3))], options

    return drawn


def transposed(rank: int) -> Callable[[Draw], Drawn]:
    def drawn(draw: Draw) -> Drawn:
        dtype = one_of(draw, FLOATS[:3])
        shape, filters, options = geometry(draw, rank, dtype)
        shape = (*shape[: -rank - 1], filters[0], *shape[-rank:])
        options |= some(draw, output_padding=(0, 1), padding=(0, 1))  # torch may return nothing where we refuse
        tensors = [values(draw, s, dtype) for s in (shape, filters, (filters[1] * options["groups"],))]
        return tensors[: one_of(draw, (2, 3))], options

    return drawn


def gradient(rank: int, of: str) -> Callable[[Draw], Drawn]:
    """Of a layer with respect to its input or its weight, both with a batch axis."""

    def drawn(draw: Draw) -> Drawn:
        dtype = one_of(draw, FLOATS[:3])
        shape, filters, options = geometry(draw, rank, dtype)
        shape = (2, filters[1] * options["groups"], *shape[-rank:])
        x, w = values(draw, shape, dtype), values(draw, filters, dtype)
        try:
            output = getattr(torch.nn.functional, f"conv{rank}d")(x, w, **options)
        except RuntimeError:
            output = x
        grad = values(draw, tuple(output.shape), dtype)
        return [shape, w, grad] if of == "input" else [x, filters, grad], options

    return drawn


LAYERS: dict[str, Callable[[Draw], Drawn]] = {
    **{f"conv{rank}d": layer(rank) for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": transposed(rank) for rank in (1, 2, 3)},
    **{f"conv{rank}d_{of}": gradient(rank, of) for rank in (1, 2, 3) for of in ("input", "weight")},
}


def original(name: str) -> Callable[..., torch.Tensor]:
    """Torch's function of that name."""
    found: Callable[..., torch.Tensor] = getattr(
        torch.nn.grad if "_input" in name or "_weight" in name else torch.nn.functional, name
    )
    return found


def agrees(name: str, drawn: Drawn, backend: str) -> bool:
    """Compare type, dtype, shape and values, and that both refuse what one does; False: not for this backend."""
    args, options = drawn
    case = f"{name}{[(a.dtype, a.shape) if isinstance(a, torch.Tensor) else a for a in args]}{options}"
    expected = outcome_and_warnings(original(name), *args, **options)[0]
    with gpuconv.backend(backend):
        got = outcome_and_warnings(getattr(gpuconv.nn, name), *args, **options)[0]
    if isinstance(got, UnsupportedProblemError) and backend != "numpy":
        return False
    if isinstance(expected, Exception) or isinstance(got, Exception):
        assert isinstance(expected, Exception) == isinstance(got, Exception), f"{case}: {expected!r}, {got!r}"
        return False
    assert (type(got), got.dtype, got.shape) == (torch.Tensor, expected.dtype, expected.shape), case
    if expected.dtype in INTEGERS:
        assert torch.equal(got, expected), case
        return True
    in_double = [a.abs().double() if isinstance(a, torch.Tensor) else a for a in args]
    magnitude = original(name)(*in_double, **options).abs()
    terms = max(int(np.prod(tuple(a.shape) if isinstance(a, torch.Tensor) else a)) for a in args) + 8
    units = 4 * terms * torch.finfo(torch.promote_types(got.dtype, torch.float32)).eps + 2 * torch.finfo(got.dtype).eps
    error = (got.to(torch.complex128) - expected.to(torch.complex128)).abs()
    assert (error <= units * magnitude).all(), case
    return True
