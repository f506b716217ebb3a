"""Arrays of more than 2^31 elements: the last block of a grid computes the last outputs.

Only that block runs, over memory that the system gives as it is touched; its place in the grid is written into the
text.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random

from gpuconv.arrays import Operands
from gpuconv.backends import numpy as reference
from gpuconv.backends.cupy_launches import value_of
from gpuconv.launches import LaunchPlan, cuda
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import make_plan
from gpuconv.problem import Problem
from gpuconv.sources import source

BYTE, SINGLE = np.dtype("uint8"), np.dtype("float32")
ONES = (1, 1)
NEAR = 96  # samples along each axis that are not zero: more than any filter here reaches


def problem(images, extent, taps, channels=(1, 1, 1), op="forward", **changes) -> Problem:
    pads = tuple(n // 2 for n in taps)
    steps = (1,) * len(extent)
    geometry = (extent, taps, pads, pads, steps, steps, "constant", 0)
    return Problem((images,), *channels, *geometry, BYTE, SINGLE, SINGLE, BYTE, **changes)


def problems() -> dict[str, Problem]:
    """One large image, many small ones, one signal, many layers' images; extents that all tiles divide."""
    large = (49_536, 49_152)
    found = {f"large {taps}": problem(1, large, taps) for taps in ((5, 5), (13, 13), (9, 1), (41, 1), (1, 9))}
    found |= {f"many {taps}": problem(30_000, (288, 384), taps) for taps in ((5, 5), (13, 13))}
    found["signal"] = problem(1, (2_415_919_104,), (41,))
    found |= {
        f"layers {channels}": problem(80_000, (48, 48), (3, 3), channels, bias=True)
        for channels in ((16, 16, 1), (16, 16, 16))
    }
    return found


CASES = {
    (name, launcher.__name__): (case, launcher)
    for name, case in problems().items()
    for launcher in cuda.LAUNCHERS
    if isinstance(launcher(case, Facts(separable=case.is_filter and case.rank == 2)), LaunchPlan)
}


def last_block(launch: LaunchPlan) -> str:
    """The launch's text, for a grid of one block that is the last of the launch's."""
    text = '#pragma GCC optimize("wrapv")\n' + source(launch.specialization)  # as ints overflow on a GPU
    for axis, blocks in zip("xyz", launch.grid, strict=True):
        text = re.sub(rf"\bblockIdx\.{axis}", f"(blockIdx.{axis} + {blocks - 1}u)", text)
        text = re.sub(rf"\bgridDim\.{axis}", f"{blocks}u", text)
    return text


def corner(case: Problem) -> tuple[slice, ...]:
    """The last places along every axis, as far as NEAR."""
    return tuple(slice(-min(n, NEAR), None) for n in (1, case.channels_in, *case.extent))


@pytest.mark.slow  # compiles a text for each kernel and problem
@pytest.mark.parametrize("name", CASES, ids=" ".join)
def test_the_last_outputs_of_a_large_array(name):
    case, launcher = CASES[name]
    factors = (positive(case.filter[0]), positive(case.filter[-1])) if case.is_filter and case.rank == 2 else ()
    launch = launcher(case, Facts(separable=bool(factors)))
    image, out = np.zeros(case.image_shape, BYTE), np.zeros(case.out_shape, BYTE)
    assert max(image.size, out.size) > 2**31
    seen = image[corner(case)]
    seen[...] = random(seen.shape, "u1")
    bias = positive(case.channels_out) if case.bias else None
    weights = np.multiply.outer(*factors)[None, None] if factors else positive(case.weights_shape)
    operands = Operands(image, weights, factors, bias)
    values = [argument(a, launch, operands, {"image": image, "out": out}) for a in launch.arguments]
    standin.run(last_block(launch), launch.specialization.kernel, 1, launch.block, values, launch.shared_bytes)
    exact, limit = expected(case, seen, operands)  # of the one image that is not zero
    last = (-1, -1, *(-1,) * (case.rank - 1), slice(-4, None))
    got = out[last].astype("f8")
    assert np.any(got != 0)
    assert np.all(np.abs(got - exact[last]) <= limit[last])


def positive(shape):
    """Weights whose sums stay within a byte, or not far from it."""
    values = np.abs(random(shape, "f4"))
    return values / values.sum() if values.size < 1000 else values * 0.01


def argument(wanted, launch, operands, arrays):
    """What the backend passes, with NumPy arrays for pointers."""
    value = arrays[wanted.kind] if wanted.kind in arrays else value_of(wanted, launch, operands)
    return value._host if hasattr(value, "_host") else value


def expected(case: Problem, seen: np.ndarray, operands: Operands) -> tuple[np.ndarray, np.ndarray]:
    """The corner's exact outputs and their bounds."""
    small = replace(case, batch=(1,), extent=seen.shape[2:], compute_dtype=np.dtype("f8"), out_dtype=np.dtype("f8"))
    results = []
    for sign in (lambda a: a, np.abs):
        plan = make_plan(small, Facts(method="direct"), "numpy")
        out = np.empty(small.out_shape)
        bias = None if operands.bias is None else sign(operands.bias)
        reference.run(plan, Operands(seen, sign(operands.weights), (), bias), out)
        results.append(out)
    bound = make_plan(case, Facts(), "numpy").bound
    exact = np.clip(results[0], 0, 255)
    return exact, bound.at(results[1], exact)
