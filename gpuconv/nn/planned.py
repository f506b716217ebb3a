"""What `gpuconv.nn.plan` returns: everything about a layer but its arrays, for loops, streams and CUDA graphs."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv.arrays import Adopted, adopt
from gpuconv.backends.cupy_arrays import copy, on_device, place, stream_pointer
from gpuconv.engine import Prepared, prepare
from gpuconv.errors import check_choice
from gpuconv.layouts import empty_in
from gpuconv.nn.repeated import compute
from gpuconv.nn.stated import Question, Stated
from gpuconv.options import check_out
from gpuconv.planning.facts import Layout
from gpuconv.problem import PRECISIONS, DType, Ints

if TYPE_CHECKING:
    from gpuconv.backends.cupy_plans import LayerOnDevice


@dataclass(frozen=True, repr=False)
class PlannedLayer:
    """What `gpuconv.nn.plan` returns: to be called with arrays, ``planned(*arrays, out=None, stream=None)``.

    The arrays are those of the layer, in the order of its arguments: input, weight and bias, or what a gradient takes.
    Those left out at the end are those that it was planned with. All have the shape, dtype and place that were planned.
    On a device, values are read at every call, those of weights too; beside an input on a device, weights and bias on
    the host are read when the layer is planned. `stream` is as in `gpuconv.plan`.

    On a device a call with CuPy arrays as strided as those planned, `out` among them, allocates nothing and waits for
    nothing: it can be captured in a CUDA graph. All others give the same result, as a call of the layer does. Calls
    share one workspace: one on another stream waits for the last one there, but nothing orders the launches of graphs.

    Attributes
    ----------
    layer, backend, algorithm : str
        What is computed, where, and how.
    workspace_bytes : int or None
        Memory that a call takes besides its arrays; None where the backend does not know.
    out_shape, out_dtype : tuple of int, dtype
        Those of the result.
    """

    layer: str
    backend: str
    algorithm: str
    workspace_bytes: int | None
    out_shape: Ints
    out_dtype: DType
    _question: Question
    _layout: Layout
    _runner: "LayerOnDevice | None"
    _swapped: bool  # weights are the first argument

    def __call__(self, *arrays: Any, out: Any = None, stream: Any = None) -> Any:
        """Compute the layer."""
        given = arrays if len(arrays) == 3 and not self._swapped else self._ordered(arrays)
        if self._runner is not None and self._runner.takes(given, out):
            return self._runner.run(given, out, stream)
        return self._call(given, out, stream)

    def __repr__(self) -> str:
        x = adopt("input", self._question.arrays[0])
        return (
            f"<plan of {self.layer}: {x.view.dtype} {tuple(x.view.shape)} on {x.place}, gives {self.out_dtype} "
            f"{self.out_shape}; backend {self.backend!r}, algorithm {self.algorithm!r}>"
        )

    def _ordered(self, arrays: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        """Image, weights and bias, of the arrays of a call and those planned."""
        image, weights, bias = self._question.arrays
        planned = (weights, image) if self._swapped else (image, weights) if bias is None else (image, weights, bias)
        if len(arrays) > len(planned):
            raise TypeError(f"{self.layer} was planned with fewer arrays; got {len(arrays)}")
        first, second, *third = (*arrays, *planned[len(arrays) :])
        return (second, first, None) if self._swapped else (first, second, third[0] if third else None)

    def _call(self, arrays: tuple[Any, Any, Any], out: Any, stream: Any) -> Any:
        """Compute arrays of any library that have the planned shapes, dtypes and places."""
        seen = [None if array is None else adopt("array", array) for array in arrays]
        for planned, got in zip(self._question.arrays, seen, strict=True):
            if planned is not None and got is not None:
                _check(adopt("array", planned), got)
        x = seen[0]
        assert x is not None
        target = None if out is None else check_out(out, x, self.out_shape, self.out_dtype)
        if stream is not None:
            if not x.on_device:
                raise ValueError(f"stream must be None for a layer on the host; got {stream!r}")
            x = replace(x, stream=stream_pointer(stream))
        return self._adopted((x, *seen[1:]), arrays, target)

    def _adopted(self, seen: tuple[Adopted | None, ...], arrays: tuple[Any, ...], target: Adopted | None) -> Any:
        """Launch if all lie as planned; else compute the layer as if it had not been planned."""
        x = seen[0]
        assert x is not None
        if not x.on_device:
            result = compute(*self._question._replace(arrays=(arrays[0], arrays[1], arrays[2])))
            return result if target is None else _copied(adopt("result", result), target)
        if self._runner is not None:
            with place(x.view, x.stream):
                on = tuple(on_device(a.view) if a and a.on_device else b for a, b in zip(seen, arrays, strict=True))
                made = target or empty_in(self._layout, x, self.out_shape, self.out_dtype)
                if self._runner.takes(on, on_device(made.view)):
                    self._runner.run(on, on_device(made.view))
                    return x.deliver(made) if target is None else target.original
        stated, prepared = prepared_of(self._question._replace(arrays=(x, seen[1], seen[2])), target)
        result = stated.finish(prepared)
        if target is None or stated.result is None:
            return result
        with place(x.view, x.stream):
            return _copied(adopt("result", result), target)


def prepared_of(
    question: Question, out: Adopted | None = None, *, example: bool = False
) -> tuple[Stated, list[Prepared]]:
    """State the calls of a layer, and plan them; on an example, only to see how. One call alone writes to `out`."""
    state, rank, arrays, options, precision = question
    check_choice("precision", precision, PRECISIONS)
    stated = state(rank, *arrays, *options)
    calls = [replace(call, precision=precision, example=example) for call in stated.calls]
    if stated.result is None:
        calls = [replace(calls[0], out=out)]
    return stated, list(map(prepare, calls))


def _check(planned: Adopted, got: Adopted) -> None:
    for name in ("shape", "dtype"):
        expected, found = getattr(planned.view, name), getattr(got.view, name)
        if expected != found:
            raise ValueError(f"arrays must have the {name} that was planned, {expected}; got {found}")
    if planned.place != got.place:
        raise ValueError(f"arrays must be where they were planned, {planned.place}; got {got.place}")


def _copied(result: Adopted, target: Adopted) -> Any:
    """Put the values of a new array into the caller's, on the current stream."""
    if isinstance(target.view, np.ndarray):
        target.view[...] = result.view
    else:
        copy(result.view, target.view)
    return target.original
