"""What is no image, or not a whole one, is refused in one sentence."""

from pathlib import Path

import pytest
import pyvips
from pictures import png, random_pixels
from PIL import Image

from gpuconv.files import FileError
from gpuconv.imagefile import read


def damaged(name, keep):
    image = Image.fromarray(random_pixels())

    def make(folder):
        image.save(folder / name)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * keep)])

    return name, make, "is damaged or not supported: "


def holding(name, data, message):
    return name, lambda folder: (folder / name).write_bytes(data), message


def five_bands(folder):
    pyvips.Image.black(8, 8, bands=5).tiffsave(str(folder / "five.tif"))


UNREADABLE = [
    ("missing.png", lambda folder: None, "the input must exist; there is no file "),
    ("folder.png", lambda folder: (folder / "folder.png").mkdir(), "the input must be a file; .* is a folder"),
    holding("empty.png", b"", "the input must not be empty; .*empty.png is"),
    holding("text.png", b"this is no image\n", "must be a PNG, JPEG, TIFF, WebP or GIF image; .*text.png is not"),
    holding("table.csv", b"1,2\n3,4\n", "must be a PNG, JPEG, TIFF, WebP or GIF image; .*table.csv is not"),
    holding("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "must be a PNG, JPEG"),
    holding(
        "large.png", png(40_000, 40_000, 8, 2, b""), "at most 1,000,000,000 pixels; .* 40,000 x 40,000 = 1,600,000,000"
    ),
    holding("half.png", png(40, 40, 8, 2, b"\0" * 1000), "is damaged or not supported: "),
    ("five.tif", five_bands, "must be grey or RGB, with or without alpha; .* has 5 bands"),
    *(damaged(f"cut{suffix}", keep) for suffix in (".png", ".jpg", ".tif", ".webp", ".gif") for keep in (0.9, 0.5)),
]


@pytest.mark.parametrize(
    ("name", "make", "message"), UNREADABLE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_no_image_is_refused_in_one_line(tmp_path, name, make, message):
    make(tmp_path)
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_unreadable_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=r"cannot read .*secret.png: Permission denied"):
        read(path)
