"""Run one kernel on one call, whichever kernel the planner would take, and hold the result against the oracle."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import standin
from agreement import random

from gpuconv import oracle
from gpuconv.backends import cupy as backend
from gpuconv.dtypes import accumulator
from gpuconv.engine import Call, facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.nn import layer_call
from gpuconv.options import Options
from gpuconv.planning.bounds import kernel_bound
from gpuconv.planning.planner import Plan
from gpuconv.statements import filter_call, separable_call

Launcher = Callable[..., LaunchPlan | str]
ORDERS = ("forward", "reverse", "random:1")


def image_filter(
    shape: tuple[int, ...], taps: tuple[int, ...], dtypes: tuple[str, str] = ("f4", "f4"), **options: Any
) -> Call:
    """A correlation of random images with random weights."""
    x, w = random(shape, dtypes[0]), random(taps, dtypes[1], 1)
    return filter_call(x, w, Options(**options), flipped=False)


def factors(
    shape: tuple[int, ...], taps: tuple[int, ...], dtypes: tuple[str, str] = ("f4", "f4"), **options: Any
) -> Call:
    """A convolution with random factors."""
    weights = [random((n,), dtypes[1], seed) for seed, n in enumerate(taps, 1)]
    return separable_call(random(shape, dtypes[0]), weights, Options(**options))


def layer(
    shape: tuple[int, ...], weights: tuple[int, ...], dtype: str = "f4", *, bias: bool = True, **options: Any
) -> Call:
    """A layer with random weights."""
    b = random(weights[:1], dtype, 2) if bias else None
    return layer_call(len(weights) - 2, random(shape, dtype), random(weights, dtype, 1), b, **options)


def planned(launcher: Launcher, call: Call) -> Plan:
    """The plan that consists of this kernel."""
    problem, facts = call.problem, facts_of(call)
    launch = launcher(problem, facts)
    assert isinstance(launch, LaunchPlan), launch
    name = launch.specialization.kernel
    bound = kernel_bound(problem, name, facts.residual, facts.terms_error)
    return Plan(problem, "cupy", name, accumulator(problem, facts), launch.all, bound, ())


def run(launcher: Launcher, call: Call) -> np.ndarray:
    """The kernel's result, in the engine's axes."""
    out = np.empty(call.problem.out_shape, call.problem.out_dtype)
    backend.run(planned(launcher, call), call.operands, out)
    return out


def record(launcher: Launcher, call: Call) -> standin.Launch:
    """The launch, to be replayed."""
    with standin.recording() as launches:
        run(launcher, call)
    (launch,) = launches
    return launch


def assert_right(launcher: Launcher, call: Call, result: np.ndarray) -> None:
    """Compare with the oracle, within the bound of the plan."""
    operands = call.operands
    oracle.assert_agrees(
        call.problem,
        planned(launcher, call).bound,
        result.reshape(call.problem.out_shape),
        operands.image,
        operands.full_weights(),
        operands.bias,
    )


def check(launcher: Launcher, call: Call) -> None:
    """The right result, and the same one in every order of the threads."""
    result = run(launcher, call)
    assert_right(launcher, call, result)
    for order in ORDERS[1:]:
        with standin.thread_order(order):
            np.testing.assert_array_equal(run(launcher, call), result)


def out_of(launch: standin.Launch, arrays: list[np.ndarray | None]) -> np.ndarray:
    """The result among the arrays of a replay: the only pointer that is not const."""
    (index,) = [
        i
        for i, parameter in enumerate(launch.kernel.parameters)
        if parameter.is_pointer and not parameter.is_const_pointer
    ]
    result = arrays[index]
    assert result is not None
    return result


def channels_first(call: Call, result: np.ndarray) -> np.ndarray:
    """A result that was written with its channels last, in the axes of the problem."""
    n, c, *extent = call.problem.out_shape
    return np.moveaxis(result.reshape(n, *extent, c), -1, 1)


def few(cases: Iterable[Any], *chosen: Any) -> list[Any]:
    """Parameters of a test: those that are not chosen stand for themselves only with the slow tests."""
    return [case if case in chosen else pytest.param(*_as_tuple(case), marks=pytest.mark.slow) for case in cases]


def _as_tuple(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)


# One call or two for each kernel that reach all of its code: several tiles, steps and images, every edge.
REPRESENTATIVE: dict[str, tuple[Launcher, Callable[[], Call]]] = {
    "tiled": (conv2d_tiled, lambda: image_filter((2, 67, 37), (5, 5), boundary="mirror")),
    "tiled, bytes": (
        conv2d_tiled,
        lambda: image_filter((65, 33), (3, 3), ("u1", "f4"), out_dtype="u1", boundary="wrap"),
    ),
    "separable": (conv2d_separable, lambda: factors((2, 35, 37), (5, 5), boundary="edge")),
    "separable, any size": (conv2d_separable, lambda: factors((35, 37), (4, 19), boundary="symmetric")),
    "1D": (conv1d, lambda: image_filter((2048,), (301,), boundary="mirror")),
    "1D, stride": (conv1d, lambda: image_filter((700,), (11,), ("i2", "i2"), stride=3, dilation=2, boundary="wrap")),
    "layer": (conv2d_layer, lambda: layer((2, 18, 33, 35), (10, 9, 3, 3), groups=2, padding=1)),
    "layer, large filter": (conv2d_layer, lambda: image_filter((20, 11), (90, 80), boundary="edge")),
    "layer, signals": (conv2d_layer, lambda: layer((2, 3, 1100), (4, 3, 9), "f8", stride=2, padding=4)),
    "direct": (
        conv2d_direct,
        lambda: layer((2, 4, 9, 8), (6, 2, 3, 2), groups=2, stride=(2, 1), dilation=(1, 2), padding=1),
    ),
}
