"""Whether contenders compute what a cell says, before they are timed."""

from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.engine import facts_of
from gpuconv.options import Options
from gpuconv.statements import filter_call, separable_call

from .cells import IMAGE_FILTERS, Cell, Runs

NEAR = 1e-3  # relative error that a peer may have and still computes the same


def verified(cell: Cell, x: np.ndarray, w: np.ndarray, runs: Runs) -> tuple[Runs, float]:
    """Return the contenders that compute the cell, and gpuconv's largest error as a share of its plan's bound.

    Raises
    ------
    AssertionError
        If gpuconv misses its bound.
    """
    exact, magnitude = (_reference(cell, a, b) for a, b in ((x, w), (np.abs(x), np.abs(w))))
    exact = np.clip(exact, 0, 255) if cell.dtype == "u1" else exact  # some taps are negative
    norm = float(np.linalg.norm(w) ** (2 if cell.work == "separable" else 1) * np.abs(x).max())
    largest = 0.0
    kept = {}
    for name, run in runs.items():
        error = np.abs(np.asarray(run(), "f8") - exact)
        if name.startswith("gpuconv"):
            limit = (
                _bound(cell, x, w, name.split()[1]).at(magnitude, exact, norm) + 1e-12 * magnitude
            )  # of the reference
            largest = max(largest, float((error / limit).max()))
            assert largest <= 1, f"{cell}: {name} has {largest} times the error of its bound"
        if name.startswith("gpuconv") or error.max() <= NEAR * np.abs(exact).max() + (
            0.51 if cell.dtype == "u1" else 0
        ):
            kept[name] = run
    return kept, largest


def _reference(cell: Cell, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The cell in double precision."""
    from scipy import ndimage, signal

    x, w = x.astype("f8"), w.astype("f8")
    if cell.work in IMAGE_FILTERS:
        return np.asarray(signal.oaconvolve(x, w[::-1, ::-1], "same"))
    if cell.work == "signal":
        return np.asarray(signal.oaconvolve(x, w[::-1], "same"))
    along = ndimage.correlate1d(x, w, -1, mode="constant")
    return np.asarray(along if cell.work == "rows" else ndimage.correlate1d(along, w, 0, mode="constant"))


def _bound(cell: Cell, x: np.ndarray, w: np.ndarray, backend: str) -> Any:
    options = Options(out_dtype=x.dtype)
    separable = cell.work == "separable"
    call = separable_call(x, [w, w], options) if separable else filter_call(x, w, options, flipped=False)
    return backends.select(call.problem, facts_of(call), backend)[1].bound
