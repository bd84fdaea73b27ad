"""Which columns of a table a terminal has room for, how wide each is, and what is written shorter.

What matters least gives way first: times, then the model, then what is long beside the file's name,
then whole columns. The name is cut where it has to be, and is always there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rich.text import Text

from mlpredict.cli.cells import NUMBERS, cell, short_time
from mlpredict.cli.cutting import cut_end, cut_middle, cut_path, width_of

FILENAME, MODEL = "filename", "model"

GAP = 2
"""Columns of the terminal that a row takes beside its cells, for each cell."""

FILENAME_SHARE = 0.4
"""The part of the width that names of files get, where they need it, before anything else is written out."""

LEAST_FILENAME = 24
"""So much they get before the text beside them."""

SHORTEST_FILENAME = 10
"""With less, a column is left out."""

SHORTEST_TEXT = 8

SHORT_HEADINGS = {
    "prediction_id": "id",
    "input_id": "input",
    "run_id": "run",
    "contenttype": "type",
    "likely_class": "class",
    "created_at": "time",
    "started_at": "started",
    "last_at": "last",
    "predictions": "predicted",
    "failures": "failed",
    "mean_score": "score",
    "parts_done": "done",
}

CUTS: Mapping[str, Callable[[str, int], str]] = {
    **dict.fromkeys((FILENAME, "path", "model_path", "directory"), cut_path),
    MODEL: cut_middle,
}
"""How cells are cut that say most at their ends."""

LEFT_OUT_FIRST = (
    *("engine", "last_at", "mean_score", "unit", MODEL, "created_at"),
    *("labels", "prediction", "distance", "score"),
)
"""Columns that nobody has asked for, in the order in which they are left out."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, and its cells as they are written."""

    name: str
    heading: str
    cells: tuple[Text, ...]

    @property
    def width(self) -> int:
        """How much it takes in full."""
        return max(width_of(self.heading), max((width_of(one.plain) for one in self.cells), default=0))

    @property
    def is_cut(self) -> bool:
        """Whether its cells may be cut; half a number is another one."""
        return self.name not in NUMBERS

    @property
    def least(self) -> int:
        """How much it takes at least."""
        if not self.is_cut:
            return self.width
        return min(self.width, SHORTEST_FILENAME if self.name == FILENAME else SHORTEST_TEXT)

    def cut_to(self, width: int) -> Column:
        """The same in a smaller width."""
        shortened = CUTS.get(self.name, cut_end)
        return Column(
            self.name,
            cut_end(self.heading, width),
            tuple(Text(shortened(one.plain, width), style=one.style) for one in self.cells),
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table that fits, and lines that say what it leaves out; without columns where none would fit."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()


def fitted(
    records: Sequence[Record], names: Sequence[str], width: int | None, *, asked: bool = False
) -> Fitted:
    """The table of some records for a terminal of so many columns; None is as wide as it gets.

    What somebody has `asked` for is never left out.
    """
    whole = tuple(Column(name, name, tuple(cell(name, record[name]) for record in records)) for name in names)
    if width is None:
        return Fitted(whole)
    for form in _shorter_and_shorter(Fitted(whole), records, asked=asked):
        wanted = max(LEAST_FILENAME, int(width * FILENAME_SHARE))
        if _taken(form.columns, filename=wanted) <= width:
            return replace(form, columns=_shared_out(form.columns, width))
    return _least(form, width, asked=asked)


def _shorter_and_shorter(whole: Fitted, records: Sequence[Record], *, asked: bool) -> Iterator[Fitted]:
    yield whole
    now = datetime.now()
    short = tuple(_with_short_times(one, records, now) for one in whole.columns)
    yield Fitted(short)
    yield _with_short_models(short, records, asked=asked)


def _with_short_times(column: Column, records: Sequence[Record], now: datetime) -> Column:
    values = [record[column.name] for record in records]
    cells = tuple(
        Text(short_time(value, now)) if isinstance(value, datetime) else one
        for value, one in zip(values, column.cells, strict=True)
    )
    return Column(column.name, SHORT_HEADINGS.get(column.name, column.heading), cells)


def _with_short_models(columns: tuple[Column, ...], records: Sequence[Record], *, asked: bool) -> Fitted:
    """Models by their names alone; one model of all rows is said once, below them."""
    found = {record[MODEL] for record in records} if any(one.name == MODEL for one in columns) else set()
    if not found:
        return Fitted(columns)
    if len(found) == 1 and not asked:
        (model,) = found
        rest = tuple(one for one in columns if one.name != MODEL)
        return Fitted(rest, () if model is None else (f"model: {model}",))
    short = _short_models(sorted(one for one in found if isinstance(one, str)))
    cells = tuple(cell(MODEL, short.get(record[MODEL], record[MODEL])) for record in records)
    return Fitted(tuple(replace(one, cells=cells) if one.name == MODEL else one for one in columns))


def _short_models(models: Sequence[str]) -> Mapping[str, str]:
    """Each by its name, and by as many digits behind it as tell it from the others of that name."""
    short = {}
    for one in models:
        namesakes = [other for other in models if _with_digits(other, 0) == _with_digits(one, 0)]
        forms = ({other: _with_digits(other, digits) for other in namesakes} for digits in range(9))
        short[one] = next((form[one] for form in forms if len(set(form.values())) == len(namesakes)), one)
    return short


def _with_digits(model: str, digits: int) -> str:
    name, at, fingerprint = model.rpartition("@")
    return (f"{name}@{fingerprint[:digits]}" if digits else name) if at else model


def _taken(columns: Sequence[Column], *, filename: int) -> int:
    """What a table takes if nothing in it is cut but the names of files, to this width."""
    return GAP * len(columns) + sum(
        min(one.width, filename) if one.name == FILENAME else one.width for one in columns
    )


def _least(form: Fitted, width: int, *, asked: bool) -> Fitted:
    """The table with everything cut that may be, and left out where that is not enough."""
    columns, left_out = form.columns, list[str]()
    while GAP * len(columns) + sum(one.least for one in columns) > width:
        gone = next((name for name in LEFT_OUT_FIRST if any(one.name == name for one in columns)), None)
        if asked or gone is None:
            return Fitted(())
        left_out.append(gone)
        columns = tuple(one for one in columns if one.name != gone)
    note = (f"no room for: {', '.join(left_out)}",) if left_out else ()
    return Fitted(_shared_out(columns, width), (*form.notes, *note))


def _shared_out(columns: tuple[Column, ...], width: int) -> tuple[Column, ...]:
    """The columns, cut to what there is; names of files get some of it first, and what is left at the end."""
    widths = {one.name: one.least for one in columns}
    spare = width - GAP * len(columns) - sum(widths.values())
    files = [one for one in columns if one.name == FILENAME]
    others = sorted((one for one in columns if one.name != FILENAME), key=lambda one: one.width)
    for one, most in (
        *((one, LEAST_FILENAME) for one in files),
        *((one, one.width) for one in others),
        *((one, one.width) for one in files),
    ):
        more = max(0, min(spare, min(one.width, most) - widths[one.name]))
        widths[one.name] += more
        spare -= more
    return tuple(one if one.width <= widths[one.name] else one.cut_to(widths[one.name]) for one in columns)
