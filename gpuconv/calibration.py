"""The speed of this computer's CPU backends, measured once: what the model of costs goes by instead of its defaults.

`calibrate` measures for some tenths of a second and keeps the rates in a file beside the compiled kernels. A file that
is damaged, or of another machine or version, is ignored: the defaults serve.
"""

import functools
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpuconv import backends, caches
from gpuconv.costs import transform_seconds
from gpuconv.facts import RATES, Facts, Rates
from gpuconv.threads import get_num_threads, set_num_threads

SECONDS = 0.03  # spent on each rate
IMAGE, TAPS = 256, 15  # of the sums and of the passes
TILE_TAPS = 63  # of the transforms


def path() -> Path:
    """Return where the file is."""
    return caches.directory() / "rates.json"


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
    _write(found)
    known.cache_clear()
    return found


@functools.cache
def known(backend: str) -> Rates | None:
    """Return what was measured for a backend on this machine, or None."""
    try:
        text = path().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    import json  # with a file to be read only: the first call of a process should not wait

    try:
        content = json.loads(text)
    except ValueError:
        return None
    rates = content.get("rates", {}) if isinstance(content, dict) and content.get("machine") == _machine() else {}
    found = rates.get(backend) if isinstance(rates, dict) else None
    return Rates(**found) if isinstance(found, dict) and _well_formed(found) else None


def _well_formed(found: dict[str, Any]) -> bool:
    if found.keys() != {field.name for field in fields(Rates)}:
        return False
    return all(isinstance(rate, float) and 0 < rate < 1 and math.isfinite(rate) for rate in found.values())


def _write(found: dict[str, Rates]) -> None:
    """Another process sees all of it or nothing; a directory that cannot be written is no error."""
    import json

    from gpuconv.files import FileError, replacing

    rates = {name: asdict(each) for name, each in found.items()}
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        with replacing(path()) as temporary:
            temporary.write_text(json.dumps({"machine": _machine(), "rates": rates}, indent=1) + "\n")
    except (OSError, FileError):
        return


def _machine() -> str:
    """What the rates depend on."""
    import gpuconv
    from gpuconv.backends.numpy_fft import installed

    versions = f"gpuconv {gpuconv.__version__}, numpy {np.__version__}, transforms of {installed()}"
    return f"{platform.node()}, {platform.machine()}, {os.cpu_count()} processors, {versions}"


def _is_ready(backend: str) -> bool:
    """Whether nothing has to be compiled to measure."""
    if backend == "numpy":
        return True
    if backends.reason_unavailable(backend):
        return False
    from gpuconv.cpu import jit, warm

    return all(
        jit.ready(kernel)
        for passes in (False, True)
        for kernel in warm.kernels(_problem(), np.dtype("float32"), passes)
    )


def _problem() -> Any:
    from gpuconv.core import filter_call
    from gpuconv.options import Options

    return filter_call(np.ones((IMAGE, IMAGE), "f4"), np.ones((TAPS, TAPS), "f4"), Options(), flipped=True).problem


def _measured(backend: str) -> Rates:
    """Rates of what takes most of the time; the others keep their proportion to these."""
    import gpuconv

    rng = np.random.default_rng(0)
    image = rng.random((IMAGE, IMAGE)).astype("f4")
    taps, row = rng.random((TAPS, TAPS)).astype("f4"), rng.random(TAPS).astype("f4")
    run = functools.partial(gpuconv.convolve, image, backend=backend)
    direct = _fastest(lambda: run(taps, method="direct")) / (image.size * taps.size)
    passed = _fastest(lambda: gpuconv.sepconvolve(image, [row, row], backend=backend)) / (image.size * 2 * TAPS)
    usual = RATES[backend]
    return replace(usual, product=direct, passed=passed, point=_point(backend, usual))


def _point(backend: str, usual: Rates) -> float:
    """Seconds of a transformed sample and power of two."""
    from gpuconv.core import filter_call
    from gpuconv.engine import prepare
    from gpuconv.options import Options

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
