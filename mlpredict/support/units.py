"""Points in time as people type and read them, and sizes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from mlpredict.errors import UsageError

AGO = re.compile(r"(?P<count>\d+)\s*(?P<unit>[smhdw])(\s*ago)?")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
WRITTEN = r"(\d+(?:\.\d+)?) ?([kmg]?)(?:b|p|px)?"
MEGA, GIGA = 10**6, 10**9
LARGEST = 10**15


def point_in_time(text: str, option: str) -> datetime:
    """A time in ISO 8601 (local where it names no offset), today, yesterday, or an age such as 2h or 7d.

    Raises:
        UsageError: it is none of these.
    """
    words = text.strip().lower()
    if words in ("today", "yesterday"):
        # Without an offset until the end: where the clocks change, midnight's is not that of now.
        midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight if words == "today" else midnight - timedelta(days=1)).astimezone()
    try:
        if ago := AGO.fullmatch(words):
            return datetime.now(UTC).astimezone() - timedelta(**{UNITS[ago["unit"]]: int(ago["count"])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text}: not a time",
            hint="2026-11-23, 2026-11-23T09:30, today, yesterday, or an age such as 2h or 7d",
        ) from None


def local_time(time: datetime) -> datetime:
    """The same time with the local offset; at the ends of the calendar, where there is none, as it is."""
    try:
        return time.astimezone()
    except OverflowError:
        return time


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


def in_time(seconds: float) -> str:
    """A length of time in words.

    Example:
        >>> in_time(5400)
        '1.5 hours'
    """
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"{_short(seconds / length)} {unit}"
    return f"{seconds:.0f} s"


def in_pixels(count: int) -> str:
    """A number of pixels in words."""
    return f"{_short(count / MEGA)} megapixels" if count >= MEGA else f"{count:,} pixels"


def _short(number: float) -> str:
    return f"{number:,.1f}".removesuffix(".0")
