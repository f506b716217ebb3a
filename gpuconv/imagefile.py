"""Images in files: read as a viewer shows them, written whole or not at all.

Integer and float samples, grey or RGB, with or without alpha. The ICC profile and the resolution are kept; all other
metadata is dropped (an Exif thumbnail would go on showing the unfiltered picture).
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from gpuconv.files import FileError, check_input, check_output, name_of, replacing

MAX_PIXELS = 1_000_000_000
LOADERS = ("pngload", "jpegload", "tiffload", "webpload", "gifload")
RGB_OR_GREY = ("b-w", "grey16", "srgb", "rgb16", "scrgb", "rgb", "multiband")
KINDS = {1: "grey", 2: "grey + alpha", 3: "RGB", 4: "RGBA"}  # by the number of channels
NOT_STATED = 1.0  # the resolution that libvips gives a file without one
ON_SCREEN = 72 / 25.4

pyvips.cache_set_max(0)  # no file stays open, and no picture in memory, once it has been used


@dataclass(frozen=True)
class Picture:
    """An image out of a file, or for one."""

    pixels: np.ndarray  # (H, W) grey, or (H, W, C): grey + alpha, RGB, RGBA; colours are not premultiplied
    icc: bytes | None = None
    resolution: tuple[float, float] = (ON_SCREEN, ON_SCREEN)  # pixels per mm along x and y
    note: str = ""  # a sentence on what reading changed

    @property
    def channels(self) -> int:
        """Number of channels, alpha included."""
        return 1 if self.pixels.ndim == 2 else int(self.pixels.shape[2])

    @property
    def alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)

    def __str__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"{height} rows x {width} columns, {KINDS[self.channels]} {self.pixels.dtype}"


@dataclass(frozen=True)
class Format:
    """What a kind of file can hold, and how it is written here."""

    name: str
    suffixes: tuple[str, ...]
    dtypes: tuple[str, ...]
    alpha: bool
    max_side: int
    options: dict[str, Any] = field(default_factory=dict)

    def holds(self, picture: Picture) -> bool:
        """Whether it keeps the picture's samples and channels as they are."""
        return picture.pixels.dtype.name in self.dtypes and (self.alpha or not picture.alpha)


TIFF_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")
FORMATS = (
    Format("PNG", (".png",), ("uint8", "uint16"), True, 2**31 - 1),
    Format("JPEG", (".jpg", ".jpeg"), ("uint8",), False, 65_535, {"Q": 95}),
    Format("TIFF", (".tif", ".tiff"), TIFF_DTYPES, True, 2**31 - 1, {"compression": "deflate", "predictor": "none"}),
    Format("WebP", (".webp",), ("uint8",), True, 16_383, {"lossless": True, "exact": True}),
)


def read(path: Path, page: int | None = None) -> Picture:
    """Read an image as a viewer shows it: upright, palettes as colours, what is not grey or RGB as sRGB.

    Parameters
    ----------
    path : Path
        A PNG, JPEG, TIFF, WebP or GIF file of at most `MAX_PIXELS` pixels.
    page : int, optional
        Which image of a file that holds several, counted from 1; such a file is refused without it.

    Raises
    ------
    FileError
        If there is no such file, or it is not, or not wholly, such an image.
    """
    check_input(path)
    try:
        image = _open(path, page)
        space = image.interpretation
        rgb = image if space in RGB_OR_GREY else image.colourspace("srgb")
        if rgb.bands - rgb.hasalpha() not in (1, 3):
            raise FileError(
                f"an image must be grey or RGB, with or without alpha; {name_of(path)} has {rgb.bands} bands"
            )
        upright = rgb.autorot()
        pixels = upright.numpy()
    except pyvips.Error as error:
        raise FileError(f"{name_of(path)} is damaged or not supported: {_reason(error)}") from None
    has_profile = rgb is image and upright.get_typeof("icc-profile-data")  # after a conversion it is the old space's
    icc = upright.get("icc-profile-data") if has_profile else None
    note = "" if rgb is image else f"{name_of(path)} was converted from {space.upper()} to 8-bit sRGB"
    picture, resolution = Picture(pixels, icc, note=note), (upright.xres, upright.yres)
    return picture if resolution == (NOT_STATED, NOT_STATED) else replace(picture, resolution=resolution)


def check_target(path: Path) -> Format:
    """Return the format that the suffix of `path` names; raise FileError if there is none or nothing can be written."""
    for candidate in FORMATS:
        if path.suffix.lower() in candidate.suffixes:
            check_output(path)
            return candidate
    suffixes = ", ".join(suffix for each in FORMATS for suffix in each.suffixes)
    raise FileError(f"the output's suffix must be one of {suffixes}; got {name_of(path)}")


def check_fits(path: Path, picture: Picture) -> Format:
    """Return the format of `path`; raise FileError, naming the formats that can, if it cannot hold the picture."""
    target = check_target(path)
    if not target.holds(picture):
        others = " or ".join(each.suffixes[0] for each in FORMATS if each.holds(picture))
        what = f"{KINDS[picture.channels]} {picture.pixels.dtype}"
        raise FileError(f"{target.name} cannot hold {what} without loss; name the output {others}")
    side = max(picture.pixels.shape[:2])
    if side > target.max_side:
        raise FileError(f"{target.name} has at most {target.max_side:,} pixels a side; the picture has {side:,}")
    return target


def write(path: Path, picture: Picture) -> None:
    """Write an image; `path` is replaced once the new file is complete, and untouched if anything fails.

    Raises
    ------
    FileError
        If the suffix names no format, the format cannot hold the picture, or the file cannot be written.
    """
    target = check_fits(path, picture)
    options = {"bigtiff": picture.pixels.nbytes > 2**31} if target.name == "TIFF" else {}
    with replacing(path) as temporary:
        try:
            sink = pyvips.Target.new_to_file(os.fsencode(temporary))
            _to_vips(picture).write_to_target(sink, target.suffixes[0], **target.options, **options)
        except pyvips.Error as error:
            raise FileError(f"cannot write {name_of(path)}: {_reason(error)}") from None


def _open(path: Path, page: int | None) -> pyvips.Image:
    """Read the header, decode nothing yet, and check what it says."""
    image = _load(path)
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width:,} x {image.height:,} = {image.width * image.height:,}"
        raise FileError(f"an image must have at most {MAX_PIXELS:,} pixels; {name_of(path)} has {size}")
    if page is None and pages > 1:
        raise FileError(f"{name_of(path)} holds {pages} images; choose one with --page, from 1 to {pages}")
    if page is not None and not 1 <= page <= pages:
        raise FileError(f"--page must be from 1 to {pages}, the images in {name_of(path)}; got {page}")
    return image if page in (None, 1) else _load(path, page=page - 1)


def _load(path: Path, **options: int) -> pyvips.Image:
    source = pyvips.Source.new_from_file(os.fsencode(path))
    try:
        image = pyvips.Image.new_from_source(source, "", fail_on="error", **options)
        known = image.get("vips-loader").startswith(LOADERS)
    except pyvips.Error as error:
        known = False
        if error.message != "unable to load from source":  # a format it knows, but damaged
            raise
    if not known:
        raise FileError(f"the input must be a PNG, JPEG, TIFF, WebP or GIF image; {name_of(path)} is not")
    return image


def _to_vips(picture: Picture) -> pyvips.Image:
    pixels = np.ascontiguousarray(picture.pixels)
    names = {1: "b-w", 2: "grey16"} if picture.channels < 3 else {1: "srgb", 2: "rgb16"}
    name = names.get(pixels.dtype.itemsize, "b-w" if picture.channels < 3 else "scrgb")
    xres, yres = picture.resolution
    image = pyvips.Image.new_from_array(pixels).copy(interpretation=name, xres=xres, yres=yres)
    if picture.icc is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", picture.icc)
    return image


def _reason(error: pyvips.Error) -> str:
    """Return the first thing that libvips says, without its own call."""
    return str(error.detail).strip().partition("\n")[0]
