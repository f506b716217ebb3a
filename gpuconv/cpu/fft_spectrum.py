"""The spectrum of a filter, as the kernels read it, and kept for the next call."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import numpy as np

from gpuconv.cpu.fft_passes import frequencies
from gpuconv.cpu.recipe import component
from gpuconv.cpu.target import host
from gpuconv.problem import Ints

CACHED_BYTES = 16 << 20
_cached: OrderedDict[object, np.ndarray] = OrderedDict()
_lock = Lock()


def spectrum(weights: np.ndarray, dilation: Ints, shape: Ints, linear: bool) -> np.ndarray:
    """Return the spectrum that makes transforms of a tile's shape correlate with the weights, scaled for the way back.

    It is made in double precision, and kept for later calls.
    """
    key = weights.tobytes(), weights.shape, weights.dtype, dilation, shape, linear
    return _kept(key, lambda: _arranged(_transformed(weights, dilation, shape, linear), component(weights.dtype)))


def standing_spectrum(weights: np.ndarray, dilation: int, points: int) -> np.ndarray:
    """Return the same for columns that are transformed down only: numbers, real and imaginary parts side by side."""

    def make() -> np.ndarray:
        numbers = _transformed(weights.reshape(-1, 1), (dilation, 1), (points, 1), False)
        return np.ascontiguousarray(np.concatenate([numbers.real, numbers.imag], 1), component(weights.dtype))

    return _kept((weights.tobytes(), weights.dtype, dilation, points), make)


def volume_spectrum(weights: np.ndarray, dilation: Ints, shape: Ints) -> np.ndarray:
    """Return the spectra of all slices of the weights; those that belong to one vector of a tile's side by side."""
    code = component(weights.dtype)

    def make() -> np.ndarray:
        each = [_arranged(_transformed(slice_, dilation[1:], shape, False), code) for slice_ in weights]
        return np.stack(each, 2)

    return _kept((weights.tobytes(), weights.shape, weights.dtype, dilation, shape, "volume"), make)


def twist(height: int, width: int, code: str) -> np.ndarray:
    """Return the roots of unity between the transforms of the columns and of the rows of a line."""
    points = height * width

    def make() -> np.ndarray:
        turns = np.multiply.outer(frequencies(height), np.arange(width)) % points
        return _arranged(np.exp(-2j * np.pi / points * turns), code)

    return _kept((height, width, code), make)


def _kept(key: object, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The table of a key; those that were not used for longest make room."""
    with _lock:
        found = _cached.get(key)
        if found is not None:
            _cached.move_to_end(key)
            return found
    with np.errstate(all="ignore"):  # weights that are not finite spoil the result, and are then summed
        found = make()
    with _lock:
        _cached[key] = found
        while sum(table.nbytes for table in _cached.values()) > CACHED_BYTES and len(_cached) > 1:
            _cached.popitem(last=False)
    return found


def _transformed(weights: np.ndarray, dilation: Ints, shape: Ints, linear: bool) -> np.ndarray:
    """Inverse transform of the weights, rows and columns as the kernels leave them."""
    spread = np.zeros([d * (k - 1) + 1 for d, k in zip(dilation, weights.shape, strict=True)], "c16")
    spread[tuple(slice(None, None, d) for d in dilation)] = weights
    (height, width), (down, along) = shape, map(frequencies, shape)
    table: np.ndarray
    if linear:
        table = np.fft.ifft(spread.ravel(), height * width).reshape(width, height)[along][:, down].T
    else:
        table = np.fft.ifft(np.fft.ifft(spread, width, axis=1)[:, along], height, axis=0)[down]
    return table


def _arranged(table: np.ndarray, code: str) -> np.ndarray:
    """For each panel of rows, and each column in it, a vector of real and one of imaginary parts."""
    lanes = host().lanes(int(code[1]))
    panels = table.reshape(len(table) // lanes, lanes, -1).transpose(0, 2, 1)
    return np.ascontiguousarray(np.stack([panels.real, panels.imag], 2), code)
