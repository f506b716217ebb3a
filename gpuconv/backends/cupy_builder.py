"""Collects steps: where arrays can be taken as they lie, where they have to be copied, and launches."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpuconv.arrays import DeviceView, Operands, View
from gpuconv.backends.cupy_launches import NULL, dtype_of, loaded, packed, value_of
from gpuconv.backends.cupy_pitch import as_it_lies
from gpuconv.backends.cupy_steps import BIAS, GIVEN, IMAGE, OUT, WEIGHTS, Copy, Kernel, Slot, Step, Steps
from gpuconv.launches import Argument, LaunchPlan
from gpuconv.layouts import axes_in, in_layout, is_dense
from gpuconv.planning.facts import Layout
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Ints

Launches = tuple[LaunchPlan, ...]


class Builder:
    """Collects the steps of a plan on the current device, for arrays as strided as the operands and `out`.

    With `fixed` weights and bias do not change from run to run. With `own` nothing is shared with other steps: they may
    be captured, and run beside others.
    """

    def __init__(self, plan: Plan, operands: Operands, out: View, *, fixed: bool, own: bool):
        self.plan, self.operands, self.out, self.fixed, self.own = plan, operands, out, fixed, own
        self.steps: list[Step] = []
        self.after: list[Step] = []
        self.buffers: list[tuple[Ints, DType]] = []
        self.held_bytes = 0
        self._kept: dict[Any, Any] = {}  # copies of weights, and constants
        self._slots = {"image": IMAGE, "out": OUT}

    def placed(self) -> Launches:
        """The launches for image and result as they lie."""
        launches = self._placed("image", self.operands.image, self.plan.problem.image_dtype, self.plan.launches)
        return self._placed("out", self.out, self.plan.problem.out_dtype, launches)

    def made(self) -> Steps:
        """All steps that were added."""
        return Steps((*self.steps, *self.after), tuple(self.buffers), self.held_bytes)

    def buffer(self, shape: Ints, dtype: Any) -> Slot:
        """Device memory that a run needs."""
        self.buffers.append((shape, np.dtype(dtype)))
        return Slot(GIVEN + len(self.buffers) - 1)

    def kernel(self, launch: LaunchPlan, places: dict[str, Any] | None = None, **changed: int) -> None:
        """Add a launch; `places` has slots or arrays by the names of arguments, `changed` other scalars."""
        arguments: list[Any] = []
        slots = []
        for argument in launch.arguments:
            if argument.name in changed:
                value = dtype_of(argument).type(changed[argument.name])
            else:
                value = (places or {}).get(argument.name)
                value = self._value(argument, launch) if value is None else value
            if isinstance(value, Slot):
                slots.append((len(arguments), value))
            arguments.append(packed(value))
        made = Kernel(loaded(launch), launch.grid, launch.block, launch.shared_bytes, tuple(arguments), tuple(slots))
        self.steps.append(made)

    def _placed(self, kind: str, view: DeviceView, dtype: DType, launches: Launches) -> Launches:
        """The launches for an array as it lies, or for a buffer where no kernel takes it so."""
        rank, layout = self.plan.problem.rank, layout_in(launches, kind)
        lying = in_layout(view, rank, layout)
        pitched, taken = as_it_lies(launches, kind, lying, rank)
        if taken or (is_dense(lying) and view.dtype == dtype):
            return pitched
        given, order = self._slots[kind], axes_in(view.ndim, rank, layout)
        self._slots[kind] = slot = self.buffer(lying.shape, dtype)
        if kind == "image":
            self.steps.append(Copy(given, slot, order))
        else:
            self.after.append(Copy(slot, given, order, back=True))
        return launches

    def _value(self, argument: Argument, launch: LaunchPlan) -> Any:
        """A slot, or what does not change from run to run."""
        if argument.kind in self._slots:
            return self._slots[argument.kind]
        if argument.kind == "workspace":
            return self.once("workspace", lambda: self.buffer((int(argument.value.real),), dtype_of(argument)))
        view = {"weights": self.operands.weights, "bias": self.operands.bias}.get(argument.kind)
        if isinstance(view, DeviceView) and not self.fixed:
            return self._given(WEIGHTS if argument.kind == "weights" else BIAS, view, argument)
        if view is None or argument.by_value:
            return NULL if argument.kind == "bias" else value_of(argument, launch, self.operands)
        key = (argument.kind, argument.type, argument.order)
        return self.once(key, lambda: value_of(argument, launch, self.operands))

    def _given(self, slot: Slot, view: DeviceView, argument: Argument) -> Slot:
        """Weights or bias of each run, copied where the kernel needs another dtype, order or alignment."""
        dtype, order = dtype_of(argument), argument.order or tuple(range(view.ndim))
        if not argument.order and is_dense(view) and view.dtype == dtype:
            return slot

        def copied() -> Slot:
            target = self.buffer(tuple(view.shape[axis] for axis in order), dtype)
            self.steps.append(Copy(slot, target, order))
            return target

        made: Slot = self.once((slot, dtype, order), copied)
        return made

    def holding(self, plan: Any) -> Any:
        """Count the work area of a plan of cuFFT's."""
        self.held_bytes += plan.work_area.mem.size
        return plan

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was made under a key, or is made now."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def layout_in(launches: Launches, kind: str) -> Layout:
    """How the kernels read the image, or write the result."""
    arguments = (argument for launch in launches for argument in launch.arguments)
    return next((argument.layout for argument in arguments if argument.kind == kind), "channels_first")
