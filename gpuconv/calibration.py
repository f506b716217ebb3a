"""The speed of this computer's CPU backends, measured once: what the model of costs goes by instead of its defaults.

`calibrate` measures for some tenths of a second and keeps the rates in a file beside the compiled kernels.
"""

import functools
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.core import convolve, sepconvolve
from gpuconv.engine import prepare
from gpuconv.options import Options
from gpuconv.planning import rates
from gpuconv.planning.costs import transform_seconds
from gpuconv.planning.facts import RATES, Facts, Rates
from gpuconv.statements import filter_call
from gpuconv.threads import get_num_threads, set_num_threads

SECONDS = 0.03  # spent on each rate
IMAGE, TAPS = 256, 15  # of the sums and of the passes
TILE_TAPS = 63  # of the transforms


def calibrate() -> dict[str, Rates]:
    """Measure this computer, and keep what is found for later processes; backends that are not compiled are left out.

    Returns
    -------
    dict of str to Rates
        For each backend, its rates: seconds of a product, of a sample to be transformed, and so on.

    Examples
    --------
    >>> from gpuconv.calibration import calibrate
    >>> calibrate()["numpy"].product < 1e-8  # doctest: +SKIP
    True
    """
    threads = get_num_threads()
    set_num_threads(1)
    try:
        found = {name: _measured(name) for name in RATES if _is_ready(name)}
    finally:
        set_num_threads(threads)
    rates.write(found)
    rates.known.cache_clear()
    return found


def _is_ready(backend: str) -> bool:
    """Whether nothing has to be compiled to measure."""
    if backend == "numpy":
        return True
    if backends.reason_unavailable(backend):
        return False
    from gpuconv.cpu import jit, warm

    return all(jit.ready(kernel) for terms in (0, 1) for kernel in warm.kernels(_problem(), np.dtype("float32"), terms))


def _problem() -> Any:
    return filter_call(np.ones((IMAGE, IMAGE), "f4"), np.ones((TAPS, TAPS), "f4"), Options(), flipped=True).problem


def _measured(backend: str) -> Rates:
    """Rates of what takes most of the time; the others keep their proportion to these."""
    rng = np.random.default_rng(0)
    image = rng.random((IMAGE, IMAGE)).astype("f4")
    taps, row = rng.random((TAPS, TAPS)).astype("f4"), rng.random(TAPS).astype("f4")
    run = functools.partial(convolve, image, backend=backend)
    direct = _fastest(lambda: run(taps, method="direct")) / (image.size * taps.size)
    passed = _fastest(lambda: sepconvolve(image, [row, row], backend=backend)) / (image.size * 2 * TAPS)
    usual = RATES[backend]
    return replace(usual, product=direct, passed=passed, point=_point(backend, usual))


def _point(backend: str, usual: Rates) -> float:
    """Seconds of a transformed sample and power of two."""
    rng = np.random.default_rng(0)
    image, weights = rng.random((2 * IMAGE, 2 * IMAGE)).astype("f4"), rng.random((TILE_TAPS, TILE_TAPS)).astype("f4")
    options = Options(method="fft", backend=backend)
    prepared = prepare(filter_call(image, weights, options, flipped=True))
    assert prepared.plan.tiles is not None
    modelled = transform_seconds(prepared.plan.problem, Facts(), backend, prepared.plan.tiles)
    return usual.point * _fastest(prepared.finish) / modelled


def _fastest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs."""
    run()
    best, stop = math.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < stop:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best
