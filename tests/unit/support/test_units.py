"""Points in time as people type them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from mlpredict.errors import UsageError
from mlpredict.support import units
from mlpredict.support.units import in_time, local_time, point_in_time

CENTRAL_EUROPE = "CET-1CEST,M3.5.0,M10.5.0/3"
NOON_OF_THE_CHANGE = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)


@pytest.fixture
def _in_europe_when_clocks_change(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            local = NOON_OF_THE_CHANGE.astimezone(tz)
            return local if tz else local.replace(tzinfo=None)

    monkeypatch.setenv("TZ", CENTRAL_EUROPE)
    time.tzset()
    monkeypatch.setattr(units, "datetime", Frozen)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("2H ago", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        (" 3 w ", timedelta(weeks=3)),
    ],
)
def test_an_age_counts_back_from_now(text: str, age: timedelta) -> None:
    before = datetime.now(UTC)
    point = point_in_time(text, "--since")
    assert before - age <= point <= datetime.now(UTC) - age


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23", datetime(2026, 11, 23).astimezone()),
        ("2026-11-23T09:30", datetime(2026, 11, 23, 9, 30).astimezone()),
        ("2026-11-23 09:30:15.5", datetime(2026, 11, 23, 9, 30, 15, 500000).astimezone()),
        ("2026-11-23T09:30Z", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
        (
            "2026-11-23T09:30+05:30",
            datetime(2026, 11, 23, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        ),
    ],
)
def test_iso_times_are_local_unless_they_name_an_offset(text: str, expected: datetime) -> None:
    point = point_in_time(text, "--since")
    assert point == expected
    assert point.tzinfo is not None


@pytest.mark.usefixtures("_in_europe_when_clocks_change")
@pytest.mark.parametrize(
    ("text", "utc"),
    [("today", datetime(2026, 3, 28, 23, tzinfo=UTC)), ("Yesterday", datetime(2026, 3, 27, 23, tzinfo=UTC))],
)
def test_days_begin_at_midnight_though_clocks_change(text: str, utc: datetime) -> None:
    assert point_in_time(text, "--since") == utc


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "5", "2y", "-2h", "9999999999999w", "2026-11-23T25:00"]
)
def test_anything_else_is_refused_with_the_option_and_the_text(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--until .*not a time") as raised:
        point_in_time(text, "--until")
    assert text in raised.value.message
    assert raised.value.hint is not None
    assert "yesterday" in raised.value.hint


@pytest.mark.parametrize("zone", ["UTC-14", "UTC+12"])
def test_the_ends_of_the_calendar_stay_as_they_are(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    ends = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert tuple(map(local_time, ends)) == ends
        assert local_time(NOON_OF_THE_CHANGE).utcoffset() != timedelta(0)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (89, "89 s"),
        (90, "1.5 minutes"),
        (3600, "60 minutes"),
        (7200, "2 hours"),
        (200_000, "2.3 days"),
    ],
)
def test_a_length_of_time_has_its_unit(seconds: float, words: str) -> None:
    assert in_time(seconds) == words
