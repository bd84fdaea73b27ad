"""`mlpredict label`: what images really are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict.cli.filters import filtered
from mlpredict.cli.ids import STDIN, are_ids, numbers_of, with_hyphen
from mlpredict.cli.options import AsJson, Dsn, FormatChoice, Quiet, Verbose, chosen_format
from mlpredict.cli.stdout import stdin_is_terminal
from mlpredict.cli.talk import Problems, talk
from mlpredict.domain import Format, LabelSource, PredictionFilter
from mlpredict.errors import UsageError

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.domain import Labelled
    from mlpredict.pipeline.labelling import Named

SOME_MISSING = 1
MISSING_SHOWN = 10
EVERYTHING = PredictionFilter()

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|FILE]… LABEL",
        help="Predictions by their ids, 6-9, last, or -2 for the second newest, or image files and folders,"
        " and what they show; - or no image reads ids or files from stdin, one a line.",
        show_default=False,
    ),
]
FromFolders = Annotated[
    str | None,
    typer.Option(
        "--from-folders",
        metavar="DIR",
        help="Label the images below DIR with the names of the folders in it.",
        show_default=False,
    ),
]
FromCsv = Annotated[
    str | None,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Label what a list names: filename, sha256 or prediction_id, and label; - for stdin.",
        show_default=False,
    ),
]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who says so; it is kept.", show_default=False)
]
Remove = Annotated[bool, typer.Option("--remove", help="Take the labels of images back.", show_default=False)]
How = Annotated[
    LabelSource | None,
    typer.Option("--source", help="How the images were chosen, if not as it looks.", show_default=False),
]


@filtered
def label(
    words: Words = None,
    from_folders: FromFolders = None,
    csv_file: FromCsv = None,
    by: By = None,
    source: How = None,
    remove: Remove = False,
    wanted: PredictionFilter = EVERYTHING,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what images really show.

    That is the truth for every prediction of an image, by any model. What was said before is kept as
    history. With filters, as --run 3 --label dog, all images that they find are labelled. Exit status 1
    says that nobody has predicted some of the images yet.
    """
    words = words or []
    problems = Problems()
    _check_usage(words, from_folders, csv_file, wanted, remove=remove)
    chosen = chosen_format(format_, as_json)

    from mlpredict.api.database import connect

    with connect(dsn) as database:
        if from_folders is not None:
            done = database.label_folders(from_folders, by=by)
        elif csv_file is not None:
            done = database.label_csv(csv_file, by=by)
        else:
            images = list(_images(database, words if remove else words[:-1], wanted, problems))
            if remove:
                done = database.unlabel(images, by=by)
            else:
                text = with_hyphen(words[-1])
                done = database.label(images, text, by=by, source=source or LabelSource.COMMAND)
    _print(done, chosen, removed=remove)
    if done.missing or problems.status:
        raise typer.Exit(max(problems.status, SOME_MISSING))


def _check_usage(
    words: list[str],
    from_folders: str | None,
    csv_file: str | None,
    wanted: PredictionFilter,
    *,
    remove: bool,
) -> None:
    if from_folders is not None or csv_file is not None:
        if words or remove or wanted != EVERYTHING or (from_folders is not None and csv_file is not None):
            raise UsageError("--from-folders and --csv stand alone: they say which images are what")
        if csv_file == STDIN and stdin_is_terminal():
            raise UsageError("stdin is a terminal: pipe a list into it")
        return
    images = words if remove else words[:-1]
    if not words and not (remove and wanted != EVERYTHING):
        raise UsageError("name images and what they show: mlpredict label ID… LABEL")
    if images and wanted != EVERYTHING:
        raise UsageError("filters choose the images: name none beside them")
    if _reads_stdin(images, wanted) and stdin_is_terminal():
        raise UsageError(
            "stdin is a terminal: name images, pipe their ids or names into it, or give a filter"
        )


def _reads_stdin(images: list[str], wanted: PredictionFilter) -> bool:
    return STDIN in images or (not images and wanted == EVERYTHING)


def _images(
    database: Database, words: list[str], wanted: PredictionFilter, problems: Problems
) -> Iterator[Named]:
    from mlpredict.pipeline.labelling import named_as

    if wanted != EVERYTHING:
        yield from database.ids(wanted)
        return
    for word in words or [STDIN]:
        if word == STDIN:
            yield from map(named_as, _from_stdin())
        elif are_ids(word):
            yield from numbers_of(database, [word], problems)
        else:
            yield named_as(with_hyphen(word))


def _from_stdin() -> Iterator[str]:
    """What is named on standard input: the first column, as `list` prints it into a pipe."""
    from mlpredict.inputs.file_lists import read_names

    for line in read_names(sys.stdin.buffer, separator=b"\n"):
        yield line.partition("\t")[0]


def _print(done: Labelled, chosen: Format, *, removed: bool) -> None:
    for name in done.missing[:MISSING_SHOWN]:
        talk.error(f"{name}: not stored: it is in no prediction, or cannot be told from others")
    if (more := len(done.missing) - MISSING_SHOWN) > 0:
        talk.error(f"{more:,} more are not stored")
    counts = {
        "labelled": done.labelled,
        "unchanged": done.unchanged,
        "revised": done.revised,
        "not_stored": done.not_stored,
        **({"removed": done.removed} if removed else {}),
    }
    if chosen is Format.TABLE:
        shown = ("removed", "unchanged", "not_stored") if removed else tuple(counts)
        talk.notice(", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in shown))
        return
    if chosen is Format.JSON:
        from mlpredict.cli.stdout import write_data
        from mlpredict.support.json_text import as_json

        write_data(as_json({**counts, "missing": list(done.missing)}) + b"\n")
        return
    from mlpredict.cli.output import write_records

    write_records([counts], chosen, tuple(counts))
