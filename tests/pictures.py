"""Pictures for the tests."""

import struct
import zlib

import numpy as np

SHAPE = (21, 26)
CHANNELS = {"grey": (), "grey + alpha": (2,), "RGB": (3,), "RGBA": (4,)}


def random_pixels(dtype: str = "uint8", kind: str = "RGB", least_alpha: float = 0) -> np.ndarray:
    """Random pixels over the whole range of a dtype (floats: 0 to 1); alpha is at least that part of opaque."""
    rng = np.random.default_rng(5)
    shape = (*SHAPE, *CHANNELS[kind])
    if np.dtype(dtype).kind == "f":
        values, opaque = rng.random(shape).astype(dtype), 1.0
    else:
        opaque = np.iinfo(dtype).max
        values = rng.integers(np.iinfo(dtype).min, opaque, shape, dtype, endpoint=True)
    if least_alpha and kind in ("grey + alpha", "RGBA"):
        values[..., -1] = np.clip(values[..., -1], least_alpha * opaque, opaque)
    return values


def png(width, height, depth, colour_type, rows):
    """Bytes of a PNG, written by its specification."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
