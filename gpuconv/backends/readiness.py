"""A plan computed by its backend: now, or made ready for calls that come again, where the backend can."""

from collections.abc import Callable
from typing import Any

from gpuconv.arrays import Operands, View
from gpuconv.backends.probing import load
from gpuconv.backends.protocols import Ready, ReadyLayer
from gpuconv.planning.planner import Plan


def run(plan: Plan, operands: Operands, out: View, stream: int | None = None) -> None:
    """Compute a plan into `out`, whatever overlaps it, by its backend."""
    module = load(plan.backend)
    if plan.sliced is None:
        module.run(plan, operands, out, stream)
    else:
        from gpuconv.backends import sliced

        sliced.run(plan, module, operands, out, stream)


def ready(plan: Plan, operands: Operands, out: View) -> Ready | None:
    """Make a plan ready for many images and outputs of the shapes and strides of these; None if its backend cannot."""
    prepare: Callable[[Plan, Operands, View], Ready | None] | None = getattr(load(plan.backend), "prepare", None)
    return prepare(plan, operands, out) if prepare else None


def ready_layer(plan: Plan, operands: Operands, out: View) -> ReadyLayer | None:
    """Make a layer ready for all images, weights and biases as strided as these; None if its backend cannot."""
    if plan.sliced is not None:
        from gpuconv.backends import sliced_ready

        return sliced_ready.ready(plan, load(plan.backend), operands, out)
    prepare: Callable[[Plan, Operands, View], ReadyLayer | None] | None
    prepare = getattr(load(plan.backend), "prepare_layer", None)
    return prepare(plan, operands, out) if prepare else None


def joined(name: str, steps: tuple[ReadyLayer, ...], split: Any, arrays: tuple[Any, ...]) -> ReadyLayer | None:
    """Make one layer of those that `split` gives parts of such host arrays; None if the backend cannot."""
    join: Callable[[tuple[ReadyLayer, ...], Any, tuple[Any, ...]], ReadyLayer | None] | None
    join = getattr(load(name), "join_layers", None)
    return join(steps, split, arrays) if join else None
