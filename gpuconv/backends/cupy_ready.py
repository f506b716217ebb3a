"""Plans that lack nothing but arrays on a device: their steps, and the buffers that these write to."""

import threading
from typing import Any

from gpuconv.arrays import DeviceView, Operands, View
from gpuconv.backends.cupy_arrays import place
from gpuconv.backends.cupy_build import build
from gpuconv.backends.cupy_builder import layout_in
from gpuconv.backends.cupy_steps import Kernel, Step, Steps
from gpuconv.layouts import in_layout, is_dense
from gpuconv.planning.planner import Plan


class Launch:
    """A plan of one launch, which needs no buffer."""

    workspace_bytes = 0

    def __init__(self, step: Step):
        self.step = step

    def run(self, image: Any, out: Any, weights: Any = None, bias: Any = None) -> None:
        """Launch on the current device and stream, with CuPy arrays; nothing is allocated, nothing is waited for."""
        self.step.run((image, out, weights, bias))


class Held:
    """A plan of several steps, with its buffers: one run after the other, whichever streams and threads they are on."""

    def __init__(self, steps: Steps):
        import cupy

        self.steps, self.buffers, self.workspace_bytes = steps, steps.allocate(), steps.workspace_bytes
        cupy.cuda.get_current_stream().synchronize()  # which may still work on memory that has just become free
        self._lock = threading.Lock()
        self._last: int | None = None  # the stream of the latest run that was not captured, and its end
        self._end: Any = None

    def run(self, image: Any, out: Any, weights: Any = None, bias: Any = None) -> None:
        """As `Launch.run`; on another stream than the last it waits, there, for the last run."""
        import cupy

        stream = cupy.cuda.get_current_stream()
        captured = stream.is_capturing()
        with self._lock:
            if self._last not in (None, stream.ptr) and not captured:
                stream.wait_event(self._end)
            self.steps.run((image, out, weights, bias), self.buffers)
            if not captured:
                self._last, self._end = stream.ptr, stream.record(self._end)


class Layer:
    """A layer that is ready for any weights and bias; its buffers are new at each run."""

    def __init__(self, steps: Steps):
        self.steps, self.workspace_bytes = steps, steps.workspace_bytes

    def run(self, image: Any, weights: Any, bias: Any, out: Any) -> None:
        """Enqueue it on the current device and stream, with CuPy arrays."""
        self.steps.run((image, out, weights, bias), self.steps.allocate())

    def held(self) -> "HeldLayer":
        """The same with buffers of its own."""
        return HeldLayer(_held(self.steps))


class HeldLayer:
    """A layer that is ready for any weights and bias, with its buffers."""

    def __init__(self, made: Launch | Held):
        self.made, self.workspace_bytes = made, made.workspace_bytes

    def run(self, image: Any, weights: Any, bias: Any, out: Any) -> None:
        """As `Layer.run`, and nothing is allocated."""
        self.made.run(image, out, weights, bias)


def ready(plan: Plan, operands: Operands, out: View) -> Launch | Held | None:
    """Compile the kernels, and move the weights; None where arrays would have to be copied."""
    for kind, view in (("image", operands.image), ("out", out)):
        layout = layout_in(plan.launches, kind)
        if not isinstance(view, DeviceView) or not is_dense(in_layout(view, plan.problem.rank, layout)):
            return None
    with place(operands.image, None):
        return _held(_steps(plan, operands, out, fixed=True))


def ready_layer(plan: Plan, operands: Operands, out: View) -> Layer | None:
    """The same for all weights and biases on the device, and for images and results as strided as these."""
    if not isinstance(operands.image, DeviceView) or not isinstance(out, DeviceView):
        return None
    with place(operands.image, None):
        return Layer(_steps(plan, operands, out, fixed=False))


def _steps(plan: Plan, operands: Operands, out: View, *, fixed: bool) -> Steps:
    import cupy

    steps = build(plan, operands, out, fixed=fixed, own=True)
    if steps.has_constants:
        cupy.cuda.get_current_stream().synchronize()  # for runs on other streams
    return steps


def _held(steps: Steps) -> Launch | Held:
    only = steps.steps[0]
    return Launch(only) if len(steps.steps) == 1 and isinstance(only, Kernel) else Held(steps)
