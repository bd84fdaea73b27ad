"""`mlpredict similar`: stored images that look like another one."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpredict import settings
from mlpredict.cli.filters import filtered
from mlpredict.cli.ids import are_ids, numbers_of, with_hyphen
from mlpredict.cli.lists import how_many
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
from mlpredict.cli.talk import Problems, stderr_is_terminal, talk
from mlpredict.domain import FIELDS, Format, PredictionFilter
from mlpredict.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpredict.api.database import Database
    from mlpredict.domain.similar import Similar
    from mlpredict.errors import MlpredictError
    from mlpredict.pipeline.similar import Filled

EVERYTHING = PredictionFilter()
COLUMNS = ("prediction_id", "likeness", "distance", "filename", "label", "score", "true_label", "model")
AVAILABLE = ("likeness", "distance", *FIELDS)
FILL = "--fill"

Named = Annotated[
    str | None,
    typer.Argument(
        metavar="ID|FILE",
        help="A prediction by its id, last, or -2 for the second newest; or an image file, stored or not.",
        show_default=False,
    ),
]
Distance = Annotated[
    int,
    typer.Option(
        "--distance",
        min=0,
        max=64,
        metavar="BITS",
        help="How many of 64 bits of the hashes may be different.",
    ),
]
Likeness = Annotated[
    float,
    typer.Option(
        "--likeness",
        min=-1,
        max=1,
        metavar="0..1",
        help="How like the pictures themselves are at least; 1 is the same.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", "-n", min=1, metavar="N", help="How many; 20 without it.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="All there are.", show_default=False)]
Ids = Annotated[
    bool,
    typer.Option(
        "--ids",
        help="Print ids alone, all of them, one a line: that of the picture itself first.",
        show_default=False,
    ),
]
Fill = Annotated[
    bool,
    typer.Option(
        FILL,
        help="Look at the images that were stored before there was this command; no ID or FILE then.",
        show_default=False,
    ),
]


@filtered
def similar(
    named: Named = None,
    distance: Distance = 10,
    likeness: Likeness = 0.9,
    limit: Limit = None,
    all_: All = False,
    ids: Ids = False,
    fill: Fill = False,
    wanted: PredictionFilter = EVERYTHING,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List stored images that look like another one.

    These are near duplicates: the same picture encoded anew, in another size or another format, or a moment
    later. Each is there once, with the newest prediction of it that the filters choose.
    """
    chosen = chosen_format(format_, as_json)
    shown = chosen_columns(columns, COLUMNS, AVAILABLE)
    asked = format_ is not None or as_json or columns is not None
    _check_usage(named, fill=fill, ids=ids, asked=asked)
    most = how_many(limit, everything=all_ or (ids and limit is None))

    from mlpredict.api.database import connect

    problems = Problems()
    with connect(dsn or settings.dsn()) as database:
        if named is None:
            interrupted = _fill(database)
            if interrupted is not None:
                raise interrupted
            return
        image = _image(database, named, problems)
        if image is None:
            raise typer.Exit(problems.status)
        found = database.similar(image, wanted, distance=distance, likeness=likeness, limit=most)
    _tell(found)
    if ids:
        _print_ids(found)
    else:
        _print(found, chosen, shown, asked=columns is not None)
        if found.total > len(found.alike):
            talk.notice(f"and {found.total - len(found.alike):,} more; --all lists them")


def _check_usage(named: str | None, *, fill: bool, ids: bool, asked: bool) -> None:
    if fill == (named is not None):
        raise UsageError(
            f"{FILL} stands alone: it looks at all images" if fill else "name a prediction, or an image file"
        )
    if ids and asked:
        raise UsageError("--ids prints ids alone: without --format, --json and --columns")


def _image(database: Database, named: str, problems: Problems) -> int | str | None:
    """The prediction, or the file, that is meant; None where there is none, which is told."""
    if not are_ids(named):
        return with_hyphen(named)
    numbers = numbers_of(database, [named], problems)
    if len(numbers) > 1:
        raise UsageError(f"{named}: one prediction at a time")
    return numbers[0] if numbers else None


def _fill(database: Database) -> MlpredictError | None:
    """Look at all images that nobody has looked at; by what it was ended early."""
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.progress import progress
    from mlpredict.pipeline.similar import Filled

    done = Filled()
    with ExitStack() as stack:
        ending = stack.enter_context(interruption())
        advance: Callable[[int], None] = lambda _count: None  # noqa: E731 - until it is known how many there are

        def start(total: int) -> None:
            nonlocal advance
            advance = stack.enter_context(progress("looking", total))

        for now in database.fill_looks(ending.is_requested, starting=start):
            advance(now.looked + now.failed - done.looked - done.failed)
            done = now
    talk.notice(_in_words(done))
    return (
        ending.as_error("what was looked at is kept", "the same command goes on") if ending.number else None
    )


def _in_words(done: Filled) -> str:
    failed = f"; {done.failed:,} cannot be had or are no images: --verbose says why" if done.failed else ""
    return f"looked at {done.looked:,} images{failed}"


def _tell(found: Similar) -> None:
    if found.without_hash:
        talk.notice(
            f"{found.without_hash:,} stored images are not among those that were looked at;"
            f" mlpredict similar {FILL} does it, once"
        )
    if found.near > found.compared:
        talk.notice(
            f"{found.near:,} pictures are near by their hashes: the nearest {found.compared:,} were compared"
        )
    if not found.alike and stderr_is_terminal():
        talk.notice("no other stored image looks like it")


def _print(found: Similar, chosen: Format, shown: tuple[str, ...], *, asked: bool) -> None:
    from mlpredict.cli.output import write_records
    from mlpredict.support.json_text import prediction_fields

    records: list[dict[str, Any]] = [
        {"likeness": one.likeness, "distance": one.distance, **prediction_fields(one.record)}
        for one in found.alike
    ]
    write_records(records, chosen, shown, rare=() if asked else RARE, asked=asked)


def _print_ids(found: Similar) -> None:
    from mlpredict.cli.stdout import write_data

    write_data("".join(f"{one}\n" for one in found.ids).encode())
