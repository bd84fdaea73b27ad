"""`mlpredict delete`: predictions, and what only they needed; or a picture, whatever it was called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli.asking import confirm
from mlpredict.cli.filters import filtered
from mlpredict.cli.ids import check, numbers_of, with_hyphen, with_stdin
from mlpredict.cli.options import AsJson, Dsn, FormatChoice, Quiet, Verbose, chosen_format
from mlpredict.cli.talk import Problems, report, talk
from mlpredict.domain import Format, PredictionFilter
from mlpredict.errors import NotFound, UsageError
from mlpredict.support.units import point_in_time

if TYPE_CHECKING:
    from mlpredict.api.deletion import Deletion
    from mlpredict.domain.deletion import Deleted

EVERYTHING = PredictionFilter()
SHOWN = 5
NO_IDS_HINT = "--image names pictures by their files, --filename predictions by the names of theirs"

Named = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]…",
        help="Predictions, by the ids that list shows; also 6-9, last, or -2 for the second newest; - for"
        " those on stdin, one a line.",
        show_default=False,
    ),
]
Image = Annotated[
    bool,
    typer.Option(
        "--image",
        help="Name files instead: everything that is stored of these pictures, whatever they were called.",
        show_default=False,
    ),
]
OlderThan = Annotated[
    str | None,
    typer.Option(
        "--older-than", metavar="AGE", help="Only those of this age or more, as 90d.", show_default=False
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.", show_default=False)]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.", show_default=False)]


@filtered
def delete(
    named: Named = None,
    image: Image = False,
    older_than: OlderThan = None,
    wanted: PredictionFilter = EVERYTHING,
    dry_run: DryRun = False,
    yes: Yes = False,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Delete predictions and what only they needed.

    That is inputs, their labels, and failures. Tells the numbers and asks first. It goes on where it was
    ended when it is asked for again.
    """
    asked = format_ is not None or as_json
    chosen = chosen_format(format_, as_json)
    if older_than is not None:
        if wanted.until is not None:
            raise UsageError("--older-than and --until exclude each other")
        wanted = wanted._replace(until=point_in_time(older_than, "--older-than"))
    _check_usage(named or [], wanted, image=image)
    words = (named or []) if image else with_stdin(named or [])
    if not image:
        check(words, hint=NO_IDS_HINT)

    from mlpredict.api.database import connect
    from mlpredict.api.deletion import deletion

    problems = Problems()
    with connect(dsn or settings.dsn()) as database:
        if image:
            found = deletion(database, images=map(with_hyphen, words))
        elif named:
            found = deletion(database, numbers_of(database, words, problems))
        else:
            found = deletion(database, wanted)
        if not dry_run and found.counted:
            confirm(f"Delete {found.counted}?", yes=yes)
        deleted, interrupted = (found.counted, None) if dry_run else _carry_out(found)
    if asked:
        _print(deleted, chosen)
    talk.notice(f"{'would delete' if dry_run else 'deleted'} {deleted}")
    if interrupted is not None:
        raise interrupted
    if image and not dry_run:
        _tell_what_is_left()
    _tell_missing(found.missing)
    if problems.status:
        raise typer.Exit(problems.status)


def _check_usage(named: Sequence[str], wanted: PredictionFilter, *, image: bool) -> None:
    if named and wanted != EVERYTHING:
        raise UsageError(f"{'pictures' if image else 'ids'} and a filter exclude each other")
    if image and not named:
        raise UsageError("--image: name the files of the pictures")
    if not named and wanted == EVERYTHING:
        raise UsageError(
            "delete what? name ids, or a filter such as --run 7 or --older-than 90d",
            hint="mlpredict db destroy removes everything",
        )


def _carry_out(found: Deletion) -> tuple[Deleted, Exception | None]:
    """How much was deleted, and by what it was ended early."""
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.progress import progress
    from mlpredict.domain.deletion import Deleted

    deleted = Deleted()
    with interruption() as ending, progress("deleting", found.counted.predictions) as advance:
        for block in found.blocks(ending.is_requested):
            deleted += block
            advance(block.predictions)
    if not ending.is_requested():
        return deleted, None
    return deleted, ending.as_error(f"{deleted} deleted", "the same command goes on")


def _print(deleted: Deleted, chosen: Format) -> None:
    from mlpredict.cli.output import write_records
    from mlpredict.cli.stdout import write_data
    from mlpredict.domain.deletion import DELETED
    from mlpredict.support.json_text import as_json

    record = dict(zip(DELETED, deleted.counts(), strict=True))
    if chosen is Format.JSON:
        write_data(as_json(record) + b"\n")
    else:
        write_records([record], chosen, DELETED)


def _tell_what_is_left() -> None:
    talk.notice(
        "not reached: the files themselves, other files of the same picture, dumps and backups made before;"
        " on the disk of the database until VACUUM has run and its space is used again"
    )


def _tell_missing(missing: Sequence[int]) -> None:
    """Say which ids were those of no prediction; the others are deleted.

    Raises:
        typer.Exit: there are such ids.
    """
    if not missing:
        return
    for one in missing[:SHOWN]:
        report(NotFound(f"there is no prediction {one}"))
    if len(missing) > SHOWN:
        talk.error(f"and {len(missing) - SHOWN:,} other ids are those of no prediction")
    raise typer.Exit(NotFound.exit_status)
