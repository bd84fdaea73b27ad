"""Small PNG and JPEG files of the plainest kind, without Pillow's parsers, which take most of their time.

Pillow's own decoders, written in C, get the very bytes that its parsers would hand to them, so the pixels are
the same. Whatever is not plain, or has the least thing wrong with it, is left to Pillow as a whole.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

MOST_BYTES = 1 << 16
"""Larger files take so long to decode that parsing does not matter, and Pillow reads them piece by piece."""

MOST_PIXELS = 1 << 20
"""As many need no look at how much memory decoding them takes."""

PNG_HEADER = struct.Struct(">I4sII5sI")
"""The first chunk (PNG 11.2.1): length, name, width, height, five bytes of its kind, and the checksum."""
PNG_CHUNK = struct.Struct(">I4s")
PNG_START = 8
PNG_MODES = {
    b"\x08\0\0\0\0": "L",
    b"\x08\2\0\0\0": "RGB",
    b"\x08\4\0\0\0": "LA",
    b"\x08\6\0\0\0": "RGBA",
}
"""Depth, colours, compression, filter, interlacing: eight bits a channel, no palette, not interlaced."""
UNSEEN_CHUNKS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7}
"""Ancillary chunks before the pixels that change none of them here, with their lengths."""

JPEG_SEGMENT = struct.Struct(">HH")
JPEG_FRAME = struct.Struct(">BHHB")
"""Bits, height, width and the number of components."""
JPEG_MODES = {1: "L", 3: "RGB"}
JFIF, QUANTISATION, HUFFMAN, RESTART, FRAME, SCAN = 0xFFE0, 0xFFDB, 0xFFC4, 0xFFDD, 0xFFC0, 0xFFDA
TABLE_BYTES = 65
"""Of a quantisation table of eight bits."""


def plain_image(content: bytes, kind: str | None, max_pixels: int = MOST_PIXELS) -> Image.Image | None:
    """A decoded image of a plain file that begins as this kind; None for any other."""
    if len(content) > MOST_BYTES:
        return None
    try:
        if kind == "PNG":
            return _png(content, min(max_pixels, MOST_PIXELS))
        if kind == "JPEG":
            return _jpeg(content, min(max_pixels, MOST_PIXELS))
    except (IndexError, ValueError, struct.error):
        # It may be damaged, or of another kind than it seems: Pillow tells.
        pass
    return None


def _png(content: bytes, most: int) -> Image.Image | None:
    length, name, width, height, kind, checksum = PNG_HEADER.unpack_from(content, PNG_START)
    mode = PNG_MODES.get(kind)
    if mode is None or (length, name) != (13, b"IHDR") or not 0 < width * height <= most:
        return None
    if zlib.crc32(content[PNG_START + 4 : PNG_START + 21]) != checksum:
        return None
    parts = _png_data(content, PNG_START + 25)
    return None if not parts else _decoded("PNG", mode, (width, height), b"".join(parts), "zip", mode)


def _png_data(content: bytes, at: int) -> list[bytes] | None:
    """The compressed data of all IDAT chunks; None where there is anything else that could matter."""
    parts: list[bytes] = []
    while True:
        length, name = PNG_CHUNK.unpack_from(content, at)
        end = at + 12 + length
        if name == b"IDAT":
            # Pillow does not look at this checksum.
            parts.append(content[at + 8 : end - 4])
        elif parts:
            return parts if name == b"IEND" else None
        elif UNSEEN_CHUNKS.get(name) != length or not _is_sound(content[at + 4 : end]):
            return None
        at = end


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[:-4]) == int.from_bytes(chunk[-4:])


def _jpeg(content: bytes, most: int) -> Image.Image | None:
    """A baseline JPEG of grey or three colours that has nothing to say but how it is packed."""
    size, mode = (0, 0), None
    for marker, at, length in _jpeg_segments(content):
        if marker == FRAME:
            bits, height, width, components = JPEG_FRAME.unpack_from(content, at)
            if mode is not None or bits != 8 or length != 6 + 3 * components:
                return None
            size, mode = (width, height), JPEG_MODES.get(components)
        elif marker == QUANTISATION:
            if length % TABLE_BYTES or any(content[at + t] >> 4 for t in range(0, length, TABLE_BYTES)):
                return None
        elif marker not in (JFIF, HUFFMAN, RESTART, SCAN):
            return None
    if mode is None or not 0 < size[0] * size[1] <= most:
        return None
    return _decoded("JPEG", mode, size, content, "jpeg", mode, "")


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker up to the first scan, where its data begin, and how many there are."""
    at, marker = 2, 0
    while marker != SCAN:
        marker, length = JPEG_SEGMENT.unpack_from(content, at)
        yield marker, at + 4, length - 2
        at += 2 + length


def _decoded(
    format_: str, mode: str, size: tuple[int, int], data: bytes, codec: str, *arguments: str
) -> Image.Image:
    image = Image.frombytes(mode, size, data, codec, *arguments)
    image.format = format_
    return image
