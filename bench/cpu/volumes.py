"""Volumes: what is timed, and who computes it: correlation with zeros outside; integers are truncated, as in SciPy."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

import gpuconv

from .cells import set_threads
from .timing import interleaved

WORKS = ("volume", "separable volume")
SHAPES = {32: (32, 32, 32), 64: (64, 128, 128), 128: (128, 128, 128)}  # by number of slices
TAPS = (3, 5, 7, 9, 15)
DTYPES = ("f4", "f8", "u1", "u2")
SLOW = 4e8  # products that peers of one product at a time are not asked for
NEAR = 1e-3  # error relative to the largest sample, up to which a contender computes the same

Runs = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Cell:
    """One comparison."""

    work: str
    dtype: str
    slices: int
    taps: int

    @property
    def products(self) -> int:
        """Products that the definition needs."""
        samples = int(np.prod(SHAPES[self.slices]))
        return samples * (self.taps**3 if self.work == "volume" else 3 * self.taps)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Volume and weights; of separable weights one factor, used three times."""
        rng = np.random.default_rng(self.taps)
        x = (rng.random(SHAPES[self.slices]) * 255).astype(self.dtype)
        w = rng.random((self.taps,) * (3 if self.work == "volume" else 1))
        return x, (w / w.sum()).astype("f8" if self.dtype == "f8" else "f4")


def cells(works: tuple[str, ...]) -> Iterator[Cell]:
    """Every cell of some works."""
    for work in (work for work in works if work in WORKS):
        yield from (Cell(work, dtype, slices, k) for dtype in DTYPES for slices in SHAPES for k in TAPS)


def measure(works: tuple[str, ...], threads: tuple[int, ...], seconds: float) -> Iterator[dict[str, Any]]:
    """Verify and time every cell with each number of threads; rows of the report."""
    for cell in cells(works):
        x, w = cell.arrays()
        runs, error = verified(cell, contenders(cell, x, w))
        for number in threads:
            set_threads(number)
            about = {"work": cell.work, "dtype": cell.dtype, "size": cell.slices, "taps": cell.taps, "threads": number}
            yield {**about, "error": round(error, 4), "times": interleaved(runs, seconds, number)}


def verified(cell: Cell, runs: Runs) -> tuple[Runs, float]:
    """Those who compute the same as SciPy's fftconvolve in double precision, and gpuconv's error as a share of NEAR.

    Raises
    ------
    AssertionError
        If gpuconv does not.
    """
    from scipy import signal

    x, w = (array.astype("f8") for array in cell.arrays())
    if cell.work != "volume":
        w = np.multiply.outer(np.multiply.outer(w, w), w)
    exact = signal.fftconvolve(x, w[::-1, ::-1, ::-1], "same")
    limit = NEAR * np.abs(exact).max() + (1 if x.dtype != cell.dtype and cell.dtype[0] == "u" else 0)
    errors = {name: float(np.abs(np.asarray(run(), "f8") - exact).max()) / limit for name, run in runs.items()}
    assert errors["gpuconv"] <= 1, f"{cell}: gpuconv errs by {errors['gpuconv'] * limit}"
    return {name: run for name, run in runs.items() if errors[name] <= 1}, errors["gpuconv"]


def contenders(cell: Cell, x: np.ndarray, w: np.ndarray) -> Runs:
    """Everyone who computes a cell, by name."""
    if cell.work == "volume":
        ours = partial(gpuconv.correlate, x, w, out_dtype=x.dtype, rounding="trunc")
    else:
        ours = partial(gpuconv.sepconvolve, x, [w[::-1]] * 3, out_dtype=x.dtype, rounding="trunc")
    ours(backend="cpu")  # compiles at once
    runs: Runs = {"gpuconv": ours}
    for name, add in {"scipy.ndimage": _ndimage, "scipy.signal": _signal, "torch": _torch}.items():
        try:
            library = importlib.import_module(name)
        except ImportError:
            continue
        runs |= add(cell, x, w, library)
    return runs


def _ndimage(cell: Cell, x: np.ndarray, w: np.ndarray, ndimage: ModuleType) -> Runs:
    if cell.products > SLOW:
        return {}
    if cell.work == "volume":
        return {"ndimage.correlate": partial(ndimage.correlate, x, w, mode="constant")}

    def passes() -> Any:
        values = x.astype(w.dtype) if x.dtype.kind == "u" else x  # not truncated between passes
        for axis in range(3):
            values = ndimage.correlate1d(values, w, axis, mode="constant")
        return values.astype(x.dtype)

    return {"ndimage.correlate1d": passes}


def _signal(cell: Cell, x: np.ndarray, w: np.ndarray, signal: ModuleType) -> Runs:
    if x.dtype.kind == "u" or cell.work != "volume":
        return {}
    flipped = w[::-1, ::-1, ::-1]
    return {
        "signal.oaconvolve": partial(signal.oaconvolve, x, flipped, "same"),
        "signal.fftconvolve": partial(signal.fftconvolve, x, flipped, "same"),
    }


def _torch(cell: Cell, x: np.ndarray, w: np.ndarray, torch: ModuleType) -> Runs:
    if x.dtype.kind == "u" or cell.work != "volume" or cell.products > SLOW / 10 * x.itemsize:
        return {}
    images, weights = torch.from_numpy(x)[None, None], torch.from_numpy(w)[None, None]

    def convolve() -> Any:
        with torch.no_grad():
            return torch.nn.functional.conv3d(images, weights, padding="same").numpy().reshape(x.shape)

    return {"torch": convolve}
