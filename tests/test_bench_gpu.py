"""The benchmark for GPUs runs to its end on the stand-in, and its peers compute what it compares."""

import json

import numpy as np
import pytest

from bench.gpu import __main__ as program
from bench.gpu import measure, peers, report, verify
from bench.gpu.cells import Cell, cells, shrunk
from gpuconv import backends
from gpuconv.engine import prepare

cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("this runs through the stand-in cupy; this process has the real one", allow_module_level=True)

SMALL = [shrunk(cell, 14) for cell in cells(quick=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.md").write_text("an old one")
    assert program.main(["--quick", "--size", "9", "--seconds", "0", "--folder", str(folder)]) == 0
    return folder


def test_it_runs_to_its_end_and_says_that_nothing_was_measured(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["report.json", "report.md", "taps.svg"]
    text = (folder / "report.md").read_text()
    assert "**Not measured: this ran on the tests' stand-in for a GPU.**" in text
    assert all(f"## {title}" in text for title in report.TITLES.values())
    found = json.loads((folder / "report.json").read_text())
    assert found["measured"] is False
    assert found["machine"]["device"].startswith("stand-in device")
    assert len(found["rows"]) == len(SMALL)
    assert all(0 < row["error"] <= 1 and row["times"]["gpuconv"]["samples"] >= 5 for row in found["rows"])
    assert "copy" in (folder / "taps.svg").read_text()


def test_the_stand_in_writes_no_report_that_could_be_committed(capsys):
    assert program.main(["--quick"]) == 2
    assert "the stand-in for a GPU has no times to report" in capsys.readouterr().err


def test_a_wrong_kernel_is_named_and_not_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "cells", lambda quick: [Cell("filter", "float32", (9, 9), 3)])
    monkeypatch.setattr(verify, "error_share", lambda *_: 3.0)
    assert program.main(["--folder", str(tmp_path)]) == 1
    assert "filter 3 9x9 float32: conv2d_small has 3 times the error of its bound" in capsys.readouterr().err


def computed(cell):
    x, w = cell.arrays()
    made = prepare(cell.call(x, w))
    out = np.empty(made.shape, x.dtype)
    backends.load(made.plan.backend).run(made.plan, made.operands, made.in_engine_order(out))
    return x, w, out


LIBRARIES = {
    "ndimage": ("scipy.ndimage", peers.ndimage_runs, {"filter", "separable", "gradient", "rows", "columns", "signal"}),
    "signal": ("scipy.signal", peers.signal_runs, {"filter", "rows", "signal"}),
    "torch": ("torch", peers.torch_runs, {"filter", "separable", "rows", "signal", "depthwise", "dense"}),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_peers_compute_the_same(name):
    """Their GPU counterparts have the same functions with the same meaning."""
    module, add, works = LIBRARIES[name]
    library = pytest.importorskip(module)
    seen = set()
    for cell in SMALL:
        cell = shrunk(cell, 13)
        cell = Cell(cell.work, cell.dtype, cell.shape, cell.taps - (cell.taps % 2 == 0), cell.channels_out)
        x, w, result = computed(cell)
        runs = add(cell, x, w, library)
        kept, wrong = verify.same(cell, runs, result)
        assert wrong == {}
        seen |= {cell.work} if kept else set()
    assert seen == works


def test_peers_that_differ_are_left_out():
    cell = Cell("filter", "float32", (9, 9), 3)
    _, _, result = computed(cell)
    runs = {"off": lambda: result + 1, "small": lambda: result[1:], "raises": lambda: 1 / 0, "right": lambda: result}
    kept, wrong = verify.same(cell, runs, result)
    assert list(kept) == ["right"]
    assert wrong == {"off": "differs by 1", "small": "differs by inf", "raises": "ZeroDivisionError: division by zero"}


def test_who_is_missing_and_why(monkeypatch):
    opencv, torch = peers.PEERS["OpenCV-CUDA"], peers.PEERS["torch"]
    present = ("json", lambda library: "", lambda *_: {"present": len})
    absent = ("no_such_library", lambda library: "", lambda *_: {"absent": len})
    monkeypatch.setattr(peers, "PEERS", {"cv2": opencv, "torch": torch, "present": present, "absent": absent})
    cell = Cell("filter", "float32", (9, 9), 3)
    runs, missing = peers.peers(cell, *cell.arrays())
    assert list(runs) == ["present"]
    assert "cannot be imported (ModuleNotFoundError: No module named 'no_such_library')" in missing["absent"]
    for name, reason in (("cv2", "built without CUDA"), ("torch", "sees no CUDA device")):
        assert missing[name] == reason or "No module named" in missing[name]


def test_figures():
    """Bytes and products by hand: 4 x 6 images, and 3 to 5 channels."""
    assert (Cell("filter", "float32", (4, 6), 3).moved, Cell("filter", "float32", (4, 6), 3).products) == (192, 216)
    assert Cell("separable", "uint8", (4, 6), 5).products == 240
    dense = Cell("dense", "float16", (2, 3, 4, 6), 3, 5)
    assert (dense.moved, dense.products) == (2 * 2 * 24 * (3 + 5), 2 * 24 * 3 * 5 * 9)
    assert measure.summary([3.0, 1.0, 2.0, 5.0, 4.0]) == {"median": 3.0, "low": 2.0, "high": 4.0, "samples": 5}
