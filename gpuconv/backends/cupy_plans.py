"""Plans on a device: a compiled kernel and a list of arguments that lacks nothing but image and output."""

from dataclasses import dataclass
from typing import Any

from gpuconv import backends
from gpuconv.arrays import Adopted, DeviceView, Operands, View
from gpuconv.backends.cupy_arrays import as_stream, on_device, place, stream_pointer
from gpuconv.launches import LaunchPlan
from gpuconv.layouts import in_layout, is_dense
from gpuconv.planning.planner import Plan
from gpuconv.problem import DType, Ints

KINDS = {"image", "out", "weights", "factors", "bias", "scalar"}  # of arguments that do not change from call to call


@dataclass(frozen=True)
class Launch:
    """One launch for C-contiguous arrays; `image` and `out` are the places of both among the arguments."""

    kernel: Any
    launch: LaunchPlan
    arguments: tuple[Any, ...]
    image: int
    out: int
    workspace_bytes: int = 0

    def run(self, image: Any, out: Any) -> None:
        """Launch on the current device and stream, with CuPy arrays; nothing is allocated, nothing is waited for."""
        arguments = list(self.arguments)
        arguments[self.image], arguments[self.out] = image, out
        self.kernel(self.launch.grid, self.launch.block, tuple(arguments), shared_mem=self.launch.shared_bytes)


def ready(plan: Plan, operands: Operands, out: View) -> Launch | None:
    """Compile the kernel, and move the weights; None where arrays must be copied, and for several kernels."""
    import cupy

    from gpuconv.backends import cupy as backend

    if len(plan.launches) != 1 or plan.tiles is not None:
        return None
    (launch,) = plan.launches
    kinds: list[str] = [argument.kind for argument in launch.arguments]
    if not KINDS.issuperset(kinds) or kinds.count("image") != 1 or kinds.count("out") != 1:
        return None
    for kind, view in (("image", operands.image), ("out", out)):
        layout = launch.arguments[kinds.index(kind)].layout
        if not isinstance(view, DeviceView) or not is_dense(in_layout(view, plan.problem.rank, layout)):
            return None
    with place(operands.image, None):
        kernel = backend.loaded(launch)
        arrays = {"image": None, "out": None}
        arguments = [backend._value(argument, launch, operands, arrays) for argument in launch.arguments]
        cupy.cuda.get_current_stream().synchronize()  # for launches on other streams
    return Launch(kernel, launch, tuple(arguments), kinds.index("image"), kinds.index("out"))


class OnDevice:
    """Computes C-contiguous arrays of one shape, on one device; those of CuPy with the least Python."""

    def __init__(self, made: backends.Ready, name: str, x: DeviceView, out: DeviceView):
        import cupy

        self.made, self.name, self.cupy, self.device = made, name, cupy, x.device
        self.shape, self.dtype, self.out_shape, self.out_dtype = x.shape, x.dtype, out.shape, out.dtype

    def takes(self, x: Any, out: Any) -> bool:
        """Whether the arrays lie as planned, apart from each other."""
        if not self._lies(x, self.shape, self.dtype):
            return False
        return out is None or (self._lies(out, self.out_shape, self.out_dtype) and _are_apart(x, out))

    def _lies(self, x: Any, shape: Ints, dtype: DType) -> bool:
        if type(x) is not self.cupy.ndarray or x.shape != shape or x.dtype != dtype:
            return False
        return bool(x.flags.c_contiguous and x.data.device_id == self.device)

    def run(self, x: Any, out: Any, stream: Any) -> Any:
        """Launch; on the current stream if none is given."""
        if stream is not None:
            with as_stream(stream):
                return self.run(x, out, None)
        if self.cupy.cuda.runtime.getDevice() != self.device:
            with self.cupy.cuda.Device(self.device):
                return self.run(x, out, None)
        if out is None:
            out = self.cupy.empty(self.out_shape, self.out_dtype)
        backends.used(self.name)
        self.made.run(x, out)
        return out

    def takes_adopted(self, image: Adopted, out: Adopted | None) -> bool:
        """As `takes`, for arrays of any library that have the shapes and dtypes."""
        if out is None:
            return is_dense(image.view)
        return is_dense(image.view) and is_dense(out.view) and not image.view.overlaps(out.view)

    def run_adopted(self, image: Adopted, out: Adopted | None, stream: Any) -> Any:
        """As `run`, on the current stream of the image's library if none is given."""
        backends.used(self.name)
        with place(image.view, image.stream if stream is None else stream_pointer(stream)):
            target = image.empty(self.out_shape, self.out_dtype) if out is None else out
            self.made.run(on_device(image.view), on_device(target.view))
        return image.deliver(target) if out is None else target.original


def _are_apart(x: Any, out: Any) -> bool:
    """Whether two contiguous arrays share no byte."""
    start, target = x.data.ptr, out.data.ptr
    return bool(start + x.nbytes <= target or target + out.nbytes <= start)
