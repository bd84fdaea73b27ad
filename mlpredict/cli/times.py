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
    now = datetime.now(UTC).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if words in ("today", "yesterday"):
        return midnight if words == "today" else midnight - timedelta(days=1)
    try:
        if ago := AGO.fullmatch(words):
            return now - timedelta(**{UNITS[ago["unit"]]: int(ago["count"])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text}: not a time",
            hint="2026-11-23, 2026-11-23T09:30, today, yesterday, or an age such as 2h or 7d",
        ) from None
