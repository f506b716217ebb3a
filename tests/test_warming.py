"""Warming up and tuning, from Python and from the command line."""

import pytest
from command_line import gpuconv as command

import gpuconv
from gpuconv import backends, tuned_file, warming
from gpuconv.cache_directory import VARIABLE
from gpuconv.cli import tune as cli_tune
from gpuconv.cpu import jit, warm
from gpuconv.launches import cuda_defaults


@pytest.fixture(autouse=True)
def few_kernels(tmp_path, monkeypatch):
    """A cache of its own, two kernels of each backend."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    wanted = [s for s in cuda_defaults.default_specializations() if s.kernel == "conv2d_direct"]
    monkeypatch.setattr(cuda_defaults, "default_specializations", lambda: tuple(wanted[:2]))
    monkeypatch.setattr("gpuconv.calibration.calibrate", dict)
    monkeypatch.setattr(jit, "_loaded", {})  # of other tests: only what is compiled here is kept
    kernels = list(warm.default_kernels())[:2]
    monkeypatch.setattr(warm, "default_kernels", lambda: kernels)


def available(name):
    if reason := backends.reason_unavailable(name):
        pytest.skip(reason)


def test_every_compiled_backend(monkeypatch):
    available("cpu")
    available("cupy")
    seen = []
    assert gpuconv.warmup(progress=lambda *step: seen.append(step)) == {"cupy": 2, "cpu": 2}
    assert seen == [(name, done, 2) for name in ("cupy", "cpu") for done in range(3)]
    assert gpuconv.cache_info()[0].files == 2


def test_one_backend():
    available("cpu")
    assert gpuconv.warmup("cpu") == {"cpu": 2}
    with pytest.raises(ValueError, match=r"backend must be one of .*cupy.*cpu.*; got 'numpy'"):
        gpuconv.warmup("numpy")


def test_a_backend_that_is_not_here(monkeypatch):
    monkeypatch.setattr(backends, "reason_unavailable", lambda name: None if name == "numpy" else "there is no device")
    assert gpuconv.warmup() == {}
    with pytest.raises(gpuconv.BackendUnavailableError, match="backend 'cupy' is not available: there is no device"):
        gpuconv.warmup("cupy")
    code, out, err = command("warmup")
    assert (code, out) == (0, "no backend that compiles is available here: `gpuconv info` says why\n")
    code, out, err = command("tune")
    assert (code, out) == (2, "")
    assert "tuning needs the cupy backend, which is not available: there is no device" in err


def test_the_command_warmup():
    available("cpu")
    code, out, err = command("warmup", "--backend", "cpu")
    assert (code, out) == (0, "cpu: 2 kernels are ready\n")
    assert "cpu: kernels" in err
    assert "2/2" in err


def test_the_command_tune(monkeypatch):
    cases = []
    monkeypatch.setattr(cli_tune.tuning, "tune", lambda wanted, seconds, progress: cases.extend(wanted) or {"a": "b"})
    code, out, err = command("tune", "--seconds", 3, "--size", 64, "--size", 80, "--dtype", "uint8")
    assert code == 0, err
    assert out == f"a: b\n1 choices measured; they are kept in {tuned_file.path()}\n"
    images = {(case.shape, case.dtype) for case in cases if len(case.shape) == 2}  # volumes have a size of their own
    assert images == {((64, 64), "uint8"), ((80, 80), "uint8")}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--seconds", "-1"), "greater than or equal to 0"),
        (("--size", "0"), "greater than or equal to 1"),
        (("--dtype", "complex64"), "dtype must be one of"),
    ],
)
def test_what_cannot_be_tuned(arguments, reason):
    code, out, err = command("tune", *arguments)
    assert (code, out) == (2, "")
    assert reason in err
    assert len(err.splitlines()) == 1


def test_names_are_public():
    assert {"warmup", "cache_info", "clear_cache", "set_num_threads", "get_num_threads"} <= set(gpuconv.__all__)
    assert warming.COMPILED.keys() < set(backends.NAMES)
