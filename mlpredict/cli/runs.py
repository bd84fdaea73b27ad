"""`mlpredict runs`: what was run, when, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict.cli import garbage
from mlpredict.cli.filters import ModelName, Since, Until
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
from mlpredict.domain import LAST_RUN, Format, PredictionFilter
from mlpredict.support.units import point_in_time

if TYPE_CHECKING:
    from mlpredict.domain.history import RunDetail
    from mlpredict.domain.parts import PartRecord
    from mlpredict.storage.history import History

COLUMNS = (
    *("run_id", "model", "ended", "predictions", "failures", "mean_score", "accuracy"),
    *("engine", "started_at", "last_at", "parts_done", "parts"),
)
PART_COLUMNS = ("part", "images", "missing", "state", "host", "stored_at")
PARTS_SHOWN = 20

Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]…", help="Runs to show whole, by number; last is the newest one."),
]


def runs(
    shown: Runs = None,
    limit: Limit = None,
    all_: All = False,
    before: Before = None,
    model: ModelName = None,
    since: Since = None,
    until: Until = None,
    dsn: Dsn = None,
    read_dsn: ReadDsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List runs, newest first, or show some whole.

    With what came of each. A run is one predict, or one process of serve. One that has not ended runs
    still, or was killed. Of one that several processes do in parts it says which are missing, and who is at
    them.
    """
    from mlpredict.cli.lists import how_many, tell_of_more, written
    from mlpredict.domain.history import RunRecord, names_of

    chosen = chosen_format(format_, as_json)
    listed = chosen_columns(columns, COLUMNS, names_of(RunRecord))
    numbers = [run_number(one, "runs") for one in shown or ()]
    rows = how_many(limit, everything=all_)
    wanted = PredictionFilter(
        model=model,
        since=None if since is None else point_in_time(since, "--since"),
        until=None if until is None else point_in_time(until, "--until"),
    )
    from mlpredict.storage.history import History

    with open_reader(dsn, read_dsn) as repository:
        garbage.collect_from_here()
        if numbers:
            _show(History(repository.connection), numbers, chosen, listed)
            return
        count = written(
            History(repository.connection).runs(wanted, limit=rows, before=before), chosen, listed
        )
    tell_of_more(count, rows, chosen, "no runs match" if wanted != PredictionFilter() else "no runs yet")


def _show(history: History, numbers: Sequence[int | str], chosen: Format, columns: tuple[str, ...]) -> None:
    from mlpredict.cli.output import write_records
    from mlpredict.cli.talk import Problems
    from mlpredict.domain.history import fields_of
    from mlpredict.errors import NotFound

    problems = Problems()
    details = []
    for number in numbers:
        with problems.told(NotFound):
            details.append(history.run(history.last_run() if number == LAST_RUN else int(number)))
    if chosen is Format.TABLE:
        for detail in details:
            _print_run(detail)
    else:
        records = [
            fields_of(
                one.record,
                labels=dict(one.labels),
                reasons=dict(one.reasons),
                environment=one.environment,
                part_states=[part.as_fields() for part in one.part_states],
            )
            for one in details
        ]
        write_records(records, chosen, columns)
    if problems.status:
        raise typer.Exit(problems.status)


def _print_run(detail: RunDetail) -> None:
    from mlpredict.cli.lists import pairs_of
    from mlpredict.cli.tables import print_counts, print_heading, print_pairs
    from mlpredict.domain.environments import flat
    from mlpredict.domain.history import fields_of

    print_pairs(dict(pairs_of(fields_of(detail.record))))
    if detail.environment is not None:
        print_heading("made with")
        print_pairs(flat(detail.environment))
    print_counts("label", detail.labels)
    print_counts("reason of a failure", detail.reasons)
    _print_parts(detail.part_states)


def _print_parts(parts: Sequence[PartRecord]) -> None:
    """Who has stored how much of a run in parts, and the parts that are missing."""
    from collections import Counter

    from mlpredict.cli.tables import print_counts, print_table
    from mlpredict.cli.talk import talk

    hosts: Counter[str] = Counter()
    for part in parts:
        hosts.update(part.by)
    print_counts("host", dict(hosts.most_common()))
    missing = [part.as_fields() for part in parts if part.missing]
    if missing:
        print_table(missing[:PARTS_SHOWN], PART_COLUMNS)
    if len(missing) > PARTS_SHOWN:
        talk.notice(f"{len(missing) - PARTS_SHOWN:,} more parts are missing; --json has all")
