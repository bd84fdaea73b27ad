"""Files with a flaw that costs no pixel: what is decoded in their stead, where all pixels are there.

What is stored stays the file itself.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import NamedTuple

from PIL import Image

from mlpredict.inputs.kinds import begun_as
from mlpredict.inputs.limits import Limits, check_pixels

END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN = 0xDA
STARTS_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}
LAST_COEFFICIENT = 63
# What could never be mistaken for one another, and holds no marker.
GUESSES = (bytes(64), b"\xa5\x3c\x96\x0f" * 512, b"\x5b\xc4\x69" * 700)
ROWS = 64

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ANCILLARY = 0x20
CHANGES_PIXELS = frozenset([b"tRNS"])
"""Ancillary chunks that say what is seen."""


class Mended(NamedTuple):
    """Bytes to decode, and what was wrong with those of the file."""

    content: bytes
    note: str


def mended(content: bytes, limits: Limits) -> Mended | None:
    """What can be decoded instead of a file that could not be; None where pixels are missing."""
    match begun_as(content):
        case "JPEG":
            return _jpeg(content, limits)
        case "PNG":
            return _png(content)
    return None


def _jpeg(content: bytes, limits: Limits) -> Mended | None:
    """A JPEG without its end, if what would follow changes no pixel and all parts of it have begun."""
    bare = content.rstrip(b"\xff")
    if content.endswith(END_OF_IMAGE) or not _has_all_scans(bare):
        return None
    whole = _digest(bare + END_OF_IMAGE, limits)
    if any(_digest(bare + guess + END_OF_IMAGE, limits) != whole for guess in GUESSES):
        return None
    return Mended(bare + END_OF_IMAGE, "a JPEG without its end, of which no pixel is missing")


def _digest(content: bytes, limits: Limits) -> bytes:
    digest = hashlib.sha256()
    with Image.open(io.BytesIO(content)) as image:
        check_pixels(image.size, limits)
        image.load()
        for top in range(0, image.height, ROWS):
            digest.update(image.crop((0, top, image.width, min(top + ROWS, image.height))).tobytes())
    return digest.digest()


def _has_all_scans(content: bytes) -> bool:
    """Whether scans have begun for every component, down to the last bit of every coefficient."""
    components: set[int] = set()
    missing: set[tuple[int, int]] = set()
    progressive = False
    for marker, body in _segments(content):
        if marker in STARTS_OF_FRAME:
            progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
            components = set(body[6 : 6 + 3 * body[5] : 3])
            last = LAST_COEFFICIENT if progressive else 0
            missing = {(component, at) for component in components for at in range(last + 1)}
        elif marker == START_OF_SCAN:
            count = body[0]
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            span = range(first, last + 1) if progressive else range(1)
            if not progressive or bits & 15 == 0:
                missing -= {(component, at) for component in body[1 : 1 + 2 * count : 2] for at in span}
    return bool(components) and not missing


def _segments(content: bytes) -> list[tuple[int, bytes]]:
    """The markers of a JPEG that have a length, with what follows it."""
    found: list[tuple[int, bytes]] = []
    at = 2
    while 0 <= (at := content.find(b"\xff", at)) < len(content) - 3:
        marker = content[at + 1]
        if marker in (0x00, 0xFF) or marker in WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4])
        if length < 2 or at + 2 + length > len(content):
            break
        found.append((marker, content[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def _png(content: bytes) -> Mended | None:
    """A PNG without the chunks whose checksum is wrong, if none of them says what is seen."""
    parts, dropped = [PNG_SIGNATURE], []
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4])
        name, end = content[at + 4 : at + 8], at + 12 + length
        if end > len(content):
            return None
        body = content[at + 4 : end - 4]
        if struct.unpack(">I", content[end - 4 : end])[0] == zlib.crc32(body):
            parts.append(content[at:end])
        elif name[0] & ANCILLARY and name.isalpha() and name not in CHANGES_PIXELS:
            dropped.append(name.decode("ascii"))
        else:
            return None
        at = end
    if not dropped:
        return None
    names = ", ".join(sorted(set(dropped)))
    return Mended(
        b"".join(parts), f"a PNG with a wrong checksum in {names}, which says nothing of its pixels"
    )
