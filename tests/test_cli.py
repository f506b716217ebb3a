"""The commands info, demo and verify, and the help."""

import json
import os

import numpy as np
import pytest
from command_line import gpuconv

from gpuconv import __version__, backends, verify

pytestmark = pytest.mark.usefixtures("on_numpy")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def test_help_and_version():
    assert gpuconv("--version") == (0, f"gpuconv {__version__}\n", "")
    for command in ("filter", "info", "demo", "verify"):
        code, out, err = gpuconv(command, "--help")
        assert (code, err) == (0, "")
        assert f"gpuconv {command}" in out
        assert command in gpuconv("--help")[1]
    assert all(f"--{name}" in gpuconv("filter", "--help")[1] for name in ("gaussian", "weights", "boundary", "page"))
    code, out, err = gpuconv()
    assert (code, err) == (2, "")
    assert "Usage" in out


def test_info_tells_every_backend_and_why_not():
    code, out, err = gpuconv("info", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["gpuconv"] == __version__
    assert facts["numpy"] == np.__version__
    assert facts["backends"] == [vars(row) for row in backends.report()]
    code, out, err = gpuconv("info")
    assert (code, err) == (0, "")
    assert all(row.name in out for row in backends.report())
    assert f"gpuconv {__version__}" in out


def test_info_shows_brackets_as_they_are(monkeypatch):
    reason = "no CUDA driver; python -m pip install 'gpuconv[cuda13]'"
    monkeypatch.setattr(backends, "report", lambda: [backends.Status("cupy", False, reason)])
    assert reason in gpuconv("info")[1]


def test_demo_writes_its_picture_here():
    code, out, err = gpuconv("demo")
    assert (code, err) == (0, "")
    assert out.startswith("gpuconv-demo.png: ")
    assert out.endswith("backend numpy\n")
    assert os.listdir() == ["gpuconv-demo.png"]


@pytest.fixture
def checks(monkeypatch):
    """Replace the checks of gpuconv.verify: a list of outcomes to fill, and the names of the backends asked for."""
    outcomes, asked = [], []

    def run(name):
        asked.append(name)
        for i, passed in enumerate(outcomes):
            yield verify.Check(f"kernel_{i // 2}", f"case[{i}]", passed, "off by [3]")

    monkeypatch.setattr(verify, "checks", run)
    monkeypatch.setattr(verify, "machine", lambda: [("Device", "none [at all]")])
    return outcomes, asked


def rows(out):
    """Cells of the table of kernels: backend, kernel, result, passed, failed."""
    return [line.split()[1:10:2] for line in out.splitlines() if "kernel_" in line and "case" not in line]


def test_verify_passes_with_a_row_per_kernel(checks):
    outcomes, asked = checks
    outcomes += [True, True, True]
    code, out, err = gpuconv("verify", "--backend", "numpy")
    assert (code, err, asked) == (0, "", ["numpy"])
    assert "Device: none [at all]" in out
    assert rows(out) == [["numpy", "kernel_0", "pass", "2", "0"], ["numpy", "kernel_1", "pass", "1", "0"]]
    assert "off by" not in out


def test_verify_fails_with_the_cases_that_failed(checks):
    outcomes, _ = checks
    outcomes += [True, False, True] + [False] * 30
    code, out, err = gpuconv("verify", "--backend", "numpy")
    assert (code, err) == (1, "")
    assert rows(out)[:2] == [["numpy", "kernel_0", "FAIL", "1", "1"], ["numpy", "kernel_1", "FAIL", "1", "1"]]
    assert "case[1]" in out
    assert "case[0]" not in out
    assert "off by [3]" in out
    assert "and 11 more" in out


def test_verify_without_a_check_is_no_success(checks):
    assert gpuconv("verify")[0] == 1


def test_verify_runs_every_backend_there_is(checks):
    outcomes, asked = checks
    outcomes += [True]
    available = [row.name for row in backends.report() if row.available]
    assert gpuconv("verify")[0] == 0
    assert asked == available
    assert gpuconv("verify", "--backend", "auto")[0] == 0
    assert asked == available * 2
