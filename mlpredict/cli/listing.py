"""`mlpredict list`: stored predictions, newest first."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict.cli import completion, garbage
from mlpredict.cli.filters import filtered
from mlpredict.cli.lists import how_many
from mlpredict.cli.nothing import tell_of_nothing, tell_unknown
from mlpredict.cli.options import (
    RARE,
    AsJson,
    Columns,
    Dsn,
    FormatChoice,
    Quiet,
    ReadDsn,
    Verbose,
    chosen_columns,
    chosen_format,
)
from mlpredict.cli.reading import open_reader
from mlpredict.cli.stdout import write_data
from mlpredict.cli.talk import stderr_is_terminal, talk
from mlpredict.domain import Format, Order, PredictionFilter
from mlpredict.errors import UsageError

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository

COLUMNS = ("prediction_id", "filename", "label", "score", "created_at", "model")
TABLE_COLUMNS = (*COLUMNS[:4], *RARE, *COLUMNS[4:])
EVERYTHING = PredictionFilter()
ROWS = "How many, in which order"

Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        "-n",
        min=1,
        metavar="N",
        help="How many; 20 without it.",
        show_default=False,
        rich_help_panel=ROWS,
    ),
]
All = Annotated[bool, typer.Option("--all", help="All there are.", show_default=False, rich_help_panel=ROWS)]
Before = Annotated[
    int | None,
    typer.Option(
        "--before",
        metavar="ID",
        help="Go on behind this one in the list: those older than it, where nothing is sorted.",
        show_default=False,
        rich_help_panel=ROWS,
    ),
]
SortKey = Annotated[
    Order,
    typer.Option(
        "--sort",
        metavar="KEY",
        help="By score, time, label or id; by -score, -time and so on the other way round.",
        autocompletion=completion.order,
        show_default=True,
        rich_help_panel=ROWS,
    ),
]
Count = Annotated[
    bool,
    typer.Option("--count", help="Print only how many there are.", show_default=False, rich_help_panel=ROWS),
]
Failures = Annotated[
    bool,
    typer.Option(
        "--failures",
        help="What gave no prediction instead; into a pipe, the names alone, for predict -T -.",
        show_default=False,
        rich_help_panel=ROWS,
    ),
]
NulSeparated = Annotated[
    bool,
    typer.Option(
        "-0",
        "--null",
        help="The names of --failures end in NUL.",
        show_default=False,
        rich_help_panel=ROWS,
    ),
]


@filtered
def list_predictions(
    wanted: PredictionFilter = EVERYTHING,
    sort: SortKey = Order.NEWEST,
    limit: Limit = None,
    all_: All = False,
    before: Before = None,
    count: Count = False,
    failures: Failures = False,
    null: NulSeparated = False,
    dsn: Dsn = None,
    read_dsn: ReadDsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List stored predictions, newest first.

    With --failures it is what gave none. The filters that are given all hold. A table fits the terminal;
    into a pipe go lines of fields, uncut.
    """
    rows = how_many(limit, everything=all_)
    if count and (limit is not None or columns is not None or sort is not Order.NEWEST):
        raise UsageError("--count is of all that match: it goes with neither --limit, --sort nor --columns")
    chosen = chosen_format(format_, as_json)
    if failures:
        from mlpredict.cli.failures import check_filter, list_failures, write_names

        check_filter(wanted)
        if count or sort is not Order.NEWEST:
            raise UsageError("--failures goes with neither --count nor --sort")
        by_default = format_ is None and not as_json and columns is None and before is None
        if null and not by_default:
            raise UsageError("--null prints names alone, and all of them")
        if null or (by_default and chosen is not Format.TABLE):
            write_names(wanted, limit, null=null, dsn=dsn, read_dsn=read_dsn)
        else:
            list_failures(wanted, chosen, columns, rows, before=before, dsn=dsn, read_dsn=read_dsn)
        return
    if null:
        raise UsageError("--null goes with --failures")
    shown = chosen_columns(columns, TABLE_COLUMNS if chosen is Format.TABLE else COLUMNS)

    with open_reader(dsn, read_dsn) as repository:
        garbage.collect_from_here()
        if count:
            found = repository.count(wanted, before=before)
            write_data(f"{found}\n".encode())
        else:
            page = Page(wanted, rows, before, sort)
            found = _print(repository, page, chosen, shown, asked=columns is not None)
        if not found and count:
            tell_unknown(repository, wanted)
        elif not found:
            filtered = wanted != EVERYTHING or before is not None
            tell_of_nothing(repository, wanted, chosen, filtered=filtered)
    if found == rows and not count and chosen is Format.TABLE and stderr_is_terminal():
        which = "newest" if sort is Order.NEWEST else "first"
        talk.notice(f"the {which} {found:,}; more with --limit N, --before ID or --all")


@dataclass(frozen=True, slots=True)
class Page:
    """Which predictions are listed."""

    wanted: PredictionFilter
    rows: int | None
    before: int | None
    order: Order


def _print(repository: Repository, page: Page, chosen: Format, shown: tuple[str, ...], *, asked: bool) -> int:
    """Print a page; how many predictions it has, or merely one where they are JSON."""
    from mlpredict.cli.output import write_objects, write_records
    from mlpredict.support.json_text import prediction_fields

    # Closing stops the database, where nobody reads on.
    if chosen in (Format.JSON, Format.JSONL):
        objects = repository.predictions_as_json(
            page.wanted, limit=page.rows, before=page.before, order=page.order
        )
        with closing(objects):
            return int(write_objects(objects, chosen))
    found = repository.predictions(page.wanted, limit=page.rows, before=page.before, order=page.order)
    with closing(found):
        records = map(prediction_fields, found)
        return write_records(records, chosen, shown, rare=() if asked else RARE, asked=asked)
