"""`mlpredict list`: stored predictions, newest first."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from mlpredict import settings
from mlpredict.cli import garbage
from mlpredict.cli.filters import filtered
from mlpredict.cli.options import (
    RARE,
    AsJson,
    Columns,
    Dsn,
    FormatChoice,
    Quiet,
    Verbose,
    chosen_columns,
    chosen_format,
)
from mlpredict.cli.talk import stderr_is_terminal, talk
from mlpredict.domain import Format, PredictionFilter
from mlpredict.errors import UsageError

COLUMNS = ("prediction_id", "filename", "label", "score", "created_at", "model")
TABLE_COLUMNS = (*COLUMNS[:4], *RARE, *COLUMNS[4:])
DEFAULT_LIMIT = 20
EVERYTHING = PredictionFilter()

Limit = Annotated[
    int | None,
    typer.Option("--limit", "-n", min=1, help="How many; 20 without it.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="All there are.", show_default=False)]
Before = Annotated[
    int | None,
    typer.Option("--before", metavar="ID", help="Only those older than this one.", show_default=False),
]


@filtered
def list_predictions(
    limit: Limit = None,
    all_: All = False,
    before: Before = None,
    wanted: PredictionFilter = EVERYTHING,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List stored predictions, newest first."""
    if all_ and limit is not None:
        raise UsageError("--all and --limit exclude each other")
    chosen = chosen_format(format_, as_json)
    shown = chosen_columns(columns, TABLE_COLUMNS if chosen is Format.TABLE else COLUMNS)
    from mlpredict.cli.output import write_objects, write_records
    from mlpredict.storage.repository import open_repository
    from mlpredict.support.json_text import prediction_fields

    rows = None if all_ else limit or DEFAULT_LIMIT
    with open_repository(dsn or settings.dsn()) as repository:
        garbage.collect_from_here()
        # Closing stops the database, where nobody reads on.
        if chosen in (Format.JSON, Format.JSONL):
            with closing(repository.predictions_as_json(wanted, limit=rows, before=before)) as objects:
                write_objects(objects, chosen)
            return
        with closing(repository.predictions(wanted, limit=rows, before=before)) as found:
            written = write_records(
                map(prediction_fields, found), chosen, shown, rare=RARE if columns is None else ()
            )
    _tell(written, rows, chosen, filtered=wanted != EVERYTHING or before is not None)


def _tell(written: int, rows: int | None, chosen: Format, *, filtered: bool) -> None:
    if chosen is not Format.TABLE or not stderr_is_terminal():
        return
    if not written:
        talk.notice(
            "no predictions match" if filtered else "no predictions yet; make one: mlpredict predict PATH…"
        )
    elif written == rows:
        talk.notice(f"the newest {written:,}; more with --limit N, --before ID or --all")
