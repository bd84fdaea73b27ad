"""What commands that list have in common: how many, how records are printed, and what is said of more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlpredict.cli.talk import stderr_is_terminal, talk
from mlpredict.domain import Format
from mlpredict.domain.history import HistoryRecord, fields_of
from mlpredict.errors import UsageError

DEFAULT_LIMIT = 20


def how_many(limit: int | None, *, everything: bool) -> int | None:
    """How many rows are to be listed; None is all of them.

    Raises:
        UsageError: all of them, and so many.
    """
    if everything and limit is not None:
        raise UsageError("--all and --limit exclude each other")
    return None if everything else limit or DEFAULT_LIMIT


def written(
    records: Iterable[HistoryRecord], chosen: Format, columns: tuple[str, ...], rare: tuple[str, ...] = ()
) -> int:
    """Print records in the format that was asked for; how many there were."""
    from mlpredict.cli.output import write_records

    return write_records(map(fields_of, records), chosen, columns, rare)


def tell_of_more(count: int, rows: int | None, chosen: Format, nothing: str) -> None:
    """Say to a person that there is nothing, or that there may be more."""
    if chosen is not Format.TABLE or not stderr_is_terminal():
        return
    if not count:
        talk.notice(nothing)
    elif count == rows:
        talk.notice(f"the newest {count:,}; more with --limit N, --before ID or --all")


def pairs_of(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a table says of one record, a line each."""
    from mlpredict.cli.tables import cell

    for name, value in fields.items():
        yield name.replace("_", " "), cell(name, value).plain
