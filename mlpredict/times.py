"""Points in time as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from mlpredict.errors import UsageError

AGO = re.compile(r"(?P<count>\d+)\s*(?P<unit>[smhdw])(\s*ago)?")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


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
