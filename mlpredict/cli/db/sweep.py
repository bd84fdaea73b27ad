"""`mlpredict db sweep`: images in a bucket to which no row refers any more, or none ever came to refer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli.asking import confirm
from mlpredict.cli.options import Dsn, InJson, Quiet, Verbose
from mlpredict.cli.stdout import write_data
from mlpredict.cli.talk import report, talk
from mlpredict.domain.sweeping import USUAL_AGE
from mlpredict.errors import Interrupted, OutputError
from mlpredict.support.units import in_bytes

if TYPE_CHECKING:
    from mlpredict.api.sweeping import Sweep
    from mlpredict.domain.sweeping import Swept

Prefix = Annotated[
    str,
    typer.Argument(metavar="PREFIX", help="What --keep named, as s3://BUCKET/PREFIX/.", show_default=False),
]
OlderThan = Annotated[
    str, typer.Option("--older-than", metavar="AGE", help="Only what has lain there so long: 1h or more.")
]
Abandoned = Annotated[
    bool,
    typer.Option(
        "--abandoned",
        help="Also where no row of the database refers to anything there, as after db destroy.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.", show_default=False)]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.", show_default=False)]


def sweep(
    prefix: Prefix,
    older_than: OlderThan = USUAL_AGE,
    abandoned: Abandoned = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    dsn: Dsn = None,
    as_json: InJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Remove images from a bucket that have no row.

    Those are what --keep has put there and no row of the database refers to. Tells the numbers and asks
    first. A prefix belongs to one database: with another one, its images would go.
    """
    from mlpredict.api.database import connect
    from mlpredict.api.sweeping import sweep as find
    from mlpredict.cli.progress import progress

    with connect(dsn or settings.dsn()) as database:
        with progress("listing", None) as advance:
            found = find(database, prefix, older_than=older_than, abandoned=abandoned, advance=advance)
        swept, ended = found.counted, None
        if swept.removed and not dry_run:
            confirm(_question(found), yes=yes)
            swept, ended = _carry_out(found)
    if as_json:
        _print(swept)
    talk.notice(_told(found, swept, "would remove" if dry_run else "removed"))
    if ended is not None:
        raise ended
    status = _tell_what_is_not_listed(found)
    if status or swept.refused:
        raise typer.Exit(status or OutputError.exit_status)


def _carry_out(found: Sweep) -> tuple[Swept, Interrupted | None]:
    """What was taken away, and by what it was ended early."""
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.progress import progress

    swept = found.left
    with interruption() as ending, progress("removing", found.counted.removed) as advance:
        for block in found.blocks(ending.is_requested):
            swept += block
            advance(block.removed + block.referred + block.refused)
    if not ending.is_requested():
        return swept, None
    return swept, ending.as_error(f"{_several(swept.removed)} removed", "the same command goes on")


def _print(swept: Swept) -> None:
    from mlpredict.support.json_text import as_json

    write_data(as_json(swept.counts()) + b"\n")


def _question(found: Sweep) -> str:
    counted = found.counted
    return (
        f"Remove {_several(counted.removed)} ({in_bytes(counted.bytes)}) below {found.prefix} to which no row"
        f" of {found.where} refers, and leave {counted.referred:,} with rows?"
    )


def _told(found: Sweep, swept: Swept, done: str) -> str:
    counts = {
        "with rows": swept.referred,
        "too young": swept.young,
        "of other names": swept.others,
        "that the bucket keeps": swept.refused,
    }
    left = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    size = f" ({in_bytes(swept.bytes)})" if swept.removed else ""
    return f"{done} {_several(swept.removed)}{size} below {found.prefix}{f'; left {left}' if left else ''}"


def _tell_what_is_not_listed(found: Sweep) -> int:
    """Say why the listing ended early, if it did; the exit status."""
    try:
        found.require_whole()
    except OutputError as error:
        return report(error)
    return 0


def _several(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
