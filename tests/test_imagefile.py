"""Images out of files: read as a viewer shows them, and as they were written."""

import numpy as np
import pytest
import pyvips
from pictures import CHANNELS, SHAPE, png, random_pixels
from PIL import Image, ImageCms, ImageOps

from gpuconv.files import FileError
from gpuconv.imagefile import TIFF_DTYPES, Picture, read, write

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DPI_300 = 300 / 25.4

LOSSLESS = [
    (suffix, dtype, kind)
    for suffix, dtypes in ((".png", ("uint8", "uint16")), (".tif", TIFF_DTYPES), (".webp", ("uint8",)))
    for dtype in dtypes
    for kind in CHANNELS
]


@pytest.mark.parametrize(("suffix", "dtype", "kind"), LOSSLESS)
def test_lossless_round_trip(tmp_path, suffix, dtype, kind):
    path = tmp_path / f"image{suffix}"
    pixels = random_pixels(dtype, kind)
    write(path, Picture(pixels))
    result = read(path)
    if suffix == ".webp" and "grey" in kind:  # WebP has no grey: three equal channels
        assert all((result.pixels[..., i] == pixels.reshape(*SHAPE, -1)[..., 0]).all() for i in range(3))
    else:
        assert result.pixels.dtype == dtype
        assert result.pixels.shape == pixels.shape
        assert (result.pixels == pixels).all()
        assert str(result) == f"21 rows x 26 columns, {kind} {dtype}"
    assert result.alpha == ("A" in kind or "alpha" in kind)


@pytest.mark.parametrize("kind", ["grey", "RGB"])
def test_jpeg_is_close(tmp_path, kind):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    pixels = smooth if kind == "grey" else np.stack([smooth] * 3, axis=-1)
    write(tmp_path / "image.JPG", Picture(pixels))
    result = read(tmp_path / "image.JPG").pixels
    assert result.shape == pixels.shape
    # At quality 95 JPEG's coarsest step is 12; its transform keeps the root mean square, rounding adds 1 at most.
    assert np.sqrt(np.mean((result.astype(float) - pixels) ** 2)) <= 12 / 2 + 1
    with Image.open(tmp_path / "image.JPG") as seen:
        assert seen.format == "JPEG"


@pytest.mark.parametrize("kind", CHANNELS)
def test_another_program_reads_what_is_written(tmp_path, kind):
    pixels = random_pixels("uint8", kind)
    for suffix in (".png", ".tif"):
        write(tmp_path / f"image{suffix}", Picture(pixels))
        with Image.open(tmp_path / f"image{suffix}") as seen:
            assert np.array_equal(np.asarray(seen), pixels)


def test_another_program_reads_float_tiff(tmp_path):
    pixels = random_pixels("float32", "grey")
    write(tmp_path / "image.tif", Picture(pixels))
    with Image.open(tmp_path / "image.tif") as seen:
        assert seen.mode == "F"
        assert np.array_equal(np.asarray(seen), pixels)
        seen.save(tmp_path / "again.tif")
    assert np.array_equal(read(tmp_path / "again.tif").pixels, pixels)


def test_sixteen_bit_rgb_png_of_another_writer(tmp_path):
    pixels = random_pixels("uint16", "RGB")
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    (tmp_path / "deep.png").write_bytes(png(SHAPE[1], SHAPE[0], 16, 2, rows))
    assert np.array_equal(read(tmp_path / "deep.png").pixels, pixels)


def test_palettes_and_bits_become_colours(tmp_path):
    colours = Image.fromarray(random_pixels()).quantize(16)
    for name in ("palette.png", "palette.gif", "palette.tif"):
        colours.save(tmp_path / name)
        pixels = read(tmp_path / name).pixels
        assert np.array_equal(pixels[..., :3], np.asarray(colours.convert("RGB")))
    colours.save(tmp_path / "transparent.png", transparency=3)
    pixels = read(tmp_path / "transparent.png").pixels
    assert np.array_equal(pixels[..., 3], np.where(np.asarray(colours) == 3, 0, 255))
    bits = random_pixels("uint8", "grey") > 127
    for name in ("bits.png", "bits.tif"):
        Image.fromarray(bits).save(tmp_path / name)
        assert np.array_equal(read(tmp_path / name).pixels, np.where(bits, 255, 0))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_images_come_out_upright(tmp_path, suffix, orientation):
    image = Image.fromarray(random_pixels())
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
    write(tmp_path / f"first{suffix}", Picture(random_pixels(), PROFILE, (DPI_300, DPI_300)))
    picture = read(tmp_path / f"first{suffix}")
    write(tmp_path / f"second{suffix}", picture)
    with Image.open(tmp_path / f"second{suffix}") as seen:
        assert seen.info["icc_profile"] == PROFILE
        if suffix != ".webp":  # which has no place for it
            # JPEG counts whole dots per inch or centimetre, PNG whole dots per metre.
            assert seen.info["dpi"] == pytest.approx((300, 300), abs=2.54 / 2)


def test_profile_survives_between_formats(tmp_path):
    Image.fromarray(random_pixels()).save(tmp_path / "in.jpg", icc_profile=PROFILE, dpi=(300, 300))
    write(tmp_path / "out.png", read(tmp_path / "in.jpg"))
    with Image.open(tmp_path / "out.png") as seen:
        assert seen.info["icc_profile"] == PROFILE
        assert seen.info["dpi"] == pytest.approx((300, 300), abs=0.0254)


def test_without_a_resolution_it_is_that_of_a_screen(tmp_path):
    Image.fromarray(random_pixels()).save(tmp_path / "in.webp")
    write(tmp_path / "out.png", read(tmp_path / "in.webp"))
    with Image.open(tmp_path / "out.png") as seen:
        assert seen.info["dpi"] == pytest.approx((72, 72), abs=0.0254)


def test_other_metadata_is_dropped(tmp_path):
    image = Image.fromarray(random_pixels())
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
    frames = [Image.fromarray(np.roll(random_pixels(), i, 1)) for i in range(3)]
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
