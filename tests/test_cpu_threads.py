"""The CPU backend's threads, and what it leaves to others."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from agreement import check_convolve, random

import gpuconv
from gpuconv import backends
from gpuconv.backends import cpu
from gpuconv.cpu import filters, jit, pool
from gpuconv.errors import UnsupportedProblemError
from gpuconv.options import Options
from gpuconv.planning.facts import Facts
from gpuconv.statements import filter_call
from gpuconv.threads import get_num_threads, set_num_threads


@pytest.fixture(autouse=True)
def threads():
    """Every problem counts as worth three threads, whatever the machine has."""
    before, least = get_num_threads(), filters.LEAST_SECONDS
    set_num_threads(3)
    filters.LEAST_SECONDS = 0
    yield
    set_num_threads(before)
    filters.LEAST_SECONDS = least


def test_the_number_of_threads_does_not_change_a_bit():
    x, results = random((5, 100, 90), "f4"), []
    for number in (1, 2, 3, 7):
        set_num_threads(number)
        results.append(gpuconv.convolve(x, random((5, 5), "f4", 1), boundary="mirror", backend="cpu"))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_calls_from_several_threads():
    x, w = random((300, 200), "f4"), [random((k, k), "f4", k) for k in (3, 5, 8, 9)]
    expected = [gpuconv.convolve(x, weights, backend="cpu") for weights in w]
    wrong = []

    def work(i):
        for _ in range(20):
            if not np.array_equal(gpuconv.convolve(x, w[i], backend="cpu"), expected[i]):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_without_helpers_the_caller_does_it_all(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool, "_seats", [])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    check_convolve(random((50, 60), "f4"), random((3, 3), "f4", 1), backend="cpu")


FORKED = """
import os, sys, numpy as np, gpuconv
from gpuconv.cpu import filters
from gpuconv.threads import set_num_threads
set_num_threads(3)
filters.LEAST_SECONDS = 0
x, w = np.ones((300, 300), "f4"), np.ones((3, 3), "f4")
expected = gpuconv.convolve(x, w, backend="cpu")
child = os.fork()
same = np.array_equal(gpuconv.convolve(x, w, backend="cpu"), expected)
if child == 0:
    os._exit(0 if same else 1)
sys.exit(os.waitpid(child, 0)[1] or not same)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork():
    assert subprocess.run([sys.executable, "-c", FORKED], timeout=60, check=False).returncode == 0


def _problem(shape=(8, 8), taps=(3, 3)):
    return filter_call(np.ones(shape), np.ones(taps), Options(), flipped=True).problem


def test_refusals():
    with pytest.raises(UnsupportedProblemError, match="filters at most 3 axes at a time; got 4"):
        gpuconv.convolve(np.ones((3, 3, 3, 3)), np.ones((2, 2, 2, 2)), backend="cpu")
    assert "host arrays only" in cpu.unsupported(_problem(), Facts(image_place="device"))


def test_auto_does_not_wait_for_a_compiler(monkeypatch):
    monkeypatch.setattr(jit, "ready", lambda kernel: False)
    monkeypatch.setattr(cpu, "_meanwhile", cpu.defaultdict(float))
    small = _problem()
    assert "not compiled yet" in cpu.hesitation(small, Facts(weights_sum=9.0))
    assert backends.select(small, Facts(weights_sum=9.0), None)[1].backend == "numpy"
    side = int((jit.COMPILE_SECONDS * cpu.NUMPY_RATE / 9) ** 0.5) + 1
    assert cpu.hesitation(_problem((side, side)), Facts(weights_sum=9.0)) is None
    cpu._meanwhile.clear()
    calls = int(jit.COMPILE_SECONDS * cpu.NUMPY_RATE / small.multiply_adds) + 2  # NumPy has taken as long as compiling
    assert [cpu.hesitation(small, Facts(weights_sum=9.0)) for _ in range(calls)][-1] is None
    monkeypatch.setattr(cpu, "_meanwhile", cpu.defaultdict(float))
    monkeypatch.delitem(sys.modules, "llvmlite.binding", raising=False)
    assert "not loaded yet" in cpu.hesitation(small, Facts(weights_sum=9.0))
    assert cpu.hesitation(_problem((4000, 4000)), Facts(weights_sum=9.0)) is None
    monkeypatch.setattr(jit, "ready", lambda kernel: True)
    assert backends.select(_problem((9, 9)), Facts(weights_sum=9.0), None)[1].backend == "cpu"


def test_number_of_threads(monkeypatch):
    from gpuconv import threads

    with pytest.raises(ValueError, match="number of threads must be at least 1; got 0"):
        set_num_threads(0)
    with pytest.raises(TypeError):
        set_num_threads(1.5)
    monkeypatch.setattr(threads, "_chosen", [])
    monkeypatch.setattr(threads, "processors", lambda: 8)
    assert get_num_threads() == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert get_num_threads() == 4
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert get_num_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert get_num_threads() == 3
