"""The benchmark for GPUs runs to its end on the stand-in, and its peers compute what it compares."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bench.gpu import __main__ as program
from bench.gpu import measure, peers, report, verify
from bench.gpu.cells import LAYERS, Cell, cells, shrunk
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
    assert found["about"]["device"].startswith("stand-in device")
    assert len(found["rows"]) == len(SMALL)
    assert found["notes"] == []
    assert all(0 < row["error"] <= 1 and row["times"]["gpuconv"]["samples"] >= 5 for row in found["rows"])
    assert "copy" in (folder / "taps.svg").read_text()
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert program.main(["--draw", "--folder", str(folder)]) == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_the_stand_in_writes_no_report_that_could_be_committed(capsys):
    assert program.main(["--quick"]) == 2
    assert "the stand-in for a GPU has no times to report" in capsys.readouterr().err


def test_a_wrong_kernel_is_named_and_not_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "cells", lambda quick: [Cell("filter", "float32", (9, 9), 3)])
    monkeypatch.setattr(verify, "error_share", lambda *_: 3.0)
    assert program.main(["--folder", str(tmp_path)]) == 1
    assert "filter 3 9x9 float32: conv2d_small has 3 times the error of its bound" in capsys.readouterr().err
    assert "- filter 3 9x9 float32: conv2d_small has 3 times" in (tmp_path / "report.md").read_text()


class DeviceLostError(RuntimeError):
    """As CuPy raises it after an illegal access."""

    status = 700


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no such kernel"), ["filter 3 9x9 float32: ValueError: no such kernel"] * 2),
        (DeviceLostError("illegal"), ["filter 3 9x9 float32: DeviceLostError: illegal", "The device cannot be used"]),
        (KeyboardInterrupt(), ["Ended by hand"]),
    ],
)
def test_what_was_measured_stays_whatever_happens(tmp_path, monkeypatch, error, told):
    wanted = [Cell("filter", "float32", (9, 9), 3), Cell("filter", "float32", (9, 9), 5)]

    def measured(cell, *options):
        if cell.taps == 3:
            raise error
        return measure.measure(cell, *options)

    monkeypatch.setattr(program, "cells", lambda quick: wanted[::-1] + wanted)
    monkeypatch.setattr(program, "measure", measured)
    assert program.main(["--seconds", "0", "--folder", str(tmp_path)]) == int(not isinstance(error, KeyboardInterrupt))
    made = report.read(tmp_path)
    assert len(made.rows) == (2 if isinstance(error, ValueError) else 1)
    assert [note.startswith(text) for note, text in zip(made.notes, told, strict=True)] == [True] * len(told)


def test_no_cell_is_begun_when_the_budget_is_spent(tmp_path):
    assert program.main(["--size", "9", "--seconds", "0", "--budget", "0", "--folder", str(tmp_path)]) == 0
    (note,) = report.read(tmp_path).notes
    count = len(list(cells(quick=False)))
    assert note == f"{count} of {count} cells were not begun: the budget was spent."


def test_every_family_is_among_the_first_cells_and_the_longest_are_the_last():
    quick, every = list(cells(quick=True)), list(cells(quick=False))
    assert {cell.work for cell in quick} == set(report.TITLES)
    assert every[: len(quick)] == quick
    assert len(set(every)) == len(every)
    assert every[-1].products == max(cell.products for cell in every)
    assert quick[0].products < quick[-1].products / 100


def computed(cell):
    x, w = cell.arrays()
    made = prepare(cell.call(x, w))
    out = np.empty(made.shape, x.dtype)
    backends.load(made.plan.backend).run(made.plan, made.operands, made.in_engine_order(out))
    return x, w, out


LIBRARIES = {
    "ndimage": ("scipy.ndimage", peers.ndimage_runs, set(report.TITLES) - {*LAYERS, "pixels"}),
    "signal": ("scipy.signal", peers.signal_runs, {"filter", "low_rank", "rows", "signal"}),
    "torch": ("torch", peers.torch_runs, {"filter", "low_rank", "separable", "rows", "signal", *LAYERS}),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_peers_compute_the_same(name):
    """Their GPU counterparts have the same functions with the same meaning."""
    module, add, works = LIBRARIES[name]
    library = pytest.importorskip(module)
    seen = set()
    for cell in SMALL:
        cell = shrunk(cell, 13)
        cell = replace(cell, taps=cell.taps - (cell.taps % 2 == 0))
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
    fails = ("json", lambda library: "", lambda *_: 1 / 0)
    others = {"present": present, "absent": absent, "fails": fails}
    monkeypatch.setattr(peers, "PEERS", {"cv2": opencv, "torch": torch, **others})
    cell = Cell("filter", "float32", (9, 9), 3)
    runs, missing = peers.peers(cell, *cell.arrays())
    assert list(runs) == ["present"]
    assert "cannot be imported (ModuleNotFoundError: No module named 'no_such_library')" in missing["absent"]
    assert missing["fails"] == "cannot compute filter 3 9x9 float32 (ZeroDivisionError: division by zero)"
    for name, reason in (("cv2", "built without CUDA"), ("torch", "sees no CUDA device")):
        assert missing[name] == reason or "No module named" in missing[name]


def test_figures():
    """Bytes and products by hand: 4 x 6 images, and 3 to 5 channels."""
    assert (Cell("filter", "float32", (4, 6), 3).moved, Cell("filter", "float32", (4, 6), 3).products) == (192, 216)
    assert Cell("separable", "uint8", (4, 6), 5).products == 240
    dense = Cell("dense", "float16", (2, 3, 4, 6), 3, 5)
    assert (dense.moved, dense.products) == (2 * 2 * 24 * (3 + 5), 2 * 24 * 3 * 5 * 9)
    assert measure.summary([3.0, 1.0, 2.0, 5.0, 4.0]) == {"median": 3.0, "low": 2.0, "high": 4.0, "samples": 5}
