"""The CuPy backend on a device whose memory is too small for a call: part by part, and the same bits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv import nn
from gpuconv.backends import cupy as cupy_backend
from gpuconv.backends import cupy_memory, cupy_probe
from gpuconv.engine import prepare
from gpuconv.options import Options
from gpuconv.statements import filter_call

standin = pytest.importorskip("standin")
if standin.unavailable():
    pytest.skip(standin.unavailable(), allow_module_level=True)
cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("these tests look inside the stand-in cupy; this process has the real one", allow_module_level=True)

from cupy._device import live  # noqa: E402 (of the stand-in)

X, W = random((3, 60, 67), "f4"), random((5, 5), "f4", 1)


@contextmanager
def memory(nbytes: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list]:
    """Leave the device so many free bytes, and record the launches."""
    cupy.fft.config.get_plan_cache().clear()
    with monkeypatch.context() as patch, standin.recording() as launches:
        patch.setenv("GPUCONV_STANDIN_MEMORY", str(live[0] + nbytes))
        yield launches


def filtered(x, w=W, **options):
    return gpuconv.convolve(x, w, backend="cupy", **options)


def layer():
    with gpuconv.backend("cupy"):
        return nn.conv2d(random((2, 8, 60, 33), "f4"), random((16, 8, 3, 3), "f4"), padding=1)


# Kernels, calls that take them, and memory for a few rows: images, rows and signals have to be cut.
CALLS = {
    "conv2d_small": (9_000, lambda: filtered(X, boundary="mirror")),
    "conv2d_large": (12_000, lambda: filtered(X, random((17, 16), "f4"), boundary="symmetric")),
    "separable_stream": (9_000, lambda: gpuconv.sepconvolve(X, [W[0], W[1]], boundary="wrap", backend="cupy")),
    "low_rank": (
        12_000,
        lambda: filtered(X, random((40, 2), "f4") @ random((2, 5), "f4"), method="low_rank", boundary="mirror"),
    ),
    "conv1d_rows": (9_000, lambda: filtered(X, W[0], boundary="edge")),
    "conv1d_columns": (
        24_000,
        lambda: gpuconv.convolve(X[0], random(40, "f4"), axes=0, boundary="wrap", backend="cupy"),
    ),
    "conv1d": (9_000, lambda: filtered(X[0].ravel(), random(30, "f4"), stride=2, boundary="symmetric")),
    "conv2d_layer": (60_000, layer),
    "conv2d_direct": (35_000, lambda: filtered(X, random((70, 61), "f4"), stride=3, dilation=2, boundary="mirror")),
}


@pytest.mark.parametrize("kernel", CALLS)
def test_parts_give_the_same_bits(monkeypatch, kernel):
    nbytes, call = CALLS[kernel]
    with standin.recording() as whole:
        expected = call()
    with memory(nbytes, monkeypatch) as parts:
        result = call()
    np.testing.assert_array_equal(result, expected)
    assert {launch.name for launch in parts} == {launch.name for launch in whole}
    assert len(parts) > 1


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x[:, ::-1, ::2], lambda x: x.T])
@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_only_temporaries_of_device_arrays_are_cut(monkeypatch, view, boundary):
    x = view(cupy.asarray(X))
    expected = filtered(x.get(), boundary=boundary)
    out = view(cupy.asarray(np.zeros_like(X)))
    with memory(3000, monkeypatch):
        filtered(x, boundary=boundary, out=out)
    np.testing.assert_array_equal(out.get(), expected)


@pytest.mark.parametrize("place", [np.asarray, cupy.asarray])
def test_a_part_does_not_overwrite_what_another_reads(monkeypatch, place):
    rows = np.concatenate([X[0], X[1]])
    memory_ = place(rows.copy())
    expected = filtered(rows[:60], boundary="symmetric")
    with memory(6000, monkeypatch):
        filtered(memory_[:60], boundary="symmetric", out=memory_[7:67])
    np.testing.assert_array_equal(memory_[7:67] if place is np.asarray else memory_[7:67].get(), expected)


def test_weights_that_the_result_overwrites(monkeypatch):
    memory_ = cupy.asarray(np.concatenate([W, np.zeros((60, 5), "f4")]))
    expected = filtered(X[0, :, :5])
    x = cupy.asarray(np.ascontiguousarray(X[0, :, :5]))
    with memory(1000, monkeypatch) as launches:
        filtered(x, memory_[:5], out=memory_[2:62])
    assert len(launches) > 1
    np.testing.assert_allclose(memory_[2:62].get(), expected, rtol=0, atol=1e-5 * np.abs(W).sum() * np.abs(X).max())


def test_not_even_one_row(monkeypatch):
    sentence = r"1,608 bytes for one part of 1 x 1 x 1 x 67 outputs.*; [\d,]+ of [\d,]+ are free \(Out of memory alloc"
    with memory(1500, monkeypatch), pytest.raises(MemoryError, match=sentence):
        filtered(X)


def test_what_a_failed_attempt_took_is_free_again(monkeypatch):
    before = live[0]
    with memory(1500, monkeypatch), pytest.raises(MemoryError):
        filtered(X)
    assert live[0] == before


def test_few_attempts(monkeypatch):
    """What did not fit once is not tried again: seven sizes, from three images down to fifteen rows."""
    tried, attempt = [], cupy_memory._failure
    monkeypatch.setattr(cupy_memory, "_failure", lambda compute: tried.append(attempt(compute)) or tried[-1])
    with memory(10_000, monkeypatch):
        filtered(X)
    assert 1 < len(tried) - tried.count(None) <= 5


@pytest.mark.parametrize("boundary", ["mirror", "wrap"])
def test_transforms(monkeypatch, boundary):
    """They go in parts too, within their bound, and give way to sums where their tiles do not fit."""
    w = random((31, 31), "f4", 1)
    exact = gpuconv.convolve(X.astype("f8"), w, boundary=boundary, backend="numpy", method="direct")
    atol = 1e-5 * np.linalg.norm(w) * np.linalg.norm(X)
    with memory(300_000, monkeypatch) as launches:
        np.testing.assert_allclose(filtered(X, w, boundary=boundary, method="fft"), exact, rtol=0, atol=atol)
    assert [launch.name for launch in launches].count("fft_store") > 1
    with memory(60_000, monkeypatch), pytest.raises(MemoryError, match=r"workspace; .* are free .Out of memory"):
        filtered(X, w, boundary=boundary, method="fft")
    made = prepare(filter_call(X, w, Options(boundary=boundary, method="fft", backend="cupy"), flipped=True))
    plan, out = replace(made.plan, facts=replace(made.plan.facts, method="auto")), np.empty_like(X)
    with memory(60_000, monkeypatch):
        cupy_backend.run(plan, made.operands, made.in_engine_order(out))
    np.testing.assert_array_equal(out, filtered(X, w, boundary=boundary, method="direct"))


def test_largest_of_64_bit_integers_on_the_device():
    """Sums of these might not fit 64 bits, by their dtype alone."""
    x = np.arange(-60, 60).reshape(8, 15)[:, ::-2]
    expected = gpuconv.convolve(x, [[1, 2], [3, 4]], backend="numpy")
    np.testing.assert_array_equal(filtered(cupy.asarray(x), [[1, 2], [3, 4]]).get(), expected)
    np.testing.assert_array_equal(filtered(cupy.asarray(x.astype("u8") % 7), [[1]]).get(), x.astype("u8") % 7)
    with pytest.raises(OverflowError, match="9223372036854775808 \\* 2"):
        filtered(cupy.asarray(np.array([-(2**63), 1])), [1, 1])


def test_the_probe_needs_no_memory(monkeypatch):
    with memory(1000, monkeypatch):
        assert cupy_probe.unavailable() is None
