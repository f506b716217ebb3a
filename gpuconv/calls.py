"""Calls that come again. One of the core's with other values of x is not stated, chosen and planned again.

What is kept depends on types, shapes, strides, options and the values of small weights alone, and all of these are the
key. Calls with NumPy arrays on the CPU's backends are kept, and those with C-contiguous CuPy arrays whose weights
travel inside the launch; all others, and what a key cannot tell apart, go the long way. Layers, whose weights are as
new as x, are kept here by `gpuconv.nn.repeated`.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from gpuconv import backends
from gpuconv.backends import Ready
from gpuconv.engine import Call, Prepared, prepare
from gpuconv.options import MISSING, Options
from gpuconv.problem import DType, Ints

if TYPE_CHECKING:
    from gpuconv.backends.cupy_plans import OnDevice

CAPACITY = 256  # calls that are kept
LARGEST = 1 << 16  # bytes of weights that are part of a key

Arguments = dict[str, Any]  # of a call, by name: x, weights and the fields of Options
Statement = Callable[[Any, Any, Options], Call]  # of x, weights and options

_APART = ("out", "backend", "skip_zero_taps")  # the last is no option of the core's functions
_USUAL = tuple((field.name, field.default) for field in fields(Options) if field.name not in _APART)
_PLAIN = (int, bool, str, type(None), type)  # types whose equal values mean the same
_known: dict[Hashable, Any] = {}  # by whoever made the key
_lock = threading.Lock()


@dataclass(frozen=True)
class Known:
    """A call with everything but its arrays."""

    ready: Ready
    backend: str
    shape: Ints
    dtype: DType

    def takes(self, x: np.ndarray, out: np.ndarray | None) -> bool:
        """Whether `out` lies right; its key says so."""
        return True

    def run(self, x: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        """Compute into `out`, which does not overlap x, or a new array."""
        if out is None:
            out = np.empty(self.shape, self.dtype)
        self.ready.run(x, out)
        backends.used(self.backend)
        return out


def compute(state: Statement, arguments: Arguments) -> Any:
    """State a call and compute it, or do what is left to do of one that is known."""
    key = key_of(state, arguments)
    known = None if key is None else find(key)
    if known is None:
        prepared = prepare(call_of(state, arguments))
        known = None if key is None else _known_on_device(prepared) or known_of(prepared)
        if known is None:
            return prepared.finish()
        remember(key, known)
    if not known.takes(arguments["x"], arguments["out"]):
        return prepare(call_of(state, arguments)).finish()
    return known.run(arguments["x"], arguments["out"])


def call_of(state: Statement, arguments: Arguments) -> Call:
    """Check all arguments."""
    options = {name: value for name, value in arguments.items() if name not in ("x", "weights", *MISSING)}
    return state(arguments["x"], arguments["weights"], Options(**options))


def known_of(prepared: Prepared) -> Known | None:
    """What can be kept of a call on the host: nothing where the values of x count, or the backend cannot."""
    plan, call = prepared.plan, prepared.call
    if call.x.view is not call.x.original or call.x.on_device or 0 in prepared.shape:
        return None
    if (plan.facts.image_max, plan.facts.finite) != (None, None) or not _is_settled(call, plan.backend):
        return None
    example = np.empty(prepared.shape, plan.problem.out_dtype) if call.out is None else call.out.view
    ready = backends.ready(plan, prepared.operands, prepared.in_engine_order(example))
    return None if ready is None else Known(ready, plan.backend, prepared.shape, plan.problem.out_dtype)


def _known_on_device(prepared: Prepared) -> "OnDevice | None":
    """What can be kept of a call with CuPy arrays: one launch that holds no memory of the device."""
    plan, x = prepared.plan, prepared.call.x
    if x.library != "cupy" or plan.facts.image_max is not None or len(plan.launches) != 1 or 0 in prepared.shape:
        return None
    if any(a.kind not in ("image", "out", "scalar") and not a.by_value for a in plan.launches[0].arguments):
        return None
    from gpuconv.backends.cupy_plans import OnDevice, dense_view

    out = dense_view(prepared.shape, plan.problem.out_dtype, x.view.device)
    ready = backends.ready(plan, prepared.operands, prepared.in_engine_order(out))
    return None if ready is None else OnDevice(ready, plan.backend, x.view, out)


def _is_settled(call: Call, backend: str) -> bool:
    """Whether the next call gets the same backend: NumPy may only stand in until kernels are compiled."""
    stands_in = backend == "numpy" and not call.example and backends.reason_unavailable("cpu") is None
    return not (stands_in and backends.requested(call.backend) == "auto")


def key_of(state: Statement, arguments: Arguments) -> Hashable | None:
    """All that a result depends on but the values of x; None for what is not compared here."""
    x, out, taps = arguments["x"], arguments["out"], _key_of_weights(arguments["weights"])
    if taps is None:
        return None
    place: Hashable = None
    if type(x) is not np.ndarray:
        if not _is_of_cupy(x):
            return None
        place = x.data.device_id  # where `out` lies is looked at each time
    elif out is not None:
        if type(out) is not np.ndarray or np.may_share_memory(x, out):
            return None
        place = out.shape, out.strides, out.dtype, out.flags.writeable
    chosen = []
    try:
        for name, usual in _USUAL:
            if arguments[name] is not usual:
                found = key_of_option(arguments[name])
                if found is None:
                    return None
                chosen.append((name, found))
    except KeyError:  # of a plan, which names some only
        return key_of(state, {**dict(_USUAL), **arguments})
    backend = backends.requested(arguments["backend"])
    return state, x.shape, x.strides, x.dtype, taps, place, backend, tuple(chosen)


def _is_of_cupy(x: Any) -> bool:
    return type(x).__name__ == "ndarray" and type(x).__module__.startswith("cupy") and x.flags.c_contiguous


def forget() -> None:
    """Keep no call any longer."""
    with _lock:
        _known.clear()


def _key_of_weights(weights: Any) -> Hashable | None:
    """The values of small weights, or of a sequence of factors."""
    if type(weights) is np.ndarray:
        return (weights.shape, weights.dtype, weights.tobytes()) if weights.nbytes <= LARGEST else None
    if type(weights) not in (list, tuple) or any(type(factor) is not np.ndarray for factor in weights):
        return None
    return tuple(map(_key_of_weights, weights)) if sum(factor.nbytes for factor in weights) <= LARGEST else None


def key_of_option(value: Any) -> Hashable | None:
    """The type, too: 1, 1.0 and True are equal, and so are 0.0 and -0.0."""
    kind = type(value)
    if kind in _PLAIN or isinstance(value, np.dtype):
        return kind, value
    if kind in (float, complex):
        return kind, repr(value)
    if kind in (tuple, list) and all(type(item) is int for item in value):
        return tuple(value)
    return None


def find(key: Hashable) -> Any:
    """Return what is kept of a call; None where nothing is."""
    return _known.get(key)


def remember(key: Hashable, known: Any) -> None:
    """Keep a call, unless that is None, and no more than CAPACITY: the oldest goes."""
    if known is None:
        return
    with _lock:
        while len(_known) >= CAPACITY:
            del _known[next(iter(_known))]
        _known[key] = known
