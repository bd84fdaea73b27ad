"""Numbers of pixels and bytes, as a person writes and reads them."""

from __future__ import annotations

import re

from mlpredict.errors import UsageError

FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
WRITTEN = r"(\d+(?:\.\d+)?) ?([kmg]?)(?:b|p|px)?"
MEGA, GIGA = 10**6, 10**9
LARGEST = 10**15


def parse_size(given: str, option: str) -> int:
    """A number such as 50000000, 50M or 1.5GB.

    Raises:
        UsageError: it is none, or less than 1, or beyond all files.
    """
    match = re.fullmatch(WRITTEN, given.strip().replace(",", "").lower(), re.ASCII)
    size = round(float(match[1]) * FACTORS[match[2]]) if match else 0
    if not 1 <= size <= LARGEST:
        raise UsageError(f"{option}: {given!r} is no size", hint="100000000, 100M and 0.1G are the same one")
    return size


def in_bytes(size: int) -> str:
    """A file's size in words."""
    if size >= GIGA:
        return f"{_short(size / GIGA)} GB"
    return f"{_short(size / MEGA)} MB" if size >= MEGA else f"{size:,} bytes"


def in_pixels(count: int) -> str:
    """A number of pixels in words."""
    return f"{_short(count / MEGA)} megapixels" if count >= MEGA else f"{count:,} pixels"


def _short(number: float) -> str:
    return f"{number:,.1f}".removesuffix(".0")
