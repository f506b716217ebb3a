"""Layers as calls that write parts of one result, and what a layer would compute."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from gpuconv.arrays import Adopted, View
from gpuconv.engine import Call, Prepared
from gpuconv.planning.facts import Layout

Arrays = tuple[View, View, View | None, View]  # image, weights, bias and result
Split = Callable[[View, View, View | None, View], Iterable[Arrays]]  # the arrays of each call from those of a layer
_asking: ContextVar[bool] = ContextVar("gpuconv_nn_asking", default=False)


def whole(image: View, weights: View, bias: View | None, out: View) -> Iterable[Arrays]:
    """Give one call everything."""
    return ((image, weights, bias, out),)


@dataclass(frozen=True)
class Stated:
    """A layer whose calls write into `result`; None: its only call makes one."""

    x: Adopted
    calls: list[Call]
    result: Adopted | None = None
    split: Split = whole
    layout: Layout = "channels_first"  # of `result`

    def finish(self, prepared: list[Prepared]) -> Any:
        """Compute the calls, and return the result as an array of x's library."""
        results = [call.finish() for call in prepared]
        if self.result is None:
            return results[0]
        return self.x.deliver(self.result, (None,) * len(self.result.view.shape))


class Question(NamedTuple):
    """What a layer would compute."""

    state: Callable[..., Stated]
    rank: int
    arrays: tuple[Any, Any, Any]
    options: tuple[Any, ...]
    precision: str


@contextmanager
def asking() -> Iterator[None]:
    """Layers return a Question, and compute nothing."""
    token = _asking.set(True)
    try:
        yield
    finally:
        _asking.reset(token)


def asked() -> bool:
    """Whether layers return a Question now."""
    return _asking.get()
