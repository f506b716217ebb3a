"""Parts of the transforms on the CPU backend: kernels against NumPy's, tables, the choice of tiles, what waits."""

import ctypes
from collections import OrderedDict, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import backends
from gpuconv.backends import cpu
from gpuconv.cpu import fft, fft_recipe, fft_spectrum, jit, warm
from gpuconv.cpu.fft_kernels import columns_kernel, inverse_kernel
from gpuconv.cpu.fft_passes import frequencies, roots
from gpuconv.cpu.fft_tiles import TILES
from gpuconv.cpu.job import FIELDS, address
from gpuconv.engine import facts_of
from gpuconv.launches.cpu_fft import fft_tiles, takes_fft
from gpuconv.options import Options
from gpuconv.planning.bounds import transform_bound, transform_error
from gpuconv.statements import filter_call

pytest.importorskip("llvmlite", reason="llvmlite is not installed")


@pytest.mark.parametrize("code", ["f4", "f8"])
@pytest.mark.parametrize("points", [32, 64, 128])
def test_columns_there_and_back(points, code):
    width, size = 64, np.dtype(code).itemsize
    tile = np.empty((2, points, width), code)
    tile[:] = random(tile.shape, code)
    given, panel, table = tile[0] + 1j * tile[1], np.empty((2, points, 64), code), roots(points, code)
    common = (address(tile), width * size, tile[0].nbytes, address(panel), address(table), width * size)
    source = np.array([address(tile), width * size, address(tile[1]), width * size])
    _function(columns_kernel(code, points), 7)(*common, address(source))
    expected = np.fft.fft(given, axis=0)[frequencies(points)]
    unit = np.finfo(code).eps
    assert np.linalg.norm(tile[0] + 1j * tile[1] - expected) <= 4.3 * np.log2(points) * unit * np.linalg.norm(expected)
    _function(inverse_kernel(code, points), 6)(*common)
    given *= points
    assert np.linalg.norm(tile[0] + 1j * tile[1] - given) <= 8.6 * np.log2(points) * unit * np.linalg.norm(given)


def _function(kernel, arguments):
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)(jit.address(kernel))


def test_spectra_are_kept_within_bounds(monkeypatch):
    monkeypatch.setattr(fft_spectrum, "CACHED_BYTES", 100_000)
    monkeypatch.setattr(fft_spectrum, "_cached", OrderedDict())
    first = fft_spectrum.spectrum(random((3, 3), "f4", 0), (1, 1), (32, 64), False)
    assert first is fft_spectrum.spectrum(random((3, 3), "f4", 0), (1, 1), (32, 64), False)
    for seed in range(1, 20):
        fft_spectrum.spectrum(random((3, 3), "f4", seed), (1, 1), (32, 64), False)
    assert 0 < sum(table.nbytes for table in fft_spectrum._cached.values()) <= 100_000
    assert first is not fft_spectrum.spectrum(random((3, 3), "f4", 0), (1, 1), (32, 64), False)


def test_tiles_are_small_where_the_error_must_be():
    problem = filter_call(random((900, 900), "f4"), random((31, 31), "f4"), Options(), flipped=True).problem
    free, strict = (fft_tiles(problem, allowed).points for allowed in (np.inf, 8e-6))
    assert np.prod(strict) < np.prod(free)
    assert transform_error(strict, problem.compute_dtype) <= 8e-6 < transform_error(free, problem.compute_dtype)


def test_numpy_transforms_until_the_kernels_are_compiled(monkeypatch):
    call = filter_call(random((300, 300), "f4"), random((21, 21), "f4"), Options(), flipped=True)
    monkeypatch.setattr(cpu, "_meanwhile", defaultdict(float))
    monkeypatch.setattr(jit, "ready", lambda kernel: "fft" not in str(kernel))
    assert "not compiled yet" in cpu.hesitation(call.problem, facts_of(call))
    monkeypatch.setattr(jit, "ready", lambda kernel: "sliding" not in str(kernel))
    assert cpu.hesitation(call.problem, facts_of(call)) is None


def test_the_default_kernels_are_those_of_usual_filters():
    wanted = set(warm.default_kernels())
    for shape, taps in (
        ((1000, 900), (15, 15)),
        ((4096, 4096), (63, 63)),
        ((1_000_000,), (1024,)),
        ((99, 5000), (1, 200)),
    ):
        problem = filter_call(
            np.broadcast_to(np.float32(1), shape), random(taps, "f4"), Options(), flipped=True
        ).problem
        assert wanted >= set(fft_recipe.kernels(problem, fft_tiles(problem, np.inf).points, np.dtype("f4")))


def test_fields_have_one_meaning():
    assert not set(FIELDS) & set(TILES)


def test_what_has_no_transform():
    x, w = random((2000, 2000), "f4"), np.ones((5, 5), "f4")
    calls = {
        "stride": filter_call(x, w, Options(stride=2), flipped=True),
        "integers": filter_call(x.astype("i4"), w.astype("i4"), Options(), flipped=True),
        "reach": filter_call(x, w, Options(dilation=300), flipped=True),
    }
    assert not any(takes_fft(call.problem) for call in calls.values())


@pytest.mark.slow  # as above, with longer columns
@pytest.mark.parametrize("points", [256, 2048, 4096, 8192])
def test_columns_of_every_length(points):
    x, w = random((5000, 40), "f8"), random((7, 1), "f8", 1)
    problem = filter_call(x, w, Options(), flipped=False).problem
    expected, out = gpuconv.correlate(x, w, method="direct"), np.empty((1, *x.shape))
    fft.prepare(problem, (points, 1), w, (0, *x.strides, 0, *x.strides), None).run(x, out)
    limit = transform_bound(problem, (points, 1), 2).normwise * np.linalg.norm(w) * np.abs(x).max()
    assert np.abs(out[0] - expected).max() <= limit


@pytest.mark.slow  # compiles every length; the shorter ones are what the other tests take
@pytest.mark.parametrize("points", [(64, 128), (256, 32), (512, 64), (1024, 32), (32, 256), (32, 512), (32, 1024)])
def test_every_length(points):
    x, w = random((1030, 1050), "f4"), random((7, 6), "f4", 1)
    call = filter_call(x, w, Options(), flipped=False)
    _, plan = backends.select(call.problem, replace(facts_of(call), method="fft"), "cpu")
    expected, out = gpuconv.correlate(x.astype("f8"), w.astype("f8")), np.empty((1, *x.shape), "f4")
    fft.prepare(call.problem, points, w, (0, *x.strides, 0, *x.strides), None).run(x, out)
    limit = transform_bound(call.problem, points, 2).normwise * np.linalg.norm(w) * np.abs(x).max()
    assert plan.algorithm == "fft"
    assert np.abs(out[0] - expected).max() <= limit
