"""What `gpuconv.plan` returns: everything about a call but its arrays."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from gpuconv import calls
from gpuconv.arrays import adopt
from gpuconv.engine import prepare
from gpuconv.options import check_out
from gpuconv.planning.bounds import ErrorBound
from gpuconv.problem import DType, Ints, Problem
from gpuconv.statements import convolution, correlation, separable_call

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from gpuconv.typing import ArrayT

STATEMENTS = {"convolve": convolution, "correlate": correlation, "sepconvolve": separable_call}


class Runner(Protocol):
    """Computes arrays that lie as planned."""

    def takes(self, x: Any, out: Any) -> bool:
        """Whether these do, apart from each other."""

    def run(self, x: Any, out: Any, stream: Any) -> Any:
        """Compute, and return the result."""


@dataclass(frozen=True, repr=False)
class Planned:
    """What `gpuconv.plan` returns: to be called with arrays, ``planned(x, out=None, stream=None)``, from any thread.

    It returns what the planned function returns for x, in `out` if that is given. Of the arrays only shape, dtype and
    place are looked at. `stream`, for arrays on a device, is where to launch: by default the current stream of x's
    library, else a CuPy stream, an object of the CUDA stream protocol, or a handle.

    On a device a call with C-contiguous arrays, `out` among them, that do not overlap allocates nothing, copies nothing
    and waits for nothing: it can be captured in a CUDA graph. All other arrays give the same result, on the way that a
    call of the planned function takes.

    Attributes
    ----------
    kind : str
        The planned function.
    problem : gpuconv.problem.Problem
        What is computed.
    backend, algorithm : str
        Where, and how.
    bound : gpuconv.planning.bounds.ErrorBound
        Error bound of every result.
    workspace_bytes : int or None
        Memory that a call takes besides x and the result; None where the backend does not know.
    shape, dtype, place : tuple of int, dtype, str
        Those of x; the place is "host", or "cuda:0" and so on.
    out_shape, out_dtype : tuple of int, dtype
        Those of the result.
    """

    kind: str
    problem: Problem
    backend: str
    algorithm: str
    bound: ErrorBound
    workspace_bytes: int | None
    shape: Ints
    dtype: DType
    place: str
    out_shape: Ints
    out_dtype: DType
    _arguments: dict[str, Any]  # of the planned function, but x and out
    _runner: Runner | None

    @overload
    def __call__(self, x: "NDArray[Any]", out: "NDArray[Any] | None" = None) -> "NDArray[Any]": ...
    @overload
    def __call__(self, x: "ArrayT", out: "ArrayT | None" = None, stream: Any = None) -> "ArrayT": ...
    @overload
    def __call__(self, x: "ArrayLike", out: "NDArray[Any] | None" = None) -> "NDArray[Any]": ...
    def __call__(self, x: Any, out: Any = None, stream: Any = None) -> Any:
        """Compute the result of x."""
        if stream is not None and self.place == "host":
            raise ValueError(f"stream must be None for a plan on the host; got {stream!r}")
        if self._runner is not None and self._runner.takes(x, out):
            return self._runner.run(x, out, stream)
        return self._call(x, out, stream)

    def __repr__(self) -> str:
        taps = " x ".join(map(str, self.problem.filter))
        return (
            f"<plan of {self.kind}: {self.dtype} {self.shape} on {self.place}, {taps} taps, gives {self.out_dtype} "
            f"{self.out_shape}; backend {self.backend!r}, algorithm {self.algorithm!r}>"
        )

    def _call(self, x: Any, out: Any, stream: Any) -> Any:
        """Call the planned function."""
        image = adopt("x", x)
        for name, planned, got in (
            ("shape", self.shape, tuple(image.view.shape)),
            ("dtype", self.dtype, image.view.dtype),
            ("place", self.place, image.place),
        ):
            if planned != got:
                raise ValueError(f"x must have the {name} that was planned, {planned}; got {got}")
        arguments = {"x": x, "out": out, **self._arguments}
        if not image.on_device:
            return calls.compute(STATEMENTS[self.kind], arguments)
        from gpuconv.backends.cupy_arrays import stream_pointer
        from gpuconv.backends.cupy_plans import OnDevice

        target = None if out is None else check_out(out, image, self.out_shape, self.out_dtype)
        if isinstance(self._runner, OnDevice) and self._runner.takes_adopted(image, target):
            return self._runner.run_adopted(image, target, stream)
        call = calls.call_of(STATEMENTS[self.kind], arguments)
        if stream is not None:
            call = replace(call, x=replace(call.x, stream=stream_pointer(stream)))
        return prepare(call).finish()


@dataclass(frozen=True)
class OnHost:
    """Computes C-contiguous NumPy arrays."""

    known: calls.Known
    shape: Ints
    dtype: DType

    def takes(self, x: Any, out: Any) -> bool:
        """Whether the arrays lie as planned, apart from each other."""
        if not _lies(x, self.shape, self.dtype):
            return False
        if out is None:
            return True
        lies = _lies(out, self.known.shape, self.known.dtype) and out.flags.writeable
        return lies and not np.may_share_memory(x, out)

    def run(self, x: np.ndarray, out: np.ndarray | None, stream: None) -> np.ndarray:
        """Compute."""
        return self.known.run(x, out)


def _lies(x: Any, shape: Ints, dtype: DType) -> bool:
    return bool(type(x) is np.ndarray and x.shape == shape and x.dtype == dtype and x.flags.c_contiguous)
