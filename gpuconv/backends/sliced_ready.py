"""Layers over volumes that are ready for calls that come again."""

from typing import Any

import numpy as np

from gpuconv.arrays import Operands, View
from gpuconv.backends.protocols import ReadyLayer
from gpuconv.backends.sliced import Work, buffers_of
from gpuconv.backends.sliced_memory import HostMemory, Idle, Memory
from gpuconv.planning.planner import Plan
from gpuconv.planning.sliced import Sliced


class ReadySliced:
    """A layer over volumes on the host with everything but its arrays."""

    def __init__(self, sliced: Sliced, steps: dict[int, Any]):
        self.sliced, self.steps = sliced, steps

    def run(self, image: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, out: np.ndarray) -> None:
        """Compute; `out` must not overlap the others."""
        memory = HostMemory(in_place=True)
        operands, buffers = Operands(image, weights, bias=bias), buffers_of(self.sliced, memory, image)
        Work(self.sliced, memory, self._layer, operands, out, buffers).run()

    def _layer(self, plan: Plan, operands: Operands, out: View) -> None:
        self.steps[id(plan)].run(operands.image, operands.weights, operands.bias, out)


def steps_of(plan: Plan, module: Any, memory: Memory, operands: Operands, out: View) -> dict[int, Any] | None:
    """Make the layers of all parts ready, by the identity of their plans; `memory` may do nothing."""
    assert plan.sliced is not None
    steps: dict[int, Any] = {}

    def layer(plan: Plan, operands: Operands, out: View) -> None:
        if id(plan) not in steps:
            steps[id(plan)] = module.prepare_layer(plan, operands, out)

    Work(plan.sliced, memory, layer, operands, out, buffers_of(plan.sliced, memory, operands.image)).run()
    return None if None in steps.values() else steps


def ready(plan: Plan, module: Any, operands: Operands, out: View) -> ReadyLayer | None:
    """Make a layer over volumes ready for arrays as strided as these; None where the backend cannot."""
    assert plan.sliced is not None
    if hasattr(module, "prepare_sliced"):
        found: ReadyLayer | None = module.prepare_sliced(plan, module, operands, out)
        return found
    if plan.backend != "cpu":
        return None
    steps = steps_of(plan, module, Idle(in_place=True), operands, out)
    return None if steps is None else ReadySliced(plan.sliced, steps)
