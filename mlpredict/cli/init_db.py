"""`mlpredict init-db`: create or upgrade the schema."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli.options import AsJson, Dsn, FormatChoice, Quiet, Verbose, chosen_format
from mlpredict.cli.talk import talk

if TYPE_CHECKING:
    from mlpredict.storage.connection import Connection
    from mlpredict.storage.partitioning import Partitioned


class PartitionKey(StrEnum):
    """What decides in which partition a prediction is."""

    RUN = "run"


GrantTo = Annotated[
    list[str] | None,
    typer.Option(
        "--grant-to",
        metavar="ROLE[:reader]",
        help="Give a role what it needs to store and read, or to read; may be repeated.",
        show_default=False,
    ),
]

PartitionBy = Annotated[
    PartitionKey | None,
    typer.Option(
        "--partition-by",
        help="Put predictions into partitions, for hundreds of millions of them.",
        show_default=False,
    ),
]

COLUMNS = ("version", "name", "state")


def init_db(
    grant_to: GrantTo = None,
    partition_by: PartitionBy = None,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Create or upgrade the tables; rows are kept.

    Those of the 2020 program are adopted. Safe to repeat: what is there already is left alone. Give roles
    their rights by --grant-to again after an upgrade, as new tables are nobody's but the owner's. The local
    PostgreSQL needs no such step.

    A table that is put into partitions by run stays so. No row is moved for it, and others go on reading
    and storing.
    """
    from mlpredict.cli.output import write_records
    from mlpredict.storage.connection import describe, open_connection
    from mlpredict.storage.grants import Grant
    from mlpredict.storage.migrations import migrate

    chosen = chosen_format(format_, as_json)
    grants = [Grant.of(text) for text in grant_to or ()]
    with open_connection(dsn or settings.dsn()) as connection:
        report = migrate(connection, grants)
        partitioned = _partition(connection, asked=partition_by is not None)
        where = describe(connection)
    if report.adopted_inputs or report.adopted_predictions:
        talk.notice(
            f"adopted {report.adopted_inputs:,} inputs and {report.adopted_predictions:,} predictions "
            "of the 2020 program"
        )
    done = f"applied {len(report.applied)} migrations" if report.applied else "nothing to do"
    inside = "" if report.schema == "public" else f", schema {report.schema}"
    talk.notice(f"{where}{inside}: {done}")
    states = [(m, "present") for m in report.present] + [(m, "applied") for m in report.applied]
    if partitioned is not None:
        made = ", ".join(one.name for one in partitioned.made)
        talk.notice(
            f"predictions is in {partitioned.partitions} partitions by run"
            + (f"; made {made}" if made else ": nothing to do")
        )
    records = [{"version": m.version, "name": m.name, "state": state} for m, state in states]
    write_records(records, chosen, COLUMNS)


def _partition(connection: Connection, *, asked: bool) -> Partitioned | None:
    """Put the table into partitions, or see to those there are."""
    from mlpredict.storage.partitioning import partition
    from mlpredict.storage.partitions import owner_of, partitions_of

    seen_to = asked or (bool(partitions_of(connection)) and owner_of(connection)[1])
    return partition(connection) if seen_to else None
