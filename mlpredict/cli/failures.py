"""`mlpredict failures`: what gave no prediction and why; and the names of these, to be tried again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from mlpredict.cli import garbage
from mlpredict.cli.filters import FileName, ModelName, RunId, Since, Until
from mlpredict.cli.listing import All, Before, Limit
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
    run_number,
)
from mlpredict.cli.reading import open_reader
from mlpredict.cli.talk import talk
from mlpredict.domain import Format, PredictionFilter
from mlpredict.errors import UsageError
from mlpredict.support.addresses import is_remote
from mlpredict.support.units import point_in_time

COLUMNS = ("failure_id", "run_id", "filename", "reason", "created_at")

STDIN = "-"
NAMES_AT_ONCE = 1000


def failures(
    limit: Limit = None,
    all_: All = False,
    before: Before = None,
    model: ModelName = None,
    run: RunId = None,
    since: Since = None,
    until: Until = None,
    filename: FileName = None,
    dsn: Dsn = None,
    read_dsn: ReadDsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List what gave no prediction, and why."""
    from mlpredict.cli.lists import how_many

    wanted = PredictionFilter(
        model=model,
        run_id=None if run is None else run_number(run),
        since=None if since is None else point_in_time(since, "--since"),
        until=None if until is None else point_in_time(until, "--until"),
        filename=filename,
    )
    rows = how_many(limit, everything=all_)
    list_failures(
        wanted, chosen_format(format_, as_json), columns, rows, before=before, dsn=dsn, read_dsn=read_dsn
    )


def list_failures(
    wanted: PredictionFilter,
    chosen: Format,
    columns: str | None,
    rows: int | None,
    *,
    before: int | None,
    dsn: str | None,
    read_dsn: str | None,
) -> None:
    """Print failures in the format that was asked for."""
    from mlpredict.cli.lists import tell_of_more, written
    from mlpredict.domain.history import FailureRecord, names_of

    shown = chosen_columns(columns, COLUMNS, names_of(FailureRecord))

    from mlpredict.storage.failures import Failures

    with open_reader(dsn, read_dsn) as repository:
        garbage.collect_from_here()
        count = written(
            Failures(repository.connection).newest_first(wanted, limit=rows, before=before), chosen, shown
        )
    tell_of_more(count, rows, chosen, "no failures match")


def write_names(
    wanted: PredictionFilter, rows: int | None, *, null: bool, dsn: str | None, read_dsn: str | None
) -> None:
    """Print the names of what failed, as `predict --files-from -` takes them from here.

    Each is printed once, and from another directory than that of its run with that in front.

    Raises:
        UsageError: a name has a line end in it, and the names are not to end in NUL.
    """
    from mlpredict.cli.stdout import write_data
    from mlpredict.storage.failures import Failures

    end = "\0" if null else "\n"
    with open_reader(dsn, read_dsn) as repository:
        garbage.collect_from_here()
        block: list[str] = []
        for name in _to_be_tried(Failures(repository.connection).names(wanted, limit=rows)):
            if not null and ("\n" in name or "\r" in name):
                raise UsageError(
                    f"{name}: a name with a line end in it", hint="pass --null here and to predict"
                )
            block.append(name + end)
            if len(block) == NAMES_AT_ONCE:
                write_data(os.fsencode("".join(block)))
                block.clear()
        write_data(os.fsencode("".join(block)))


def _to_be_tried(found: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The names by which files are found from here."""
    from mlpredict.inputs.remote.names import LEFT_OUT

    here = os.getcwd()
    nameless = incomplete = 0
    before = None
    for directory, name in found:
        if name in ("", STDIN):
            nameless += 1
            continue
        if is_remote(name) and name.endswith(LEFT_OUT):
            incomplete += 1
            continue
        in_place = directory == here or is_remote(name)
        path = _without_page(name if in_place else os.path.join(directory, name))
        if path != before:
            yield path
        before = path
    if nameless:
        talk.notice(f"{nameless:,} came on standard input, and have no name to try again")
    if incomplete:
        talk.notice(f"{incomplete:,} came from an address whose query is not stored: name them again")


def _without_page(path: str) -> str:
    """The file of a page that was called after it, unless a file is called just that."""
    from mlpredict.inputs.kinds import IMAGE_SUFFIXES, suffix_of
    from mlpredict.inputs.pages import PAGE_NAME

    file = PAGE_NAME.sub("", path)
    if is_remote(path):
        return file if suffix_of(file) in IMAGE_SUFFIXES else path
    return file if file != path and not os.path.lexists(path) and os.path.lexists(file) else path


def check_filter(wanted: PredictionFilter) -> None:
    """Refuse to ask of what gave no prediction what only a prediction has.

    Raises:
        UsageError: it is asked for.
    """
    if wanted != PredictionFilter(
        model=wanted.model,
        run_id=wanted.run_id,
        since=wanted.since,
        until=wanted.until,
        filename=wanted.filename,
    ):
        raise UsageError(
            "--failures: what gave no prediction has no label and no score",
            hint="--run, --model, --since, --until and --filename choose among failures",
        )
