"""`gpuconv filter`: what it does to images, above all to transparent ones."""

import os
from pathlib import Path

import numpy as np
import pytest
import pyvips
from command_line import gpuconv
from pictures import CHANNELS, random_pixels
from PIL import Image
from scipy import ndimage

from gpuconv import filters
from gpuconv.imagefile import Picture, read, write

pytestmark = pytest.mark.usefixtures("on_numpy")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".png", "uint8"), (".png", "uint16"), (".tif", "uint8"), (".tif", "uint16"), (".tif", "int32")],
)
def test_the_identity_changes_no_pixel(suffix, dtype, kind):
    pixels = random_pixels(dtype, kind, least_alpha=0.02)
    write(Path(f"in{suffix}"), Picture(pixels))
    code, out, err = gpuconv("filter", f"in{suffix}", f"out{suffix}", "--weights", "1")
    assert (code, err) == (0, "")
    assert (
        out == f"out{suffix}: 1 x 1 weights, boundary symmetric; 21 rows x 26 columns, {kind} {dtype}; backend numpy\n"
    )
    result = read(Path(f"out{suffix}")).pixels
    assert result.dtype == dtype
    assert np.array_equal(result, pixels)


@pytest.mark.parametrize("kind", CHANNELS)
def test_the_identity_on_floats(kind):
    pixels = random_pixels("float32", kind, least_alpha=0.02)
    write(Path("in.tif"), Picture(pixels))
    assert gpuconv("filter", "in.tif", "out.tif", "--weights", "1")[0] == 0
    result = read(Path("out.tif")).pixels
    # With alpha a product and a quotient are rounded, each to half an ulp; without, nothing is.
    assert (
        np.abs(result - pixels) <= (np.finfo("float32").eps if "A" in kind or "alpha" in kind else 0) * pixels
    ).all()


JOBS = {
    "--gaussian 1.5": lambda x, **o: filters.gaussian(x, 1.5, **o),
    "--box 4": lambda x, **o: filters.box(x, 4, **o),
    "--sharpen": filters.sharpen,
    "--unsharp": filters.unsharp_mask,
    "--sobel": filters.sobel,
    "--laplace": filters.laplace,
    "--emboss": filters.emboss,
    "--weights 0,1;2,-1": lambda x, **o: filters.apply(x, np.array([[0.0, 1], [2, -1]]), **o),
}


@pytest.mark.parametrize("boundary", ["symmetric", "wrap"])
@pytest.mark.parametrize("job", JOBS)
def test_each_filter_is_that_of_the_library(job, boundary):
    pixels = random_pixels()
    write(Path("in.png"), Picture(pixels))
    code, out, _ = gpuconv("filter", "in.png", "out.png", *job.split(), "--boundary", boundary)
    assert code == 0
    assert f"boundary {boundary}; 21 rows x 26 columns, RGB uint8; backend numpy" in out
    expected = JOBS[job](pixels, channel_axis=-1, boundary=boundary)
    assert np.array_equal(read(Path("out.png")).pixels, expected)
    assert not np.array_equal(pixels, expected)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("job", JOBS)
def test_opaque_alpha_changes_nothing(job, dtype):
    pixels = random_pixels(dtype, "RGBA", least_alpha=1)
    write(Path("with.tif"), Picture(pixels))
    write(Path("without.tif"), Picture(pixels[..., :3]))
    for name in ("with", "without"):
        assert gpuconv("filter", f"{name}.tif", f"{name}-out.tif", *job.split())[0] == 0
    result, expected = (read(Path(f"{name}-out.tif")).pixels for name in ("with", "without"))
    if dtype == "float32":
        # Each of at most 13 x 2 taps and 4 more operations is rounded; no sum of |weights| exceeds 16.
        slack = 30 * np.finfo("float32").eps * 16
        assert np.abs(result[..., 3] - 1).max() <= slack
    else:
        slack = 1  # a tie may round to the other side
        assert (result[..., 3] == np.iinfo(dtype).max).all()
    assert np.abs(result[..., :3].astype(float) - expected).max() <= slack


def test_transparent_red_does_not_bleed():
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[:, :10] = (0, 0, 255, 255)  # blue
    pixels[:, 10:] = (255, 0, 0, 0)  # red that nobody sees
    write(Path("in.png"), Picture(pixels))
    assert gpuconv("filter", "in.png", "out.png", "--gaussian", 2)[0] == 0
    result = read(Path("out.png")).pixels
    visible = result[result[..., 3] > 0]
    assert (visible[:, :3] == (0, 0, 255)).all()
    alpha = ndimage.gaussian_filter(pixels[..., 3].astype(float), 2)
    assert np.abs(result[..., 3] - alpha).max() <= 0.5 + 1e-3  # half a step, and float32's rounding of 255
    bled = filters.gaussian(pixels, 2, channel_axis=-1)  # what comes of treating alpha as a colour
    assert bled[bled[..., 3] > 0][:, 0].max() > 100


@pytest.mark.parametrize("job", ["--sobel", "--laplace", "--emboss", "--weights 1,0,-1"])
def test_edges_and_reliefs_keep_alpha(job):
    pixels = random_pixels("uint8", "RGBA")
    write(Path("in.png"), Picture(pixels))
    assert gpuconv("filter", "in.png", "out.png", *job.split())[0] == 0
    assert np.array_equal(read(Path("out.png")).pixels[..., 3], pixels[..., 3])


def test_outside_is_transparent_with_boundary_zero():
    pixels = np.full((9, 9, 4), 200, np.uint8)
    write(Path("in.png"), Picture(pixels))
    assert gpuconv("filter", "in.png", "out.png", "--box", 3, "--boundary", "zero")[0] == 0
    result = read(Path("out.png")).pixels
    assert (result[..., :3] == 200).all()
    assert result[0, 0, 3] == round(200 * 4 / 9)


def test_input_may_be_output():
    pixels = random_pixels()
    write(Path("photo.png"), Picture(pixels))
    assert gpuconv("filter", "photo.png", "photo.png", "--box", 3)[0] == 0
    assert np.array_equal(read(Path("photo.png")).pixels, filters.box(pixels, 3, channel_axis=-1))
    assert os.listdir() == ["photo.png"]


def test_conversions_are_told():
    ink = pyvips.Image.new_from_array(random_pixels("uint8", "RGBA")).copy(interpretation="cmyk")
    ink.write_to_file("ink.tif")
    code, out, err = gpuconv("filter", "ink.tif", "out.png", "--sharpen")
    assert (code, err) == (0, "gpuconv: ink.tif was converted from CMYK to 8-bit sRGB\n")
    assert "RGB uint8" in out


def test_a_page_can_be_chosen():
    frames = [Image.fromarray(random_pixels()[::step].copy()) for step in (1, -1)]
    frames[0].save("pages.tif", save_all=True, append_images=frames[1:])
    assert gpuconv("filter", "pages.tif", "out.png", "--weights", 1, "--page", 2)[0] == 0
    assert np.array_equal(read(Path("out.png")).pixels, np.asarray(frames[1]))
