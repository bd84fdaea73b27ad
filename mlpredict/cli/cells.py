"""Values as a table shows them, safe for the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.text import Text

from mlpredict.records import plain
from mlpredict.support.printable import printable
from mlpredict.support.units import local_time

SCORES = frozenset({"likeness", "score", "mean_score", "accuracy"})
COUNTS = frozenset(
    {
        "distance",
        "classes",
        "runs",
        "predictions",
        "inputs",
        "labelled",
        "failures",
        "written",
        "present",
        "rows",
        "images",
        "missing",
        "parts",
        "parts_done",
    }
)
IDS = frozenset({"prediction_id", "input_id", "run_id", "failure_id", "likely_class"})
NUMBERS = SCORES | COUNTS | IDS | {"value", "version", "part"}
"""Columns whose cells stand at the right."""


def cell(column: str, value: Any) -> Text:
    """A value as a table shows it, on one line."""
    if value is None:
        return Text("–", style="dim")
    if column in SCORES:
        return Text(f"{value:.4f}", style=_score_style(value))
    if column in COUNTS and isinstance(value, int):
        return Text(f"{value:,}")
    if column == "right" and isinstance(value, bool):
        return Text("yes" if value else "no", style="green" if value else "red")
    if column == "value":
        return Text(f"{value:.6g}")
    if column == "labels" and not isinstance(value, (str, int)):
        return Text(printable(", ".join(value)))
    if isinstance(value, datetime):
        return Text(f"{local_time(value):%Y-%m-%d %H:%M:%S}")
    return Text(printable(plain(value)))


def short_time(time: datetime, now: datetime) -> str:
    """A time in seven columns at most: of today the hour and minute, of this year the day, else the month."""
    local = local_time(time)
    if local.date() == now.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local.year:04}-{local:%m}"


def _score_style(score: float) -> str:
    return "green" if score >= 0.9 else "yellow" if score >= 0.5 else "red"
