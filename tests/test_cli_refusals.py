"""How the command line refuses: one line, exit code 2, and every file as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import pyvips
from command_line import gpuconv
from pictures import random_pixels

from gpuconv import backends, cli, filters, imagefile
from gpuconv.imagefile import Picture, write


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


REFUSALS = {
    "filter in.png out.png": "exactly one filter must be chosen, of --gaussian, --box, .*--weights; got none",
    "filter in.png out.png --sobel --box 3": "exactly one filter must be chosen, .*; got --box and --sobel",
    "filter in.png out.png --gaussian 0": "sigma must be a finite number greater than 0; got 0",
    "filter in.png out.png --gaussian nan": "sigma must be a finite number greater than 0; got nan",
    "filter in.png out.png --gaussian much": "Invalid value for '--gaussian'",
    "filter in.png out.png --box 0": "n must be from 1 to 2,000,001; got 0",
    "filter in.png out.png --box 2.5": "Invalid value for '--box'",
    "filter in.png out.png --sobel --boundary mirrored": "boundary must be one of .*did you mean 'mirror'",
    "filter in.png out.png --sobel --backend nunpy": "backend must be one of .*did you mean 'numpy'",
    "filter in.png out.png --sobel --page 2": "--page must be from 1 to 1, the images in in.png; got 2",
    "filter in.png out.png --sobbel": "No such option: --sobbel",
    "filter in.png": "Missing argument 'OUTPUT'",
    "filter in.png out.png more --sobel": "unexpected extra argument",
    "filter none.png out.png --sobel": "the input must exist; there is no file none.png",
    "filter folder out.png --sobel": "the input must be a file; folder is a folder",
    "filter text.txt out.png --sobel": "the input must be a PNG, JPEG, TIFF, WebP or GIF image; text.txt is not",
    "filter cut.jpg out.png --sobel": "cut.jpg is damaged or not supported: .*premature end",
    "filter in.png out.gif --sobel": "the output's suffix must be one of .*; got out.gif",
    "filter in.png none/out.png --sobel": "the output's folder must exist; there is no folder none",
    "filter in.png folder/ --sobel": "the output's suffix must be one of",
    "filter deep.png out.jpg --sobel": "JPEG cannot hold RGB uint16 without loss; name the output .png or .tif",
    "demo out.bmp": "the output's suffix must be one of",
    "demo --backend nunpy": "did you mean 'numpy'",
    "verify --backend nunpy": "did you mean 'numpy'",
    "filtre": "No such command 'filtre'",
    "info --jsn": "No such option: --jsn",
}


def prepare():
    write(Path("in.png"), Picture(random_pixels()))
    write(Path("deep.png"), Picture(random_pixels("uint16")))
    write(Path("whole.jpg"), Picture(random_pixels()))
    Path("cut.jpg").write_bytes(Path("whole.jpg").read_bytes()[:-300])
    Path("text.txt").write_text("no image")
    Path("folder").mkdir()
    Path("out.png").write_bytes(b"the old content")


@pytest.mark.parametrize("line", REFUSALS)
def test_refusals_are_one_line_and_touch_nothing(line):
    prepare()
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    code, out, err = gpuconv(*line.split())
    assert code == 2
    assert out == ""
    assert err.startswith("gpuconv: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert pytest.raises(ValueError, match=REFUSALS[line]).matches(ValueError(err))
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_a_backend_that_is_missing_is_named_with_its_reason():
    missing = [row for row in backends.report() if not row.available]
    if not missing:
        pytest.skip("every backend is available here")
    write(Path("in.png"), Picture(random_pixels()))
    code, _, err = gpuconv("filter", "in.png", "out.png", "--sobel", "--backend", missing[0].name)
    assert code == 2
    assert missing[0].detail in err


def test_an_invalid_environment_is_refused(monkeypatch):
    monkeypatch.setenv("GPUCONV_BACKEND", "nunpy")
    write(Path("in.png"), Picture(random_pixels()))
    code, _, err = gpuconv("filter", "in.png", "out.png", "--sobel")
    assert code == 2
    assert "GPUCONV_BACKEND must be one of" in err


def test_lack_of_memory_is_one_line(monkeypatch):
    def fail(*arguments, **options):
        raise MemoryError("Unable to allocate 1. TiB")

    write(Path("in.png"), Picture(random_pixels()))
    monkeypatch.setattr(filters, "sobel", fail)
    monkeypatch.setattr(imagefile, "read", fail)
    assert gpuconv("filter", "in.png", "out.png", "--sobel") == (
        2,
        "",
        "gpuconv: there is not enough memory: Unable to allocate 1. TiB\n",
    )


def test_interruption_leaves_nothing(monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    write(Path("in.png"), Picture(random_pixels()))
    monkeypatch.setattr(pyvips.Image, "write_to_target", interrupt, raising=False)
    assert gpuconv("filter", "in.png", "out.png", "--sobel")[0] == 130
    assert os.listdir() == ["in.png"]


def test_a_bug_is_not_hidden(monkeypatch):
    def fail(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(imagefile, "check_target", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main(["filter", "in.png", "out.png", "--sobel"])


@pytest.mark.parametrize("name", cli.EXTRA)
def test_a_missing_library_names_the_extra(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    code, out, err = gpuconv("info")
    assert (code, out) == (2, "")
    assert err == f"gpuconv: the command line needs {name}; install with: python -m pip install 'gpuconv[cli]'\n"


def test_the_process_itself_prints_one_line():
    prepare()
    for source in ("cut.jpg", "text.txt"):
        command = [sys.executable, "-m", "gpuconv.cli", "filter", source, "new.png", "--sobel"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert not Path("new.png").exists()
