"""Images into files: whole or not at all, and never less than the picture holds."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
from pictures import random_pixels

from gpuconv.files import FileError
from gpuconv.imagefile import Picture, check_fits, check_target, read, write


def test_names_are_taken_literally(tmp_path):
    picture = Picture(random_pixels())
    names = ["a[page=1].png", "b.png[x].png", "umlaut ä 字.png"]
    if os.name == "posix":
        names.append(os.fsdecode(b"latin-\xe4.png"))
    for name in names:
        write(tmp_path / name, picture)
        assert np.array_equal(read(tmp_path / name).pixels, picture.pixels)
    assert sorted(os.listdir(tmp_path)) == sorted(names)


@pytest.mark.parametrize(
    ("name", "dtype", "kind", "message"),
    [
        ("a.jpg", "uint8", "RGBA", "JPEG cannot hold RGBA uint8 without loss; name the output .png or .tif or .webp"),
        ("a.jpg", "uint16", "RGB", "JPEG cannot hold RGB uint16 without loss; name the output .png or .tif"),
        ("a.png", "float32", "grey", "PNG cannot hold grey float32 without loss; name the output .tif"),
        ("a.webp", "uint16", "RGB", "WebP cannot hold RGB uint16 without loss; name the output .png or .tif"),
    ],
)
def test_a_format_that_cannot_hold_the_picture_is_refused(tmp_path, name, dtype, kind, message):
    with pytest.raises(FileError) as caught:
        write(tmp_path / name, Picture(random_pixels(dtype, kind)))
    assert str(caught.value) == message
    assert os.listdir(tmp_path) == []


def test_pictures_too_long_for_a_format_are_refused(tmp_path):
    long = Picture(np.broadcast_to(np.uint8(0), (1, 20_000, 3)))
    check_fits(tmp_path / "a.jpg", long)
    with pytest.raises(FileError, match="WebP has at most 16,383 pixels a side; the picture has 20,000"):
        check_fits(tmp_path / "a.webp", long)


def test_targets_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    for name, message in (
        ("a.bmp", r"suffix must be one of .png, .jpg, .jpeg, .tif, .tiff, .webp; got .*a.bmp"),
        ("a", r"suffix must be one of .*; got .*a$"),
        ("folder.png", "the output must be a file; .*folder.png is a folder"),
        ("none/a.png", "the output's folder must exist; there is no folder .*none"),
    ):
        with pytest.raises(FileError, match=message):
            check_target(tmp_path / name)
    (tmp_path / "old.png").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path / "old.png")
    with pytest.raises(FileError, match=r"the output must be writable; .*old.png is not"):
        check_target(tmp_path / "old.png")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(FileError, match=r"the output's folder must be writable; .* is not"):
        check_target(tmp_path / "new.png")


FAILURES = {
    "disk full": OSError(28, "No space left on device"),
    "encoder": pyvips.Error("unable to call pngsave", "pngsave: it failed\nand more\n"),
    "interrupted": KeyboardInterrupt(),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failure):
    path = tmp_path / "image.png"
    path.write_bytes(b"the old content")
    partial = []

    def fail(image, target, *arguments, **options):
        partial.extend(entry for entry in tmp_path.iterdir() if entry != path)
        partial[0].write_bytes(b"half of the new content")
        raise FAILURES[failure]

    monkeypatch.setattr(pyvips.Image, "write_to_target", fail, raising=False)
    expected = KeyboardInterrupt if failure == "interrupted" else FileError
    with pytest.raises(expected) as caught:
        write(path, Picture(random_pixels()))
    assert len(partial) == 1
    assert str(caught.value) in (
        "",
        f"cannot write {path}: No space left on device",
        f"cannot write {path}: pngsave: it failed",
    )
    assert path.read_bytes() == b"the old content"
    assert os.listdir(tmp_path) == ["image.png"]


@pytest.mark.skipif(os.name != "posix", reason="file modes and links are those of POSIX")
def test_mode_and_link_of_the_output_stay(tmp_path):
    picture = Picture(random_pixels())
    target, link = tmp_path / "target.png", tmp_path / "link.png"
    write(target, picture)
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask
    target.chmod(0o640)
    link.symlink_to(target)
    write(link, replace(picture, pixels=picture.pixels[::-1]))
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert np.array_equal(read(target).pixels, picture.pixels[::-1])
