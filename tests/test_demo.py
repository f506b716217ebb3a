"""The demo: one picture, made without a display, that names the backend."""

import os
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from gpuconv import demo, filters, imagefile
from gpuconv.files import FileError

pytestmark = pytest.mark.usefixtures("on_numpy")


def test_the_photograph_comes_with_its_source():
    photo = demo.photograph()
    assert photo.shape == (512, 512, 3)
    assert photo.dtype == np.uint8
    assert photo.std() > 50  # a picture, not a blank
    assert demo.PHOTOGRAPH.stat().st_size < 120_000
    source = demo.PHOTOGRAPH.with_name("README.txt").read_text(encoding="utf-8")
    assert all(word in source for word in (demo.PHOTOGRAPH.name, "NASA", "public domain", "https://"))


def test_every_panel_shows_what_its_caption_says():
    panels = demo.results("numpy")
    photo = panels[0].image
    names = {"photo": photo, "grey": demo.grey(photo)}
    for panel in panels[1:]:
        call = panel.call
        options = {"channel_axis": -1} if "photo" in call else {}
        name, _, arguments = call.partition("(")
        expected = eval(
            f"run({arguments[:-1]}, **options)", {"run": getattr(filters, name), "options": options, **names}
        )
        assert np.array_equal(panel.image, expected), call
        assert panel.backend == "numpy"
    assert len({panel.image.tobytes() for panel in panels}) == len(panels) == 6


def test_picture_is_written_without_a_display_and_names_the_backend(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    texts = []
    text = Figure.text
    monkeypatch.setattr(
        Figure,
        "text",
        lambda self, *place_and_text, **style: texts.append(place_and_text[2]) or text(self, *place_and_text, **style),
    )
    used = demo.write_demo(tmp_path / "demo.png", "numpy")
    assert used == "numpy"
    assert any("backend numpy (NumPy " in words for words in texts)
    picture = imagefile.read(tmp_path / "demo.png")
    height, width, channels = picture.pixels.shape
    assert channels == 3
    assert width > 1200 < height * 2
    assert os.listdir(tmp_path) == ["demo.png"]


def test_several_backends_are_all_named(tmp_path, monkeypatch):
    panels = [replace(panel, backend="numpy" if i % 2 else "cupy") for i, panel in enumerate(demo.results("numpy"))]
    monkeypatch.setattr(demo, "results", lambda backend: panels)
    assert demo.write_demo(tmp_path / "demo.jpg") == "cupy and numpy"


def test_a_wrong_output_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "results", lambda backend: pytest.fail("it was computed"))
    with pytest.raises(FileError, match="suffix"):
        demo.write_demo(tmp_path / "demo.gif")
