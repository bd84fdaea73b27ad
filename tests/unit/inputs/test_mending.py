"""A flaw that costs no pixel is no reason to refuse a file; a missing pixel is."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.unit.images import decoded, file_of, png, refused

END_OF_IMAGE = b"\xff\xd9"


def photo(width: int = 61, height: int = 47) -> Image.Image:
    """Noise that no decoder could make up."""
    values = np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


KINDS: list[dict[str, Any]] = [
    {},
    {"progressive": True},
    {"subsampling": 0},
    {"subsampling": 2, "optimize": True},
    {"quality": 20},
    {"restart_marker_blocks": 3},
]


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_without_its_end_shows_what_the_whole_one_does(options: dict[str, Any], mode: str) -> None:
    whole = file_of(photo().convert(mode), "JPEG", **options)
    assert whole.endswith(END_OF_IMAGE)
    for cut in (1, 2):
        sample = decoded(whole[:-cut])
        assert np.array_equal(sample.pixels, decoded(whole).pixels)
        assert sample.details == ("a JPEG without its end, of which no pixel is missing",)
        assert sample.content == whole[:-cut]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_jpeg_that_lacks_a_pixel_is_truncated(options: dict[str, Any]) -> None:
    whole = file_of(photo(), "JPEG", **options)
    for cut in (6, 20, len(whole) // 4, len(whole) // 2):
        assert refused(whole[:-cut]) == "truncated"


def test_a_progressive_jpeg_without_its_last_scan_is_truncated() -> None:
    whole = file_of(photo(), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    # With a table of codes before it, which is no part of the picture either.
    cut = whole[: whole.rindex(b"\xff\xc4", 0, last)]
    assert refused(cut) == "truncated"


def chunk(name: bytes, body: bytes, error: int = 0) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ error)


def with_chunk(inserted: bytes) -> bytes:
    content = png()
    return content[:33] + inserted + content[33:]


@pytest.mark.parametrize("name", [b"tEXt", b"tIME", b"eXIf", b"vpAg", b"acTL"])
def test_a_wrong_checksum_of_what_says_nothing_of_pixels_does_no_harm(name: bytes) -> None:
    sample = decoded(with_chunk(chunk(name, b"Comment\0hello", 1)))
    assert np.array_equal(sample.pixels, decoded(png()).pixels)
    assert sample.details == (
        f"a PNG with a wrong checksum in {name.decode()}, which says nothing of its pixels",
    )


@pytest.mark.parametrize("name", [b"tRNS", b"PLTE"])
def test_a_wrong_checksum_of_what_is_seen_is_damage(name: bytes) -> None:
    assert refused(with_chunk(chunk(name, b"\0\0\0\0\0\0", 1))).startswith("damaged")


def test_damaged_pixels_are_damage() -> None:
    content = bytearray(png(40, 40))
    content[content.index(b"IDAT") + 40] ^= 255
    assert refused(bytes(content)).startswith("damaged")
