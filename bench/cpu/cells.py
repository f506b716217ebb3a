"""What is timed: cells of (work, dtype, size, taps), and who computes each.

Everyone computes the same: correlation with zeros outside the image, rounded to nearest for uint8. Random weights are
not separable; separable ones are a Gaussian, those of "log" the Laplacian of one: a sum of two outer products.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

import gpuconv

SIZES = (256, 512, 1024, 2048, 4096)
TAPS = (3, 5, 7, 11, 15, 31)
DTYPES = ("f4", "f8", "u1")
LOG_TAPS = (9, 15, 31)
IMAGE_FILTERS = ("direct", "log")
SIGNAL = 1_000_000
SIGNAL_TAPS = (5, 16, 31, 64, 256, 1024)
SLOW = 3e9  # products that peers of one product at a time are not asked for

Runs = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Cell:
    """One comparison."""

    work: str  # "direct", "log", "separable", "signal" or "rows"
    dtype: str
    size: int  # of a square image, or samples
    taps: int  # along each axis

    def __str__(self) -> str:
        return f"{self.work} {self.dtype} {self.size} {self.taps}"

    @property
    def products(self) -> float:
        """Products that the definition needs."""
        outputs = self.size if self.work == "signal" else self.size**2
        return float(outputs * self.taps ** (2 if self.work in IMAGE_FILTERS else 1))

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Image and weights; separable weights are one factor, used twice."""
        rng = np.random.default_rng(self.taps)
        shape = (self.size,) if self.work == "signal" else (self.size, self.size)
        x = (rng.random(shape) * 255).astype(self.dtype)
        if self.work == "separable":
            w = np.exp(-0.5 * (np.arange(self.taps) - self.taps // 2) ** 2 / (self.taps / 6) ** 2)
        elif self.work == "log":
            w = _laplacian_of_gaussian(self.taps)
        else:
            w = rng.random((self.taps,) * (2 if self.work == "direct" else 1))
        return x, (w / np.abs(w).sum()).astype("f8" if self.dtype == "f8" else "f4")


def _laplacian_of_gaussian(taps: int) -> np.ndarray:
    """Of sigma = taps / 7."""
    squares = ((np.arange(taps) - taps // 2) / (taps / 7)) ** 2
    radius = np.add.outer(squares, squares)
    weights: np.ndarray = (radius - 2) * np.exp(-radius / 2)
    return weights


def cells(works: tuple[str, ...], sizes: tuple[int, ...], taps: tuple[int, ...]) -> Iterator[Cell]:
    """Every cell of some works."""
    for work in (w for w in works if w in ("direct", "log", "separable", "signal", "rows")):
        for dtype in DTYPES:
            if work == "log":
                yield from (Cell(work, dtype, size, k) for size in sizes for k in LOG_TAPS)
            elif work in ("direct", "separable"):
                yield from (Cell(work, dtype, size, k) for size in sizes for k in taps)
            elif dtype != "u1":
                size, signal_taps = (SIGNAL, SIGNAL_TAPS) if work == "signal" else (1000, SIGNAL_TAPS[:4])
                yield from (Cell(work, dtype, size, k) for k in signal_taps)


def contenders(cell: Cell, x: np.ndarray, w: np.ndarray) -> Runs:
    """Everyone who computes a cell, by name; gpuconv's names begin with it."""
    runs: Runs = {}
    for backend in ("cpu", "numpy"):
        if backend == "cpu" or cell.products < SLOW:
            runs[f"gpuconv {backend}"] = partial(_gpuconv, cell, x, w, backend)
    for name, add in {"cv2": _opencv, "scipy.ndimage": _ndimage, "scipy.signal": _signal, "torch": _torch}.items():
        try:
            library = importlib.import_module(name)
        except ImportError:
            continue
        runs |= add(cell, x, w, library)
    if cell.work == "signal" and cell.products < SLOW:
        runs["np.convolve"] = partial(np.convolve, x, w[::-1], "same")
    return runs


def set_threads(number: int) -> None:
    """Let everyone use so many threads."""
    gpuconv.threads.set_num_threads(number)
    for name, function in (("cv2", "setNumThreads"), ("torch", "set_num_threads")):
        try:
            getattr(importlib.import_module(name), function)(number)
        except ImportError:
            continue


def _gpuconv(cell: Cell, x: np.ndarray, w: np.ndarray, backend: str) -> Any:
    out_dtype = x.dtype
    if cell.work == "separable":
        return gpuconv.sepconvolve(x, [w, w], out_dtype=out_dtype, backend=backend)
    return gpuconv.correlate(x, w, out_dtype=out_dtype, backend=backend, precision="standard")


def _opencv(cell: Cell, x: np.ndarray, w: np.ndarray, cv2: ModuleType) -> Runs:
    if cell.work in IMAGE_FILTERS:
        return {"cv2.filter2D": partial(cv2.filter2D, x, -1, w, borderType=cv2.BORDER_CONSTANT)}
    if cell.work != "separable":
        return {}
    blur = partial(cv2.GaussianBlur, x, (cell.taps, cell.taps), cell.taps / 6, borderType=cv2.BORDER_CONSTANT)
    sep = partial(cv2.sepFilter2D, x, -1, w, w, borderType=cv2.BORDER_CONSTANT)
    return {"cv2.sepFilter2D": sep, "cv2.GaussianBlur": blur}


def _ndimage(cell: Cell, x: np.ndarray, w: np.ndarray, ndimage: ModuleType) -> Runs:
    if x.dtype == "u1" or cell.products > SLOW / 10:  # it truncates uint8
        return {}
    if cell.work in IMAGE_FILTERS:
        return {"ndimage.correlate": partial(ndimage.correlate, x, w, mode="constant")}
    if cell.work == "separable":
        return {
            "ndimage.correlate1d": lambda: ndimage.correlate1d(
                ndimage.correlate1d(x, w, 0, mode="constant"), w, 1, mode="constant"
            )
        }
    return {"ndimage.correlate1d": partial(ndimage.correlate1d, x, w, mode="constant")}


def _signal(cell: Cell, x: np.ndarray, w: np.ndarray, signal: ModuleType) -> Runs:
    if x.dtype == "u1" or cell.work == "separable":
        return {}
    if cell.work == "rows":
        return {"signal.oaconvolve": partial(signal.oaconvolve, x, w[None, ::-1], "same", axes=1)}
    flipped = w[(slice(None, None, -1),) * w.ndim]
    return {
        "signal.oaconvolve": partial(signal.oaconvolve, x, flipped, "same"),
        "signal.fftconvolve": partial(signal.fftconvolve, x, flipped, "same"),
    }


def _torch(cell: Cell, x: np.ndarray, w: np.ndarray, torch: ModuleType) -> Runs:
    if x.dtype == "u1" or cell.work == "separable" or cell.products > SLOW:
        return {}
    functional = torch.nn.functional
    images, weights = torch.from_numpy(np.atleast_2d(x))[:, None], torch.from_numpy(w)[None, None]
    if cell.work in IMAGE_FILTERS:
        images = images.transpose(0, 1)[None]
    run = functional.conv2d if cell.work in IMAGE_FILTERS else functional.conv1d

    def convolve() -> Any:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on padding="same" of an even filter
            return run(images, weights, padding="same").numpy().reshape(x.shape)

    return {"torch": convolve}
