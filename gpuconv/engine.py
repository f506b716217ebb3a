"""From validated arrays to a result: facts, selection, plan, run. Every face ends here."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.arrays import Adopted, Operands, View, insert_axis
from gpuconv.arrays.labels import places_of
from gpuconv.dtypes import is_integer
from gpuconv.folding import fold, fold_out
from gpuconv.layouts import TRANSPOSED, empty_in, is_interleaved, layout_of
from gpuconv.planning.facts import Facts, Layout
from gpuconv.planning.low_rank import decompose
from gpuconv.planning.planner import Plan
from gpuconv.planning.separability import separate
from gpuconv.problem import Ints, Problem


@dataclass(frozen=True)
class Call:
    """A validated call of a face.

    `out_order` transposes the result from the engine's axes (*batch, channels_out, *spatial) to the caller's; axes of
    the engine that it leaves out have length 1 and are dropped.
    """

    problem: Problem
    x: Adopted
    operands: Operands
    out_order: Ints
    out: Adopted | None = None
    precision: str = "standard"
    backend: str | None = None
    method: str = "auto"
    layout: Layout = "channels_first"  # of a new result
    example: bool = False  # x stands for images to come: of it only shape, strides, dtype and place are to be used


@dataclass(frozen=True)
class Prepared:
    """A call, and how its result will be computed; nothing is yet."""

    call: Call
    plan: Plan
    operands: Operands  # as the plan's problem states them
    folded: bool

    @property
    def shape(self) -> Ints:
        """Shape of the result, for the caller."""
        return tuple(self.call.problem.out_shape[axis] for axis in self.call.out_order)

    def in_engine_order(self, result: View) -> View:
        """The result as the plan's problem states it."""
        if self.folded:
            return fold_out(self.plan.problem, result)
        return _engine_order(result, self.call.out_order, len(self.plan.problem.out_shape))

    def finish(self) -> Any:
        """Compute, and return the result as `execute` does."""
        x, out = self.call.x, self.call.out
        target = empty_in(self.call.layout, x, self.shape, self.plan.problem.out_dtype) if out is None else out
        if 0 not in self.shape:
            operands, result = self.operands, self.in_engine_order(target.view)
            backends.run(self.plan, operands, result, x.stream)
        if out is not None:
            return target.original
        return x.deliver(target, places_of(x, self.call.problem, self.call.out_order))


def execute(call: Call) -> Any:
    """Compute a call and return the result as an array of x's library (or its `out`)."""
    return prepare(call).finish()


def prepare(call: Call) -> Prepared:
    """Choose backend and plan."""
    given = None if call.out is None else call.out.view
    folded = fold(call.problem, call.operands, call.out_order, given)
    problem, operands = folded[:2] if folded else (call.problem, call.operands)
    _, plan = backends.select(problem, facts_of(call), call.backend, hesitate=not call.example)
    return Prepared(call, plan, operands, folded is not None)


def factored(problem: Problem, operands: Operands, precision: str, method: str = "auto") -> Operands:
    """The operands, with the factors of host weights, or few terms of them, that passes may compute faster."""
    if operands.factors or not isinstance(operands.weights, np.ndarray) or method in ("direct", "fft"):
        return operands
    if method != "low_rank":
        found = separate(problem, operands.weights, precision, named=method == "separable")
        if found is not None:
            return replace(operands, factors=found.arrays, residual=found.residual)
    if method == "separable":
        return operands
    terms = decompose(problem, operands.weights, precision, named=method == "low_rank")
    if terms is None:
        return operands
    return replace(operands, terms=(terms.columns, terms.rows), terms_error=terms.error)


def facts_of(call: Call) -> Facts:
    """What planning may know of the arrays; on a device only an image of 64-bit integers is read, for its largest."""
    image, weights, factors = call.operands.image, call.operands.weights, call.operands.factors
    arrays = factors or ((weights,) if isinstance(weights, np.ndarray) and weights.size > 0 else ())
    bias = call.operands.bias
    return Facts(
        image_place="host" if isinstance(image, np.ndarray) else "device",
        device_number=None if isinstance(image, np.ndarray) else image.device,
        image_layout=layout_of(image, call.problem.rank),
        out_layout=_out_layout(call),
        interleaved=_is_interleaved(call),
        weights_place="host" if factors or isinstance(weights, np.ndarray) else "device",
        weights_sum=math.prod(map(_largest_sum, arrays)) if arrays and is_integer(call.problem.compute_dtype) else None,
        weights_range=_range_of_weights(call),
        image_max=_largest_of_image(call) if image.dtype.itemsize == 8 and not call.example else None,
        bias_max=None if bias is None else _largest_integer(bias),
        separable=bool(factors),
        residual=call.operands.residual,
        gain=_gain(factors),
        terms=len(call.operands.terms[0]) if call.operands.terms else 0,
        terms_error=call.operands.terms_error,
        zero_taps=not (arrays and call.problem.skip_zero_taps) or not all(map(np.all, arrays)),
        precision=call.precision,
        method=call.method,
    )


def _out_layout(call: Call) -> Layout:
    """How the result lies in memory, where the caller's `out` or the face says so."""
    if call.problem.op != "forward":
        return "channels_first"
    if call.out is None:
        several = call.problem.channels_out > 1 and math.prod(call.problem.out_extent) > 1
        return call.layout if several and call.x.library in TRANSPOSED else "channels_first"
    out = _engine_order(call.out.view, call.out_order, len(call.problem.out_shape))
    return layout_of(out, call.problem.rank)


def _is_interleaved(call: Call) -> bool:
    """Whether images have their channels behind the spatial axes, and the result too; a new one keeps x's order."""
    problem, rank, batch = call.problem, call.problem.rank, len(call.problem.batch)
    if rank != 2 or problem.channels_in > 1 or not is_interleaved(call.operands.image, rank):
        return False
    if call.out is None:
        return call.out_order[-rank - 1 :] == (*range(batch + 1, batch + rank + 1), batch - 1)
    return is_interleaved(_engine_order(call.out.view, call.out_order, len(problem.out_shape)), rank)


def _gain(factors: tuple[np.ndarray, ...]) -> float:
    """The most that any order of passes multiplies a value by; a power of two, so that few plans differ in it."""
    with np.errstate(over="ignore"):
        sums = [float(np.abs(factor).astype("float64").sum()) for factor in factors]
    product = math.prod(max(1.0, total) for total in sums)
    return 2.0 ** math.ceil(math.log2(product)) if product < 2.0**1000 else math.inf


def _range_of_weights(call: Call) -> tuple[int, int] | None:
    """Least and largest of whole weights on the host, where kernels may hold them as values of the image's size."""
    problem, weights = call.problem, call.operands.weights
    if problem.image_dtype.itemsize not in (1, 4) or not (problem.is_filter and is_integer(problem.compute_dtype)):
        return None
    return (int(weights.min()), int(weights.max())) if isinstance(weights, np.ndarray) and weights.size else None


def _largest_of_image(call: Call) -> int | None:
    """Largest magnitude in an image of integers; on a device CuPy looks for it, where integers are summed up."""
    image = call.operands.image
    if isinstance(image, np.ndarray) or not (is_integer(image.dtype) and is_integer(call.problem.compute_dtype)):
        return _largest_integer(image)
    if backends.reason_unavailable("cupy"):
        return None
    from gpuconv.backends.cupy_arrays import largest_integer

    return largest_integer(image, call.x.stream)


def _largest_integer(view: View) -> int | None:
    """Largest magnitude among integers on the host; None where it is not known."""
    if not isinstance(view, np.ndarray) or view.dtype.kind not in "iu":
        return None
    return max(abs(int(view.max())), abs(int(view.min()))) if view.size else 0


def _largest_sum(weights: np.ndarray) -> float | int:
    """Largest sum of magnitudes of one output channel; exact for integers."""
    rows = weights.reshape(weights.shape[0] if weights.ndim > 1 else 1, -1)
    if not is_integer(weights.dtype):
        with np.errstate(all="ignore"):
            return float(np.abs(rows.astype("complex128" if rows.dtype.kind == "c" else "float64")).sum(axis=1).max())
    magnitude = rows.astype("uint64") if rows.dtype.kind == "u" else np.abs(rows.astype("int64")).astype("uint64")
    high, low = (magnitude >> np.uint64(32)).sum(axis=1), (magnitude & np.uint64(0xFFFFFFFF)).sum(axis=1)
    return max((int(h) << 32) + int(rest) for h, rest in zip(high, low, strict=True))


def _engine_order(view: View, out_order: Ints, rank: int) -> View:
    """Undo `out_order`; the axes it dropped come back with length 1."""
    dropped = tuple(axis for axis in range(rank) if axis not in out_order)
    for _ in dropped:
        view = insert_axis(view, view.ndim)
    order = out_order + dropped
    return view.transpose(tuple(sorted(range(rank), key=order.__getitem__)))
