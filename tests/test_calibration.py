"""Rates that are measured once: kept, validated, and used by the model."""

import json

import numpy as np
import pytest

import gpuconv
from gpuconv import cache_directory, calibration
from gpuconv.planning import rates
from gpuconv.planning.facts import RATES, Rates

measured = rates.known  # the fixture that all tests share replaces it


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(cache_directory.VARIABLE, str(tmp_path))
    monkeypatch.setattr(calibration, "SECONDS", 0.001)
    monkeypatch.setattr(rates, "known", measured)
    measured.cache_clear()
    yield
    measured.cache_clear()


def test_measured_rates_are_kept():
    assert rates.known("numpy") is None
    found = calibration.calibrate()
    assert rates.known("numpy") == found["numpy"]
    assert 0 < found["numpy"].product < 1e-7
    assert rates.path().parent == cache_directory.directory()


def test_the_model_goes_by_them():
    weights = np.random.default_rng(0).random((15, 15)).astype("f4")
    usual = gpuconv.explain((512, 512), weights, backend="numpy")
    assert usual.algorithm == "fft"
    slow_transforms = Rates(product=1e-12, passed=1e-12, point=1e-6, value=1e-9, job=1e-6)
    rates.write({"numpy": slow_transforms})
    measured.cache_clear()
    assert gpuconv.explain((512, 512), weights, backend="numpy").algorithm == "direct"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: "no json",
        lambda content: json.dumps(["a list"]),
        lambda content: json.dumps(content | {"machine": "another"}),
        lambda content: json.dumps(content | {"rates": {"numpy": {"product": 1e-9}}}),
        lambda content: json.dumps(content | {"rates": {"numpy": dict.fromkeys(content["rates"]["numpy"], -1.0)}}),
        lambda content: json.dumps(content | {"rates": 7}),
    ],
)
def test_what_is_damaged_or_of_another_machine_is_ignored(damage):
    rates.write(RATES)
    assert rates.known("numpy") == RATES["numpy"]
    rates.path().write_text(damage(json.loads(rates.path().read_text())))
    measured.cache_clear()
    assert rates.known("numpy") is None


def test_a_directory_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache_directory.VARIABLE, str(tmp_path / "file" / "below"))
    assert calibration.calibrate()["numpy"].product > 0
    assert rates.known("numpy") is None
