"""Writes PNG files, without a package of images."""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOURS = 0, 2  # types of pixels


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of grey or coloured pixels, the same bytes for the same pixels.

    Shapes: pixels (H, W) or (H, W, 3) uint8.
    Source: W3C Portable Network Graphics, sections 5 and 11.2
    """
    height, width = pixels.shape[:2]
    kind = COLOURS if pixels.ndim == 3 else GREY
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check
