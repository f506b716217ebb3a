"""Images in files: what is read, what is kept, what is refused, and that a file is written whole or not at all."""

import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps

from gpuconv import imagefile
from gpuconv.files import FileError
from gpuconv.imagefile import Picture, check_fits, check_target, read, write

SHAPE = (13, 17)
CHANNELS = {"grey": (), "grey + alpha": (2,), "RGB": (3,), "RGBA": (4,)}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DPI_300 = 300 / 25.4

rng = np.random.default_rng(11)


def samples(dtype, kind="RGB", shape=SHAPE):
    """Random pixels over the whole range of the dtype."""
    shape = (*shape, *CHANNELS[kind])
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def png(width, height, depth, colour_type, rows):
    """Bytes of a PNG, written by its specification."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


LOSSLESS = [
    (suffix, dtype, kind)
    for suffix, dtypes in ((".png", ("uint8", "uint16")), (".tif", imagefile.TIFF_DTYPES), (".webp", ("uint8",)))
    for dtype in dtypes
    for kind in CHANNELS
]


@pytest.mark.parametrize(("suffix", "dtype", "kind"), LOSSLESS)
def test_lossless_round_trip(tmp_path, suffix, dtype, kind):
    path = tmp_path / f"image{suffix}"
    pixels = samples(dtype, kind)
    write(path, Picture(pixels))
    result = read(path)
    if suffix == ".webp" and "grey" in kind:  # WebP has no grey: three equal channels
        assert all((result.pixels[..., i] == pixels.reshape(*SHAPE, -1)[..., 0]).all() for i in range(3))
    else:
        assert result.pixels.dtype == dtype
        assert result.pixels.shape == pixels.shape
        assert (result.pixels == pixels).all()
        assert str(result) == f"13 rows x 17 columns, {kind} {dtype}"
    assert result.alpha == ("A" in kind or "alpha" in kind)


@pytest.mark.parametrize("kind", ["grey", "RGB"])
def test_jpeg_is_close(tmp_path, kind):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    pixels = smooth if kind == "grey" else np.stack([smooth] * 3, axis=-1)
    write(tmp_path / "image.JPG", Picture(pixels))
    result = read(tmp_path / "image.JPG").pixels
    assert result.shape == pixels.shape
    # At quality 95 the coarsest of JPEG's 64 steps is 12; the transform keeps the root mean square, rounding adds 1 at most.
    assert np.sqrt(np.mean((result.astype(float) - pixels) ** 2)) <= 12 / 2 + 1
    with Image.open(tmp_path / "image.JPG") as seen:
        assert seen.format == "JPEG"


@pytest.mark.parametrize("kind", CHANNELS)
def test_another_program_reads_what_is_written(tmp_path, kind):
    pixels = samples(np.uint8, kind)
    for suffix in (".png", ".tif"):
        write(tmp_path / f"image{suffix}", Picture(pixels))
        with Image.open(tmp_path / f"image{suffix}") as seen:
            assert np.array_equal(np.asarray(seen), pixels)


def test_another_program_reads_float_tiff(tmp_path):
    pixels = samples(np.float32, "grey")
    write(tmp_path / "image.tif", Picture(pixels))
    with Image.open(tmp_path / "image.tif") as seen:
        assert seen.mode == "F"
        assert np.array_equal(np.asarray(seen), pixels)
        seen.save(tmp_path / "again.tif")
    assert np.array_equal(read(tmp_path / "again.tif").pixels, pixels)


def test_sixteen_bit_rgb_png_of_another_writer(tmp_path):
    pixels = samples(np.uint16, "RGB")
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    (tmp_path / "deep.png").write_bytes(png(SHAPE[1], SHAPE[0], 16, 2, rows))
    assert np.array_equal(read(tmp_path / "deep.png").pixels, pixels)


def test_palettes_and_bits_become_colours(tmp_path):
    colours = Image.fromarray(samples(np.uint8)).quantize(16)
    for name in ("palette.png", "palette.gif", "palette.tif"):
        colours.save(tmp_path / name)
        pixels = read(tmp_path / name).pixels
        assert np.array_equal(pixels[..., :3], np.asarray(colours.convert("RGB")))
    colours.save(tmp_path / "transparent.png", transparency=3)
    pixels = read(tmp_path / "transparent.png").pixels
    assert np.array_equal(pixels[..., 3], np.where(np.asarray(colours) == 3, 0, 255))
    bits = samples(np.uint8, "grey") > 127
    for name in ("bits.png", "bits.tif"):
        Image.fromarray(bits).save(tmp_path / name)
        assert np.array_equal(read(tmp_path / name).pixels, np.where(bits, 255, 0))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_images_come_out_upright(tmp_path, suffix, orientation):
    image = Image.fromarray(samples(np.uint8))
    exif = image.getexif()
    exif[0x112] = orientation
    image.save(tmp_path / f"in{suffix}", exif=exif, lossless=True)
    picture = read(tmp_path / f"in{suffix}")
    with Image.open(tmp_path / f"in{suffix}") as seen:
        assert np.array_equal(picture.pixels, np.asarray(ImageOps.exif_transpose(seen)))
    write(tmp_path / "out.png", picture)
    with Image.open(tmp_path / "out.png") as seen:
        assert seen.getexif().get(0x112, 1) == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_profile_and_resolution_are_kept(tmp_path, suffix):
    write(tmp_path / f"first{suffix}", Picture(samples(np.uint8), PROFILE, (DPI_300, DPI_300)))
    picture = read(tmp_path / f"first{suffix}")
    write(tmp_path / f"second{suffix}", picture)
    with Image.open(tmp_path / f"second{suffix}") as seen:
        assert seen.info["icc_profile"] == PROFILE
        if suffix != ".webp":  # which has no place for it
            # JPEG counts whole dots per inch or centimetre, PNG whole dots per metre.
            assert seen.info["dpi"] == pytest.approx((300, 300), abs=2.54 / 2)


def test_profile_survives_between_formats(tmp_path):
    Image.fromarray(samples(np.uint8)).save(tmp_path / "in.jpg", icc_profile=PROFILE, dpi=(300, 300))
    write(tmp_path / "out.png", read(tmp_path / "in.jpg"))
    with Image.open(tmp_path / "out.png") as seen:
        assert seen.info["icc_profile"] == PROFILE
        assert seen.info["dpi"] == pytest.approx((300, 300), abs=0.0254)


def test_without_a_resolution_it_is_that_of_a_screen(tmp_path):
    Image.fromarray(samples(np.uint8)).save(tmp_path / "in.webp")
    write(tmp_path / "out.png", read(tmp_path / "in.webp"))
    with Image.open(tmp_path / "out.png") as seen:
        assert seen.info["dpi"] == pytest.approx((72, 72), abs=0.0254)


def test_other_metadata_is_dropped(tmp_path):
    image = Image.fromarray(samples(np.uint8))
    exif = image.getexif()
    exif[0x10E] = "the unfiltered picture"
    image.save(tmp_path / "in.jpg", exif=exif)
    write(tmp_path / "out.jpg", read(tmp_path / "in.jpg"))
    assert b"unfiltered" in (tmp_path / "in.jpg").read_bytes()
    assert b"unfiltered" not in (tmp_path / "out.jpg").read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_srgb_and_says_so(tmp_path, suffix):
    white_to_black = np.zeros((8, 16, 4), np.uint8)
    white_to_black[:, 8:] = 255
    ink = pyvips.Image.new_from_array(white_to_black).copy(interpretation="cmyk")
    ink.write_to_file(str(tmp_path / f"in{suffix}"), profile="cmyk")
    picture = read(tmp_path / f"in{suffix}")
    assert b"prtrCMYK" in (tmp_path / f"in{suffix}").read_bytes()
    assert picture.icc is None  # the file's own describes ink
    assert picture.note == f"{tmp_path}/in{suffix} was converted from CMYK to 8-bit sRGB"
    assert picture.pixels.shape == (8, 16, 3)
    assert picture.pixels[:, :4].min() > 250 > 60 > picture.pixels[:, 12:].max()


def test_premultiplied_tiff_is_read_as_straight_alpha(tmp_path):
    straight = np.full((4, 4, 4), 200, np.uint8)
    straight[..., 3] = 51  # a fifth
    image = pyvips.Image.new_from_array(straight).copy(interpretation="srgb")
    image.tiffsave(str(tmp_path / "in.tif"), premultiply=True)
    with Image.open(tmp_path / "in.tif") as seen:
        assert seen.tag_v2[338] == (1,)  # associated alpha
    assert np.abs(read(tmp_path / "in.tif").pixels.astype(int) - straight).max() <= 255 / 51 / 2


def test_pages_are_chosen_not_guessed(tmp_path):
    frames = [Image.fromarray(samples(np.uint8)) for _ in range(3)]
    for name in ("pages.tif", "pages.gif", "pages.webp"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        with pytest.raises(FileError, match=r"holds 3 images; choose one with --page, from 1 to 3"):
            read(path)
        for page in (0, 4):
            with pytest.raises(FileError, match=f"must be from 1 to 3, .*; got {page}"):
                read(path, page)
        for page in (1, 3):
            with Image.open(path) as seen:
                seen.seek(page - 1)
                assert np.array_equal(read(path, page).pixels[..., :3], np.asarray(seen.convert("RGB")))
    frames[0].save(tmp_path / "one.png")
    assert read(tmp_path / "one.png", page=1).pixels.shape == (*SHAPE, 3)


def damaged(name, keep):
    image = Image.fromarray(samples(np.uint8, shape=(100, 100)))

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
    with pytest.raises(FileError, match="cannot read .*secret.png: Permission denied"):
        read(path)


def test_names_are_taken_literally(tmp_path):
    picture = Picture(samples(np.uint8))
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
        write(tmp_path / name, Picture(samples(dtype, kind)))
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
    with pytest.raises(FileError, match="the output must be writable; .*old.png is not"):
        check_target(tmp_path / "old.png")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(FileError, match="the output's folder must be writable; .* is not"):
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
        write(path, Picture(samples(np.uint8)))
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
    picture = Picture(samples(np.uint8))
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
