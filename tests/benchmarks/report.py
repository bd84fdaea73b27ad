"""Results as one table, or as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Bar:
    """What a value must reach, or must not exceed."""

    limit: float
    unit: str
    at_least: bool

    def met_by(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {shown(self.limit, self.unit)}"


def at_least(limit: float, unit: str = "×") -> Bar:
    """A bar that a value must reach."""
    return Bar(limit, unit, at_least=True)


def at_most(limit: float, unit: str = "×") -> Bar:
    """A bar that a value must not exceed."""
    return Bar(limit, unit, at_least=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results; a row without a bar is context."""

    case: str
    what: str
    seconds: float | None = None
    peak: int = 0
    value: float | None = None
    bar: Bar | None = None
    unit: str = "×"
    """Of a value without a bar."""

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached, where there is one."""
        if self.bar is None or self.value is None:
            return None
        return self.bar.met_by(self.value)

    def as_json(self) -> dict[str, Any]:
        """The row for programs."""
        return {
            "case": self.case,
            "what": self.what,
            "median_seconds": self.seconds,
            "peak_bytes": self.peak or None,
            "value": self.value,
            "unit": self.bar.unit if self.bar else self.unit if self.value is not None else None,
            "bar": str(self.bar) if self.bar else None,
            "met": self.met,
        }


def shown(value: float, unit: str) -> str:
    """A number with three significant digits and its unit."""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits}{unit}" if unit == "×" else f"{digits} {unit}".rstrip()


def duration(seconds: float) -> str:
    """Seconds, or the thousandths of one."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
    }


def print_table(rows: Iterable[Row]) -> None:
    """The results for a person."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    table = Table(title="mlpredict and its rivals", title_justify="left", box=None, pad_edge=False)
    for heading in ("case", "what"):
        table.add_column(heading, overflow="fold")
    for heading in ("median", "peak memory", "ratio", "bar"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("met")
    last = ""
    for row in rows:
        if last and row.case != last:
            table.add_row()
        table.add_row("" if row.case == last else row.case, *_cells(row))
        last = row.case
    console.print(table)
    about = machine()
    console.print(f"\n{about['cores']} cores, Python {about['python']}, {about['platform']}", markup=False)


def _cells(row: Row) -> list[str]:
    unit = row.bar.unit if row.bar else row.unit
    return [
        row.what,
        "" if row.seconds is None else duration(row.seconds),
        f"{row.peak / MEGABYTE:,.0f} MB" if row.peak else "",
        "" if row.value is None else shown(row.value, unit),
        str(row.bar or ""),
        {True: "[green]yes", False: "[bold red]NO", None: ""}[row.met],
    ]


def as_json(rows: Sequence[Row], *, quick: bool, rounds: int) -> bytes:
    """The results for programs."""
    document = {
        "machine": machine(),
        "quick": quick,
        "rounds": rounds,
        "results": [row.as_json() for row in rows],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
