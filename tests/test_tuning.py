"""Tuning: candidates that are right, the fastest of them kept in a file, and the planner that goes by it."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest

import gpuconv
from gpuconv import tuned_file, tuning
from gpuconv.cache_directory import VARIABLE
from gpuconv.launches.tuned import key, pick
from gpuconv.planning.facts import DeviceLimits
from gpuconv.tuning import CANDIDATES, Case

INT = np.dtype("int32")
DEVICE = "a device, driver for CUDA 13.2"
BIG = DeviceLimits(multiprocessors=2)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in: what takes long on it takes no less on a GPU, only the times are made up."""
    module = pytest.importorskip("cupy")
    if not hasattr(module.ndarray, "_wrap"):
        pytest.skip("the times of this test are made up, for the stand-in cupy; this process has the real one")
    from gpuconv.backends import cupy_probe

    yield module
    cupy_probe.forget()
    tuning._verified.cache_clear()


def problem(size=300, filter_=(5, 5)):
    call = Case(filter_, "float32", size).call((size, size), np.asarray)
    return call.problem


# ------------------------------------------------------------------------------------------ the planner's choice


def test_pick_takes_what_was_measured_and_else_the_model():
    sums = np.dtype("float32")
    name = key("some", problem(), sums)
    costs = {"a": 2, "b": 1, "c": 3}
    for tuned, expected in ((), "b"), (((name, "'c'"),), "c"), (((name, "'gone'"),), "b"), ((("other", "'c'"),), "b"):
        assert pick("some", problem(), sums, DeviceLimits(tuned=tuned), costs, costs.__getitem__) == expected


def test_a_measurement_holds_for_images_of_its_size():
    sums = np.dtype("float32")
    assert key("k", problem(1024), sums) == key("k", problem(1300), sums) == "k 5x5 float32 float32 float32 4^10"
    assert key("k", problem(1024), sums) != key("k", problem(2048), sums)


@pytest.mark.parametrize(
    ("kernel", "taps"),
    [("conv2d_small", (5, 5)), ("conv2d_large", (21, 21)), ("separable_stream", 7), ("conv1d_rows", (31,))],
)
def test_every_kernel_with_a_choice_takes_it(kernel, taps):
    call = Case(taps, "float32", 600).call((600, 700), np.asarray)
    model = tuning.planned(call, BIG)
    assert model.algorithm == kernel
    plans = tuning.candidates(call, BIG, model)
    assert len(plans) > 1
    assert next(iter(plans.values())) == model
    for choice, plan in plans.items():
        assert tuning.planned(call, BIG, choice).launches == plan.launches
    assert len({plan.launches for plan in plans.values()}) == len(plans)


def test_all_kernels_are_in_the_cases():
    reached = {
        tuning.planned(case.call((64, 64), np.asarray), DeviceLimits()).algorithm
        for case in tuning.cases((64,), ("float32",))
    }
    assert set(CANDIDATES) <= reached


# ------------------------------------------------------------------------------------------ measuring


def slow_but(best):
    """Times in which one candidate is the fastest."""
    return lambda runs, seconds: {name: [1.0 if name == best else 2.0] for name in runs if run_all(runs)}


def run_all(runs):
    for run in runs.values():
        run()
    return True


def test_the_fastest_is_kept_and_planned_with(cupy, monkeypatch):
    case = Case((5, 5), "float32", 96)
    best = repr(next(iter(CANDIDATES["conv2d_small"](problem(), gpuconv.planning.planner.Facts()))))
    monkeypatch.setattr(tuning, "interleaved", slow_but(best))
    seen = []
    found = tuning.tune([case], 60, lambda done, text: seen.append((done, text)))
    assert list(found.values()) == [best]
    assert seen == [(0, "5 x 5 taps, 96 x 96 float32")]
    from gpuconv.backends import cupy as backend

    assert backend.limits().tuned == tuple(found.items())
    call = case.call((96, 96), np.asarray)
    launch = gpuconv.planning.planner.make_plan(
        call.problem, replace(gpuconv.engine.facts_of(call), device=backend.limits()), "cupy"
    ).launches[0]
    assert launch == tuning.planned(call, replace(backend.limits(), tuned=()), best).launches[0]


def test_noise_leaves_the_model_s_choice(cupy, monkeypatch):
    monkeypatch.setattr(tuning, "interleaved", lambda runs, seconds: {name: [100 - i] for i, name in enumerate(runs)})
    (choice,) = tuning.measured(Case((5, 5), "float32", 96)).values()
    call = Case((5, 5), "float32", 96).call((96, 96), np.asarray)
    from gpuconv.backends import cupy as backend

    assert tuning.planned(call, backend.limits(), choice).launches == tuning.planned(call, backend.limits()).launches


def test_a_wrong_candidate_is_not_timed(cupy, monkeypatch, caplog):
    timed = []
    monkeypatch.setattr(
        tuning, "interleaved", lambda runs, seconds: timed.append(set(runs)) or {n: [1.0] for n in runs}
    )
    share = tuning.error_share
    monkeypatch.setattr(
        tuning, "error_share", lambda plan, *rest: 7.0 if plan.launches[0].block[1] == 6 else share(plan, *rest)
    )
    with caplog.at_level(logging.ERROR, logger="gpuconv"):
        tuning.measured(Case((5, 5), "float32", 96))
    assert "7 times the error of its bound" in caplog.text
    assert len(timed) == 1
    assert not any("block_h=6" in choice for choice in timed[0])


def test_the_time_is_kept(cupy):
    seen = []
    assert tuning.tune(list(tuning.cases()), 0.0, lambda done, text: seen.append(text)) == {}
    assert seen == []


def test_timing_through_the_stand_in(cupy):
    from gpuconv.gpu_timing import LEAST, interleaved

    calls = []
    times = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 0.0)
    assert calls == ["a", "b"] * (LEAST + 1)
    assert all(len(values) == LEAST and min(values) > 0 for values in times.values())


def test_no_device(monkeypatch):
    monkeypatch.setattr(gpuconv.backends, "reason_unavailable", lambda name: "there is no CUDA device")
    with pytest.raises(gpuconv.BackendUnavailableError, match=r"tuning needs the cupy backend, .* there is no CUDA"):
        tuning.tune([], 1)


# ------------------------------------------------------------------------------------------ the file


def test_the_file_keeps_devices_apart_and_adds():
    assert tuned_file.read(DEVICE) == {}
    tuned_file.write(DEVICE, {"a": "1"})
    tuned_file.write("another", {"a": "2"})
    tuned_file.write(DEVICE, {"b": "3"})
    assert tuned_file.read(DEVICE) == {"a": "1", "b": "3"}
    assert tuned_file.read("another") == {"a": "2"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"gpuconv": "0.1', "it is no JSON"),
        (b"[]", "not laid out"),
        (b'{"gpuconv": "0.1.0", "devices": {"d": {"a": 1}}}', "not laid out"),
        (b'{"gpuconv": "0.1.0", "devices": {"d": 1}}', "not laid out"),
        (b'{"gpuconv": "0.0.1", "devices": {}}', "it is of gpuconv 0.0.1"),
        (b"\xff\xfe\xfd", "decode"),
    ],
)
def test_a_file_that_cannot_be_trusted(directory, caplog, content, reason):
    (directory / "tuned.json").write_bytes(content)
    assert tuned_file.read("d") == {}
    assert reason in caplog.text
    assert "`gpuconv tune` writes it anew" in caplog.text
    tuned_file.write("d", {"a": "1"})
    assert tuned_file.read("d") == {"a": "1"}


def test_the_caches(directory):
    tuned_file.write(DEVICE, {"a": "1"})
    (directory / "rates.json").write_text("{}")
    code, rates, tuned = gpuconv.cache_info()
    assert (rates.name, rates.files, rates.bytes) == ("calibration", 1, 2)
    assert (tuned.name, tuned.path, tuned.files) == ("tuning", directory / "tuned.json", 1)
    assert tuned.bytes == len((directory / "tuned.json").read_bytes())
    assert json.loads((directory / "tuned.json").read_text())["gpuconv"] == gpuconv.__version__
    assert (code.name, code.path, code.files) == ("machine code", directory / "cpu", 0)
    gpuconv.clear_cache()
    gpuconv.clear_cache()
    assert [cache.files for cache in gpuconv.cache_info()] == [0, 0, 0]
    assert tuned_file.read(DEVICE) == {}
