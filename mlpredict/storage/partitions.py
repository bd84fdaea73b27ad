"""The partitions of `predictions`, by run: which there are, which one a run goes into, and the next one.

A partition holds the runs of some numbers, a thousand at first, and is full at so many bytes: then the
numbers that it has left are left out, and the next run begins in another. So a large run has one for
itself, or nearly, and small runs share one. The last partition has no end. It is given one when the first
run gets into it, by whoever owns the tables, and an empty one comes behind it; readers wait for that some
milliseconds. Where a role may not do that, the last one grows, and nothing else is the matter.

There is always a default partition: in it are rows without a run, which the 2020 program stores, and
those of the runs before there were partitions, until they are moved. A check keeps later runs out of it, so
that it is not read when others are made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Composable, Identifier, Literal

from mlpredict.settings import bundled
from mlpredict.storage.connection import Connection
from mlpredict.storage.grants import GRANT_ON_TABLE
from mlpredict.storage.names import catalog_only, named, schema_of
from mlpredict.storage.transactions import reading, writing
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

FULL_BYTES = 4 << 30
"""When the next run goes elsewhere: some ten million predictions of ten classes, with their TOAST."""

WIDTH = 1000
"""How many run numbers a partition has."""

WIDER = 10
"""How many times more it has where the one before it ran out of numbers with hardly anything in it."""

WIDEST = 1_000_000

READ_AT_ONCE = 64 << 20
"""The bytes of a partition that may be read while it is locked: some tenths of a second."""

LOCK_TIMEOUT = "300ms"
"""For so long others wait behind who waits for a long reader. The next run tries again."""

ADVISORY_LOCK = 0x6D6C7073
"""Any constant will do: two that make partitions do so one after the other."""

MOVING_LOCK = 0x6D6C7075
"""Held while early runs are on their way out of the default partition. Whoever deletes waits for it, and who
has more of them."""

PARTITIONS = SQL("""
    SELECT c.relname, pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_table_size(c.oid),
           pg_catalog.has_table_privilege(c.oid, 'SELECT')
    FROM pg_catalog.pg_inherits AS i
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_class AS p ON p.oid OPERATOR(pg_catalog.=) i.inhparent
    WHERE p.relname OPERATOR(pg_catalog.=) 'predictions'
      AND p.relnamespace OPERATOR(pg_catalog.=) n.oid
      AND n.nspname OPERATOR(pg_catalog.=) {schema}
""")

BOUNDS = re.compile(r"FOR VALUES FROM \('?(\d+)'?\) TO \('?(\d+|MAXVALUE)'?\)")
"""As PostgreSQL writes those of ours."""

OWNER = SQL("""
    SELECT pg_catalog.pg_get_userbyid(c.relowner),
           pg_catalog.pg_has_role(c.relowner, 'USAGE')
           AND pg_catalog.has_schema_privilege(c.relnamespace, 'CREATE')
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) {schema} AND c.relname OPERATOR(pg_catalog.=) 'predictions'
""")
"""Who owns the tables, and whether this role may make others beside them."""

LAST_NUMBER = SQL("""
    SELECT last_value FROM pg_catalog.pg_sequences AS q
    WHERE pg_catalog.to_regclass(pg_catalog.format('%I.%I', q.schemaname, q.sequencename))
          OPERATOR(pg_catalog.=) pg_catalog.pg_get_serial_sequence({table}, 'id')::regclass
""")
SKIP = SQL("""
    SELECT pg_catalog.max(pg_catalog.nextval(pg_catalog.pg_get_serial_sequence({table}, 'id')::regclass))
    FROM pg_catalog.generate_series({number}, {wanted})
""")
"""As many numbers as are left out, and one more. Only the owner could set the sequence."""

READERS = SQL("""
    SELECT CASE WHEN acl.grantee OPERATOR(pg_catalog.=) 0 THEN 'public'
                ELSE pg_catalog.pg_get_userbyid(acl.grantee) END
    FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS acl
    WHERE c.oid OPERATOR(pg_catalog.=) {table}::regclass
      AND acl.privilege_type OPERATOR(pg_catalog.=) 'SELECT'
      AND acl.grantee OPERATOR(pg_catalog.<>) c.relowner
""")
"""Who may read the whole table. Its partitions are read by themselves only when they are dumped."""

LOCK = SQL("SELECT pg_catalog.pg_advisory_xact_lock({lock}::bigint)")
DROP_CHECK = SQL("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}")
WAIT_SHORTLY = SQL("SET LOCAL lock_timeout = {timeout}")
VALIDATE = SQL("ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")


class Partition(NamedTuple):
    """One partition: the runs from `first` on that are before `end`, which the last one does not have.

    The default partition has no `first`.
    """

    name: str
    first: int | None
    end: int | None
    bytes: int
    is_readable: bool = True

    @property
    def is_last(self) -> bool:
        """Whether it is the one of all runs to come."""
        return self.first is not None and self.end is None

    def holds(self, run_id: int) -> bool:
        """Whether the rows of a run go into it."""
        return self.first is not None and self.first <= run_id and (self.end is None or run_id < self.end)


def partitions_of(connection: Connection) -> list[Partition]:
    """The partitions in the order of their runs, the default one first; none where the table has none."""
    query = PARTITIONS.format(schema=Literal(schema_of(connection)))
    with reading(connection):
        found = [_partition(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: -1 if one.first is None else one.first)


def _partition(name: str, bounds: str, size: int, is_readable: bool) -> Partition:
    numbers = BOUNDS.fullmatch(bounds)
    if numbers is None:
        return Partition(name, None, None, size, is_readable)
    end = None if numbers[2] == "MAXVALUE" else int(numbers[2])
    return Partition(name, int(numbers[1]), end, size, is_readable)


def number_of_run(connection: Connection, number: int) -> int:
    """The number that a run gets instead of the next one, where its partition is full; else the same.

    The partition behind it is made where this role may, and there is none.
    """
    known = partitions_of(connection)
    here = next((one for one in known if one.holds(number)), None)
    if here is not None and here.end is not None and here.bytes >= FULL_BYTES:
        number = _skip_to(connection, here.end, number)
        here = next((one for one in known if one.holds(number)), None)
    # Within a transaction of somebody else's, its locks would be held for too long.
    if here is not None and here.is_last and connection.info.transaction_status == TransactionStatus.IDLE:
        _close_soon(connection, here, number)
    return number


def _skip_to(connection: Connection, wanted: int, number: int) -> int:
    """Leave out the numbers before `wanted`; the first of the others, or a later one."""
    table = _place(connection, "runs")
    with writing(connection):
        connection.execute(LOCK.format(lock=Literal(ADVISORY_LOCK)))
        number = max(number, last_number(connection))
        query = SKIP.format(table=table, number=Literal(min(number + 1, wanted)), wanted=Literal(wanted))
        ((new,),) = connection.execute(query).fetchall()
    return int(new)


def _close_soon(connection: Connection, last: Partition, number: int) -> None:
    """Give the last partition an end, as the first run gets into it, unless it must be left to others."""
    _, may = owner_of(connection)
    if not may or last.bytes > READ_AT_ONCE:
        if last.bytes > FULL_BYTES:
            logger.warning(
                f"the partition {last.name} goes on growing, as this role may not make another; "
                "have its owner run mlpredict init-db"
            )
        return
    # Whoever reads for long keeps it from being done now; the next run does it.
    with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        close_last(connection, number, timeout=LOCK_TIMEOUT)


def close_last(connection: Connection, number: int, *, timeout: str = "0") -> Partition | None:
    """Give the last partition an end behind a run, and have an empty one behind it; that one.

    None where another process has done it.
    """
    with writing(connection):
        connection.execute(WAIT_SHORTLY.format(timeout=Literal(timeout)))
        connection.execute(LOCK.format(lock=Literal(ADVISORY_LOCK)))
        known = partitions_of(connection)
        last = known[-1]
        if not last.is_last or not last.holds(number):
            return None
        end = _end_of(known, max(number, last_number(connection)))
        apply(connection, "closed", last=_table(connection, last.name), first=last.first, end=end)
        return add_last(connection, end)


def close_large(connection: Connection) -> Partition | None:
    """The same for a last partition with many rows, which are read beforehand, while others go on.

    Killed in between, it is done again by the next. None where the last one is still empty.
    """
    known = partitions_of(connection)
    last = known[-1]
    number = last_number(connection)
    if not last.is_last or not last.holds(number):
        return None
    if last.bytes <= READ_AT_ONCE:
        return close_last(connection, number)
    table = _table(connection, last.name)
    end = _end_of(known, number + WIDTH)
    recheck(connection, last.name, "predictions_between", "between", last=table, first=last.first, end=end)
    with writing(connection):
        apply(connection, "closed", last=table, first=last.first, end=end)
        return add_last(connection, end)


def recheck(
    connection: Connection, table: str, name: str, file: str, **parts: Composable | int | None
) -> None:
    """A check that is valid, for which the table is read without being locked."""
    names = {"table": _table(connection, table), "constraint": Identifier(name)}
    while True:
        with writing(connection):
            connection.execute(DROP_CHECK.format(**names))
            apply(connection, file, **parts)
        # Taken away in between by a run that it keeps from storing, and that saw nobody at it.
        with suppress(psycopg.errors.UndefinedObject), writing(connection):
            connection.execute(LOCK.format(lock=Literal(MOVING_LOCK)))
            connection.execute(VALIDATE.format(**names))
            return


def add_last(connection: Connection, first: int) -> Partition:
    """Make the partition of all runs from a number on, in the transaction there is."""
    owner, _ = owner_of(connection)
    name = f"predictions_from_{first}"
    last = _table(connection, name)
    apply(connection, "last", last=last, first=first, owner=Identifier(owner))
    give_readers(connection, name)
    return Partition(name, first, None, 0)


def give_readers(connection: Connection, name: str) -> None:
    """Have those read a partition who may read the whole table, in the transaction there is."""
    readers = connection.execute(READERS.format(table=_place(connection, "predictions"))).fetchall()
    for (reader,) in readers:
        granting = GRANT_ON_TABLE["SELECT"].format(table=_table(connection, name), role=Identifier(reader))
        connection.execute(granting)


def _end_of(known: Sequence[Partition], number: int) -> int:
    """Where the last partition is to end, behind a run."""
    before = known[-2] if len(known) > 1 else None
    width = WIDTH
    if before is not None and before.first is not None and before.end is not None:
        scarce = before.bytes < FULL_BYTES // WIDER
        width = min(WIDER * _width(before), WIDEST) if scarce else WIDTH
    return (number // width + 1) * width


def _width(one: Partition) -> int:
    """The round number of which a partition has as many, as the first may have begun in the middle."""
    assert one.first is not None
    assert one.end is not None
    width = WIDTH
    while width < one.end - one.first:
        width *= WIDER
    return width


def apply(connection: Connection, file: str, **parts: Composable | int | None) -> None:
    """Execute a file `schema/partition_….sql` in the transaction there is."""
    text = (bundled("schema") / f"partition_{file}.sql").read_text(encoding="utf-8")
    values = {name: one if isinstance(one, Composable) else Literal(one) for name, one in parts.items()}
    with catalog_only(connection):
        # Text of our own, as a migration is.
        connection.execute(named(connection, SQL(text), **values))


def owner_of(connection: Connection) -> tuple[str, bool]:
    """Who owns our tables, and whether this role may make others beside them."""
    with reading(connection):
        query = OWNER.format(schema=Literal(schema_of(connection)))
        ((owner, may),) = connection.execute(query).fetchall()
    return str(owner), bool(may)


def last_number(connection: Connection) -> int:
    """The last number that a run has got; 0 before the first."""
    with reading(connection):
        rows = connection.execute(LAST_NUMBER.format(table=_place(connection, "runs"))).fetchall()
    return int(rows[0][0] or 0) if rows else 0


def _place(connection: Connection, table: str) -> Literal:
    return Literal(Identifier(schema_of(connection), table).as_string(connection))


def _table(connection: Connection, name: str) -> Identifier:
    return Identifier(schema_of(connection), name)
