"""Memory of the CuPy backend for layers over volumes, and such layers made ready."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv.arrays import DeviceView, Operands, View
from gpuconv.backends.cupy_arrays import as_view, on_device, place
from gpuconv.backends.cupy_plans import dense_view
from gpuconv.backends.cupy_ready import Held, HeldLayer, Layer
from gpuconv.backends.sliced import Buffers, Work, buffers_of
from gpuconv.backends.sliced_ready import steps_of
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Ints

if TYPE_CHECKING:
    from gpuconv.planning.sliced import Sliced


class DeviceMemory:
    """That of the current device, on the current stream."""

    in_place = False

    def empty(self, shape: Ints, dtype: DType) -> DeviceView:
        """As in `Memory`."""
        import cupy

        return as_view(cupy.empty(shape, dtype))

    def copy(self, source: DeviceView, target: DeviceView) -> None:
        """As in `Memory`."""
        import cupy

        cupy.copyto(on_device(target), on_device(source), casting="unsafe")

    def fill(self, target: DeviceView, value: complex) -> None:
        """As in `Memory`."""
        import cupy

        cupy.copyto(on_device(target), value, casting="unsafe")

    def add(self, source: DeviceView, target: DeviceView) -> None:
        """As in `Memory`."""
        sums = on_device(target)
        sums += on_device(source)


class Idle(DeviceMemory):
    """Memory for a look at how the arrays of a call lie."""

    def __init__(self, device: int):
        self.device = device

    def empty(self, shape: Ints, dtype: DType) -> DeviceView:
        """Return no memory."""
        return dense_view(shape, dtype, self.device)

    def copy(self, source: DeviceView, target: DeviceView) -> None:
        """Leave it."""

    def fill(self, target: DeviceView, value: complex) -> None:
        """Leave it."""

    def add(self, source: DeviceView, target: DeviceView) -> None:
        """Leave it."""


@contextmanager
def memory(image: DeviceView, stream: int | None) -> Iterator[DeviceMemory]:
    """Work where an image is, on the stream of its library."""
    with place(image, stream):
        yield DeviceMemory()


class SlicedSteps:
    """What `Steps` are to other layers."""

    def __init__(self, sliced: "Sliced", steps: dict[int, Any], image: DeviceView):
        self.sliced, self.steps, self.image = sliced, steps, image
        held = sum(step.workspace_bytes for step in steps.values())
        views = vars(buffers_of(sliced, Idle(image.device), image)).values()
        self.workspace_bytes = held + sum(int(np.prod(v.shape)) * v.dtype.itemsize for v in views if v is not None)

    def allocate(self) -> Buffers:
        """New buffers, on the current device and stream."""
        return buffers_of(self.sliced, DeviceMemory(), self.image)

    def run(self, given: tuple[Any, ...], buffers: Buffers) -> None:
        """Enqueue all of it, for (image, out, weights, bias) of a call."""
        image, out, weights, bias = (
            None if x is None else x if isinstance(x, np.ndarray) else as_view(x) for x in given
        )
        Work(self.sliced, DeviceMemory(), self._layer, Operands(image, weights, bias=bias), out, buffers).run()

    def _layer(self, plan: Plan, operands: Operands, out: DeviceView) -> None:
        arrays = (operands.image, operands.weights, operands.bias, out)
        self.steps[id(plan)].run(*(on_device(x) if isinstance(x, DeviceView) else x for x in arrays))

    def held(self) -> "SlicedSteps":
        """The same with layers that hold their buffers."""
        return SlicedSteps(self.sliced, {key: step.held() for key, step in self.steps.items()}, self.image)


class SlicedLayer(Layer):
    """A layer over volumes that is ready for any weights and bias."""

    steps: SlicedSteps  # type: ignore[assignment]

    def held(self) -> HeldLayer:
        """As `Layer.held`."""
        return HeldLayer(Held(self.steps.held()))  # type: ignore[arg-type]


def prepare_sliced(plan: Plan, module: Any, operands: Operands, out: View) -> SlicedLayer | None:
    """Make a layer over volumes ready, for arrays on a device; None for others."""
    image = operands.image
    if not isinstance(image, DeviceView) or not isinstance(out, DeviceView):
        return None
    with place(image, None):
        steps = steps_of(plan, module, Idle(image.device), operands, out)
    assert plan.sliced is not None
    return None if steps is None else SlicedLayer(SlicedSteps(plan.sliced, steps, image))  # type: ignore[arg-type]
