"""`mlpredict models`: which models were used, and what came of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpredict.cli.options import (
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
from mlpredict.cli.talk import Problems
from mlpredict.domain import Format
from mlpredict.errors import NotFound

if TYPE_CHECKING:
    from mlpredict.domain.history import ModelDetail

COLUMNS = (
    "model",
    "task",
    "classes",
    "runs",
    "predictions",
    "failures",
    "mean_score",
    "accuracy",
    "last_at",
    "path",
)

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]…", help="Models to show whole: name, name@digits or digits."),
]


def models(
    shown: Names = None,
    dsn: Dsn = None,
    read_dsn: ReadDsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the models that were used, or show some.

    What a model file is, used or not, mlpredict model PATH tells.
    """
    from mlpredict.cli.lists import tell_of_more, written
    from mlpredict.domain.history import ModelRecord, names_of

    chosen = chosen_format(format_, as_json)
    listed = chosen_columns(columns, COLUMNS, names_of(ModelRecord))

    from mlpredict.storage.history import History

    with open_reader(dsn, read_dsn) as repository:
        history = History(repository.connection)
        if not shown:
            count = written(history.models(), chosen, listed)
            tell_of_more(count, None, chosen, "no model was used yet; use one: mlpredict predict PATH…")
            return
        problems = Problems()
        details: list[ModelDetail] = []
        for name in shown:
            with problems.told(NotFound):
                details += history.model(name)
    _print(details, chosen, listed)
    if problems.status:
        raise typer.Exit(problems.status)


def _print(details: list[ModelDetail], chosen: Format, columns: tuple[str, ...]) -> None:
    from mlpredict.cli.lists import pairs_of
    from mlpredict.cli.output import write_records
    from mlpredict.cli.tables import print_pairs
    from mlpredict.domain.history import fields_of

    if chosen is not Format.TABLE:
        records = [
            fields_of(one.record, labels=one.labels, description=dict(one.description)) for one in details
        ]
        write_records(records, chosen, columns)
        return
    for one in details:
        more: dict[str, Any] = {name: _in_words(value) for name, value in one.description.items()}
        shown = fields_of(one.record, labels=", ".join(one.labels) if one.labels else None)
        print_pairs(dict(pairs_of(shown | more)))


def _in_words(value: Any) -> Any:
    """A value of a description as a table shows it."""
    from mlpredict.support.json_text import as_json

    return value if isinstance(value, str) or value is None else as_json(value).decode()
