"""Handing work to threads: who computes what, what waits for whom, and what is left behind."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv.cpu import filters, layers, pool, seat
from gpuconv.cpu.job import ITEMS, Job

PATIENT = 30  # seconds after which something has gone wrong


@pytest.fixture(autouse=True)
def seats(monkeypatch):
    """Threads of its own for each test, on a machine of many processors; they sleep at once."""
    monkeypatch.setattr(pool, "_seats", [])
    monkeypatch.setattr(pool, "processors", lambda: 64)
    monkeypatch.setenv(pool.VARIABLE, "0")


def job_of(items):
    job = Job()
    job.fields[ITEMS] = items
    return job


def driver_of(compute):
    """A driver that calls compute(item, scratch) from whichever thread takes the item."""

    lock = threading.Lock()

    def count_up(fields, which):
        with lock:
            fields[which] += 1
            return fields[which] - 1

    def work(job, scratch, spins):
        fields = (ctypes.c_int64 * (ITEMS + 1)).from_address(job)
        while (item := count_up(fields, 0)) < fields[ITEMS]:
            compute(item, scratch)
            count_up(fields, 1)

    function = pool._prototype(work)
    found = pool.driver(ctypes.cast(function, ctypes.c_void_p).value)
    found.alive = function
    return found


def state_of(number=0):
    return pool._seats[number]._words[0]


def wait_for(condition):
    stop = time.monotonic() + PATIENT
    while not condition():
        assert time.monotonic() < stop
        time.sleep(1e-3)


def test_every_item_once_by_the_caller_and_its_helpers():
    done, meet = [], threading.Barrier(3, timeout=PATIENT)

    def compute(item, scratch):
        if item < 3:
            meet.wait()  # no one goes on before three threads have an item each
        done.append((item, scratch, threading.get_ident()))

    job = job_of(20)
    job.scratch_bytes = 100
    pool.run(driver_of(compute), job, 3)
    assert sorted(item for item, _, _ in done) == list(range(20))
    threads = {thread for _, _, thread in done}
    assert len(threads) == 3
    assert threading.get_ident() in threads
    rooms = sorted({scratch for _, scratch, _ in done})
    assert len(rooms) == 3
    assert min(np.diff(rooms)) >= 100


def test_a_helper_that_serves_another_is_not_waited_for():
    inside, go = threading.Event(), threading.Event()

    def compute(item, scratch):
        if threading.current_thread().name == "gpuconv":
            inside.set()
            go.wait(PATIENT)
        else:
            inside.wait(PATIENT)

    other = threading.Thread(target=pool.run, args=(driver_of(compute), job_of(2), 2))
    other.start()
    inside.wait(PATIENT)
    by = set()
    pool.run(driver_of(lambda item, scratch: by.add(threading.get_ident())), job_of(8), 2)
    assert by == {threading.get_ident()}
    go.set()
    other.join(PATIENT)
    assert not other.is_alive()


def test_what_a_helper_has_not_begun_is_taken_back():
    pool.run(driver_of(lambda item, scratch: None), job_of(2), 2)
    wait_for(lambda: state_of() == seat.ASLEEP)
    place, fields = pool._seats[0], job_of(0).fields
    place._called = threading.Semaphore(0)  # the thread hears nothing
    assert place.offer(driver_of(lambda item, scratch: None).address, fields, 0)
    assert state_of() == seat.OFFERED
    place.take_back(job_of(0).fields)  # not this one
    assert state_of() == seat.OFFERED
    place.take_back(fields)
    assert state_of() == seat.READY
    assert place.offer(0, fields, 0)
    assert not place.offer(0, fields, 0)


def test_an_interrupted_offer_loses_no_helper(monkeypatch):
    pool.run(driver_of(lambda item, scratch: None), job_of(2), 2)
    wait_for(lambda: state_of() == seat.ASLEEP)

    def interrupt():
        monkeypatch.delattr(pool._seats[0]._called, "release")
        raise KeyboardInterrupt

    monkeypatch.setattr(pool._seats[0]._called, "release", interrupt, raising=False)
    with pytest.raises(KeyboardInterrupt):
        pool.run(driver_of(lambda item, scratch: None), job_of(2), 2)
    wait_for(lambda: state_of() == seat.ASLEEP)
    meet = threading.Barrier(2, timeout=PATIENT)
    pool.run(driver_of(lambda item, scratch: meet.wait()), job_of(2), 2)


def test_who_is_called_for_nothing_sleeps_again():
    place = seat.Seat()
    for _ in range(2):
        place.wait(3)
        assert place._words[0] == seat.ASLEEP


def test_an_interrupted_call_keeps_what_its_helpers_work_on(monkeypatch):
    go, helped, array = threading.Event(), threading.Event(), np.zeros(3)
    rooms, kept = [], weakref.ref(array)

    def compute(item, scratch):
        rooms.append(scratch)
        if threading.current_thread().name == "gpuconv":
            helped.set()
            go.wait(PATIENT)
        else:
            helped.wait(PATIENT)

    def interrupt(seconds):
        raise KeyboardInterrupt

    job = job_of(2)
    job.scratch_bytes = 64
    job.alive.append(array)
    del array
    with monkeypatch.context() as patch:
        patch.setattr(pool.time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pool.run(driver_of(compute), job, 2)
    del job
    gc.collect()
    assert kept() is not None
    later = job_of(2)
    later.scratch_bytes = 64
    pool.run(driver_of(lambda item, scratch: rooms.append(scratch)), later, 2)
    assert not set(rooms[2:]) & set(rooms[:2])
    go.set()
    wait_for(lambda: state_of() == seat.ASLEEP)
    pool.run(driver_of(lambda item, scratch: None), job_of(2), 2)
    gc.collect()
    assert kept() is None


def test_arrays_are_not_kept_by_idle_helpers():
    job, array = job_of(5), np.zeros(3)
    kept = weakref.ref(array)
    job.alive.append(array)
    pool.run(driver_of(lambda item, scratch: None), job, 3)
    del job, array
    assert kept() is None


@pytest.mark.parametrize(
    ("microseconds", "processors", "long"), [("500", 4, 1), ("500", 1, 0), ("0", 4, 0), ("", 4, 1)]
)
def test_how_long_helpers_look_out_for_work(microseconds, processors, long, monkeypatch):
    looks, wait = [], seat.Seat.wait
    monkeypatch.setattr(seat.Seat, "wait", lambda self, number: looks.append(number) or wait(self, number))
    monkeypatch.setenv(pool.VARIABLE, microseconds)
    monkeypatch.setattr(pool, "processors", lambda: processors)
    pool.run(driver_of(lambda item, scratch: None), job_of(4), 2)
    wait_for(lambda: state_of() == seat.ASLEEP)
    assert (looks[-1] > 100) == long
    assert looks[-1] >= 1


def test_idle_helpers_take_no_time(monkeypatch):
    monkeypatch.delenv(pool.VARIABLE)
    pool.run(driver_of(lambda item, scratch: None), job_of(64), 4)
    wait_for(lambda: all(state_of(i) == seat.ASLEEP for i in range(3)))
    start = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - start < 0.02


CALLERS = """
import sys, threading, numpy as np, gpuconv
from gpuconv.cpu import filters
from gpuconv.threads import set_num_threads
set_num_threads(5)
filters.LEAST_SECONDS = 0
x, w = np.random.default_rng(0).random((64, 64)).astype("f4"), np.ones((3, 3), "f4")
expected, wrong = gpuconv.convolve(x, w, backend="cpu"), []
def work():
    for _ in range(40):
        if not np.array_equal(gpuconv.convolve(x, w, backend="cpu"), expected):
            wrong.append(1)
workers = [threading.Thread(target=work) for _ in range(6)]
for worker in workers: worker.start()
for worker in workers: worker.join()
sys.exit(len(wrong))
"""


@pytest.mark.parametrize("microseconds", ["", "0"])
def test_more_callers_and_threads_than_processors(microseconds):
    environment = os.environ | {pool.VARIABLE: microseconds}
    assert subprocess.run([sys.executable, "-c", CALLERS], timeout=60, check=False, env=environment).returncode == 0


def calls():
    """One call of each kind of driver."""
    x, w = random((1, 16, 20, 20), "f4"), random((16, 16, 3, 3), "f4", 1)
    nn, own = gpuconv.nn, {"padding": 1, "groups": 16}
    yield "filter", lambda: gpuconv.correlate(x[0, 0], w[0, 0])
    yield "separable", lambda: gpuconv.sepconvolve(x[0, 0], [w[0, 0, 0], w[0, 0, 1]])
    yield "volume", lambda: gpuconv.correlate(x[0], w[:3, :3, :3, 0])
    yield "transform", lambda: gpuconv.correlate(x[0, 0], random((19, 19), "f4"), method="fft")
    yield "dense", lambda: nn.conv2d(x, w[:, :, :1, :1])
    yield "winograd", lambda: nn.conv2d(x, w)
    yield "depthwise", lambda: nn.conv2d(x, w[:, :1], **own)
    yield "gradient", lambda: nn.conv2d_weight(x, w.shape, x, padding=1)
    yield "depthwise gradient", lambda: nn.conv2d_weight(x, w[:, :1].shape, x, **own)


@pytest.mark.parametrize(("name", "call"), list(calls()), ids=lambda value: value if isinstance(value, str) else "")
def test_who_comes_late_touches_nothing_but_the_job(name, call, monkeypatch):
    """The arrays, tables and scratch memory of a finished job may be gone."""
    jobs, run = [], pool.run
    monkeypatch.setattr(
        pool, "run", lambda function, job, threads: jobs.append((function, job)) or run(function, job, 1)
    )
    monkeypatch.setattr(filters, "LEAST_SECONDS", 0)
    monkeypatch.setattr(layers, "LEAST_SECONDS", 0)
    with gpuconv.backend("cpu"):
        call()
    assert jobs
    for function, job in jobs:
        fields = type(job.fields)()
        fields[0] = fields[1] = fields[ITEMS] = job.fields[ITEMS]
        function(ctypes.addressof(fields), 0, 3)
        assert fields[0] == job.fields[ITEMS] + 1
