"""Tensors of torch, on the CPU and on CUDA devices."""

import sys
from dataclasses import replace
from typing import Any

from gpuconv.arrays import from_cuda, from_other
from gpuconv.arrays.adopted import Adopted, Places, adopt
from gpuconv.dtypes import bfloat16
from gpuconv.problem import DType, Ints


def see(name: str, x: Any) -> Adopted:
    """See a dense tensor without a gradient to follow."""
    torch = sys.modules["torch"]
    if not hasattr(x, "requires_grad"):
        return from_other.see(name, x)
    _check(name, x, torch)
    if x.is_conj() or x.is_neg():
        if name == "out":
            raise TypeError(
                "out must not be a lazily conjugated or negated tensor; pass out.resolve_conj().resolve_neg()"
            )
        return see(name, x.resolve_conj().resolve_neg())
    bits, stored = x.detach(), None
    if x.dtype == torch.bfloat16:  # which neither NumPy nor the CUDA array interface knows
        bits, stored = bits.view(torch.int16), bfloat16()
    if x.device.type == "cpu":
        return Adopted(bits.numpy().view(stored) if stored else bits.numpy(), "torch", x)
    view = from_cuda.view_of(bits, x.device.index)
    stream = torch.cuda.current_stream(x.device).cuda_stream
    return Adopted(replace(view, dtype=stored) if stored else view, "torch", x, stream)


def empty(x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return a tensor."""
    torch = sys.modules["torch"]
    return adopt("out", torch.empty(shape, dtype=getattr(torch, dtype.name), device=x.original.device))


def deliver(x: Adopted, result: Adopted, places: Places | None) -> Any:
    """Return the tensor."""
    return result.original


def _check(name: str, x: Any, torch: Any) -> None:
    """Refuse what would get lost or cannot be seen."""
    if x.requires_grad and torch.is_grad_enabled():
        raise TypeError(
            f"{name} must not require a gradient (gpuconv.torch has layers that learn); pass {name}.detach()"
        )
    if x.layout != torch.strided:
        raise TypeError(f"{name} must be a dense tensor; got layout {x.layout}")
    if x.device.type not in ("cpu", "cuda"):
        raise TypeError(f"{name} must be on the CPU or a CUDA device; got device {x.device}")
