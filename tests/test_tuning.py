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
from gpuconv.tuning_cases import CANDIDATES, LAYERS, FilterCase, LayerCase, cases

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
    tuning._known.clear()


def problem(size=300, filter_=(5, 5)):
    return FilterCase(filter_, "float32", (size, size)).call(np.asarray).problem


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
    call = FilterCase(taps, "float32", (600, 700)).call(np.asarray)
    model = tuning.planned(call, BIG)
    assert model.algorithm == kernel
    plans = tuning.candidates(call, BIG, model)
    assert len(plans) > 1
    assert next(iter(plans.values())) == model
    for choice, plan in plans.items():
        assert tuning.planned(call, BIG, choice).launches == plan.launches
    assert len({plan.launches for plan in plans.values()}) == len(plans)


CHOICES = [
    ("conv2d_dense", LayerCase(24, 16, 20, 3, images=7)),
    ("conv2d_dense", LayerCase(16, 16, 14, 3, stride=2)),
    ("conv2d_mma", LayerCase(32, 64, 20, 3, dtype="float16", images=7)),
    ("conv2d_mma", LayerCase(32, 64, 20, 3, precision="fast")),
    ("conv2d_mma_last", LayerCase(32, 64, 20, 3, dtype="float16", images=7, last=True)),
    ("depthwise_small", LayerCase(9, 9, 30, 3, groups=9)),
    ("depthwise_strided", LayerCase(9, 9, 30, 3, stride=2, groups=9)),
    ("depthwise_large", LayerCase(9, 9, 30, 17, groups=9)),
]


@pytest.mark.parametrize(("kernel", "case"), CHOICES, ids=str)
def test_layers_have_choices_that_are_verified_as_they_are_launched(kernel, case):
    call, device = case.call(np.asarray), replace(BIG, compute_capability=(8, 0))
    model = tuning.planned(call, device)
    assert model.algorithm == kernel
    plans = tuning.candidates(call, device, model)
    assert len(plans) > 1
    assert next(iter(plans.values())) == model
    for choice, plan in plans.items():
        verified = tuning.planned(case.sample.call(np.asarray), device, choice)
        assert verified.launches[0].specialization == plan.launches[0].specialization


def test_a_measured_layer_is_planned_so(cupy, monkeypatch):
    case = LayerCase(16, 16, 10, 3, images=2)
    from gpuconv.backends import cupy as backend

    device = replace(backend.limits(), tuned=())
    call = case.call(np.asarray)
    best = list(tuning.candidates(call, device, tuning.planned(call, device)))[1]
    monkeypatch.setattr(tuning, "interleaved", slow_but(best))
    assert tuning.tune([case], 60) == {key("conv2d_dense", call.problem, np.dtype("float32")): best}
    assert backend.limits().tuned
    planned = replace(gpuconv.engine.facts_of(call), device=backend.limits())
    launch = gpuconv.planning.planner.make_plan(call.problem, planned, "cupy").launches[0]
    assert launch == tuning.planned(call, device, best).launches[0]


def test_a_layer_s_measurement_holds_for_its_channels_and_extent():
    names = {key("k", case.call(np.asarray).problem, INT) for case in (replace(layer, images=1) for layer in LAYERS)}
    assert len(names) == len(LAYERS)
    one, many = (LayerCase(16, 16, 10, 3, images=n).call(np.asarray).problem for n in (3, 4))
    assert key("k", one, INT) == key("k", many, INT)


def test_all_kernels_are_in_the_cases():
    device = replace(BIG, compute_capability=(8, 0))
    wanted = [replace(case, images=1) if isinstance(case, LayerCase) else case for case in cases((64,))]
    reached = {tuning.planned(case.call(np.asarray), device).algorithm for case in wanted}
    assert set(CANDIDATES) <= reached
    assert len({str(case) for case in wanted}) == len(wanted)


# ------------------------------------------------------------------------------------------ measuring


def slow_but(best):
    """Times in which one candidate is the fastest."""
    return lambda runs, seconds: {name: [1.0 if name == best else 2.0] for name in runs if run_all(runs)}


def run_all(runs):
    for run in runs.values():
        run()
    return True


def test_the_fastest_is_kept_and_planned_with(cupy, monkeypatch):
    case = FilterCase((5, 5), "float32", (96, 96))
    best = repr(next(iter(CANDIDATES["conv2d_small"](problem(), gpuconv.planning.planner.Facts()))))
    monkeypatch.setattr(tuning, "interleaved", slow_but(best))
    seen = []
    found = tuning.tune([case], 60, lambda done, text: seen.append((done, text)))
    assert list(found.values()) == [best]
    assert seen == [(0, "5 x 5 taps, 96 x 96 float32")]
    from gpuconv.backends import cupy as backend

    assert backend.limits().tuned == tuple(found.items())
    call = case.call(np.asarray)
    launch = gpuconv.planning.planner.make_plan(
        call.problem, replace(gpuconv.engine.facts_of(call), device=backend.limits()), "cupy"
    ).launches[0]
    assert launch == tuning.planned(call, replace(backend.limits(), tuned=()), best).launches[0]


def test_noise_leaves_the_model_s_choice(cupy, monkeypatch):
    monkeypatch.setattr(tuning, "interleaved", lambda runs, seconds: {name: [100 - i] for i, name in enumerate(runs)})
    case = FilterCase((5, 5), "float32", (96, 96))
    (choice,) = tuning.measured(case).values()
    call = case.call(np.asarray)
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
        tuning.measured(FilterCase((5, 5), "float32", (96, 96)))
    assert "7 times the error of its bound" in caplog.text
    assert len(timed) == 1
    assert not any("block_h=6" in choice for choice in timed[0])


def test_a_case_that_fails_costs_no_other(cupy, monkeypatch, caplog):
    class IllegalAddressError(RuntimeError):
        status = 700

    def fails(case):
        if case in errors:
            raise errors[case]
        return {str(case): "kept"}

    monkeypatch.setattr(tuning, "measured", fails)
    from gpuconv.backends import cupy_probe

    wanted = list(cases([32], ["float32"]))[:4]
    errors = {wanted[1]: RuntimeError("too many registers"), wanted[2]: IllegalAddressError("an illegal address")}
    assert tuning.tune(wanted, 100) == {str(wanted[0]): "kept"}
    assert tuned_file.read(cupy_probe.device_key()) == {str(wanted[0]): "kept"}
    assert f"{wanted[1]} is left out: RuntimeError: too many registers" in caplog.text
    assert "IllegalAddressError" in caplog.text


def test_the_time_is_kept(cupy):
    seen = []
    assert tuning.tune(list(cases()), 0.0, lambda done, text: seen.append(text)) == {}
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
