"""`mlpredict export`: images into folders to train on, or predictions into a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli import completion
from mlpredict.cli.filters import filtered
from mlpredict.cli.ids import check, numbers_of, with_stdin
from mlpredict.cli.options import AsJson, Columns, Dsn, FormatChoice, Quiet, Verbose, chosen_format
from mlpredict.cli.talk import Problems, talk
from mlpredict.domain import Format, PredictionFilter
from mlpredict.domain.export import Exported, FolderBy
from mlpredict.errors import MlpredictError, NotFound, UsageError

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.exporting import Wanted

SOME_FAILED = 1
SHOWN = 5
EVERYTHING = PredictionFilter()
FIELDS = ("written", "present", "unlabelled", "failed", "rows")

Target = Annotated[
    str, typer.Argument(metavar="DIR|FILE", help="A folder for images, or a .csv, .jsonl or .parquet file.")
]
Named = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]…",
        help="These predictions alone: ids, 6-9, last, or -2 for the second newest; - for ids on stdin.",
        autocompletion=completion.prediction,
        show_default=False,
    ),
]
By = Annotated[
    FolderBy,
    typer.Option(
        "--by",
        help="What names the folders: the truth alone, or what was predicted where there is no truth.",
    ),
]
Link = Annotated[
    bool,
    typer.Option(
        "--link/--copy",
        help="Link to the files of images that are kept as references, or copy them.",
        show_default="copy",
    ),
]
Probabilities = Annotated[
    bool,
    typer.Option(
        "--probabilities", help="In a table, a column for the probability of each class.", show_default=False
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file of a table.", show_default=False)]


@filtered
def export(
    target: Target,
    ids: Named = None,
    by: By = FolderBy.TRUTH,
    link: Link = False,
    wanted: PredictionFilter = EVERYTHING,
    columns: Columns = None,
    probabilities: Probabilities = False,
    force: Force = False,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write images into folders, or a table.

    Images go into DIR/LABEL/NAME, each once, with a metadata.csv. Files that are there are left alone:
    ended early, the same command goes on. Exit status 1 says that some images could not be had.
    """
    asked = format_ is not None or as_json
    chosen = chosen_format(format_, as_json)
    named = None if columns is None else [one.strip() for one in columns.split(",") if one.strip()]
    if ids and wanted != EVERYTHING:
        raise UsageError("ids and a filter exclude each other")
    words = with_stdin(ids or [])
    check(words)

    from mlpredict.api.database import connect
    from mlpredict.api.exporting import Wanted

    problems = Problems()
    with connect(dsn or settings.dsn()) as database:
        if ids:
            wanted = PredictionFilter(ids=_known(database, numbers_of(database, words, problems), problems))
        how = Wanted(wanted, by, link, named, probabilities, force)
        done, interrupted = _carry_out(database, target, how)
    if asked:
        _print(done, chosen)
    _tell(done, target, by)
    if interrupted is not None:
        raise interrupted
    if problems.status:
        raise typer.Exit(problems.status)
    if done.failed or (done.unlabelled and not done.images):
        raise typer.Exit(SOME_FAILED)


def _known(database: Database, ids: Sequence[int], problems: Problems) -> tuple[int, ...]:
    """Those of the ids that are predictions'; others are told."""
    found = database.ids(PredictionFilter(ids=tuple(ids)))
    missing = sorted(set(ids).difference(found))
    for one in missing[:SHOWN]:
        with problems.told(NotFound):
            raise NotFound(f"there is no prediction {one}")
    if len(missing) > SHOWN:
        talk.error(f"and {len(missing) - SHOWN:,} other ids are those of no prediction")
    return tuple(found)


def _carry_out(database: Database, target: str, how: Wanted) -> tuple[Exported, MlpredictError | None]:
    """What was exported, and by what it was ended early."""
    from mlpredict.api.exporting import export as steps
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.progress import progress

    done = Exported()
    with ExitStack() as stack:
        ending = stack.enter_context(interruption())
        advance: Callable[[int], None] = lambda _count: None  # noqa: E731 - until it is known how many there are

        def start(total: int | None) -> None:
            nonlocal advance
            advance = stack.enter_context(progress("exporting", total))

        taken = steps(database, target, how, starting=start, tell=talk.error, enough=ending.is_requested)
        for now in taken:
            advance(max(0, now.steps - done.steps))
            done = now
    if not ending.is_requested():
        return done, None
    goes_on = "the same command goes on" if done.rows is None else "no file is left of what was written"
    return done, ending.as_error(_in_words(done), goes_on)


def _print(done: Exported, chosen: Format) -> None:
    from mlpredict.cli.output import write_records
    from mlpredict.cli.stdout import write_data
    from mlpredict.support.json_text import as_json

    record = {name: getattr(done, name) for name in FIELDS}
    if chosen is Format.JSON:
        write_data(as_json(record) + b"\n")
    else:
        write_records([record], chosen, FIELDS)


def _tell(done: Exported, target: str, by: FolderBy) -> None:
    talk.notice(f"{target}: {_in_words(done)}")
    if done.unlabelled and by is FolderBy.TRUTH:
        talk.notice(
            f"{done.unlabelled:,} images have no label and are left out; --by predicted takes what was"
            " predicted for it"
        )
    if done.unread:
        talk.notice(
            f"{done.unread:,} are of a format that TensorFlow's image_dataset_from_directory passes over"
        )


def _in_words(done: Exported) -> str:
    if done.rows is not None:
        return f"{done.rows:,} rows"
    parts = [f"{done.written:,} images written"]
    if done.present:
        parts.append(f"{done.present:,} there already")
    if done.failed:
        parts.append(f"{done.failed:,} cannot be had")
    return ", ".join(parts)
