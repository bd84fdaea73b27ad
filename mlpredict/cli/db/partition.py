"""`mlpredict db partition`: put predictions into partitions by run, those that are stored already too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mlpredict import settings
from mlpredict.cli.asking import confirm
from mlpredict.cli.options import Dsn, InJson, Quiet, Verbose
from mlpredict.cli.stdout import write_data
from mlpredict.cli.talk import talk
from mlpredict.support.units import in_bytes

if TYPE_CHECKING:
    from mlpredict.storage.connection import Connection
    from mlpredict.storage.early_runs import Range

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be moved.", show_default=False)]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.", show_default=False)]


class _Plan(NamedTuple):
    """What there is to move, and the largest range with its indexes."""

    ranges: list[Range]
    largest: int

    def __str__(self) -> str:
        rows = sum(one.rows for one in self.ranges)
        whole = self.ranges[-1]._replace(end=self.ranges[0].end)
        count = len(self.ranges)
        return f"{rows:,} predictions of {whole} into {count:,} partition{'s' if count > 1 else ''}"


def partition(
    dry_run: DryRun = False,
    yes: Yes = False,
    dsn: Dsn = None,
    as_json: InJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Put predictions into partitions by run.

    That is what init-db --partition-by run does, and those of earlier runs are then moved into partitions
    of their own. Others go on reading and storing; who deletes waits. Killed at any moment, it goes on
    where it was when it is asked for again.
    """
    from mlpredict.storage.connection import open_connection
    from mlpredict.storage.migrations import require_current

    with open_connection(dsn or settings.dsn()) as connection:
        require_current(connection)
        plan = _plan(connection)
        if plan.ranges:
            talk.notice(f"{'would move' if dry_run else 'moves'} {plan}")
            talk.notice(
                f"needs {in_bytes(plan.largest)} of disk for the largest partition, and as much for a while "
                "for the log of changes; VACUUM, which comes by itself, gives back what the rows took before"
            )
        if not dry_run:
            if plan.ranges:
                confirm("Move them?", yes=yes)
            moved, partitions = _carry_out(connection)
        else:
            moved, partitions = [_record(one, one.rows) for one in plan.ranges], _count(connection)
    if as_json:
        from mlpredict.support.json_text import as_json as in_json

        write_data(in_json({"dry_run": dry_run, "partitions": partitions, "moved": moved}) + b"\n")
    if not dry_run:
        rows = sum(one["rows"] for one in moved)
        done = f"; moved {rows:,} predictions" if moved else ": nothing to move"
        talk.notice(f"predictions is in {partitions:,} partitions by run{done}")
    elif not plan.ranges:
        talk.notice("there is nothing to move")


def _plan(connection: Connection) -> _Plan:
    """What is to be moved, whether the table is in partitions yet or not."""
    from mlpredict.storage import early_runs, partitioning

    table, end = partitioning.early_table(connection), partitioning.first_of_later(connection)
    found = list(early_runs.ranges(connection, table, end))
    sizes = [early_runs.bytes_with_indexes(connection, table, one) for one in found]
    return _Plan(found, max(sizes, default=0))


def _carry_out(connection: Connection) -> tuple[list[dict[str, Any]], int]:
    """Move one range after the other; a record of each, and how many partitions there are in the end."""
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.progress import progress
    from mlpredict.storage import moving, partitioning

    partitioning.partition(connection)
    moved: list[dict[str, Any]] = []
    with interruption() as ending:
        while not ending.is_requested() and (one := moving.upcoming(connection)) is not None:
            with progress(str(one), one.rows) as advance:
                done = moving.move(connection, one, advance)
            if done is not None:
                moved.append(_record(one, done.rows))
                talk.notice(f"moved {done.rows:,} predictions of {one}")
    if ending.is_requested():
        rows = sum(one["rows"] for one in moved)
        raise ending.as_error(f"{rows:,} predictions moved", "the same command goes on")
    return moved, _count(connection)


def _count(connection: Connection) -> int:
    from mlpredict.storage.connection import translated
    from mlpredict.storage.partitions import partitions_of

    with translated():
        return len(partitions_of(connection))


def _record(one: Range, rows: int) -> dict[str, Any]:
    return {
        "partition": one.name,
        "first_run": one.first,
        "last_run": one.end - 1,
        "rows": rows,
        "bytes": one.bytes,
    }
