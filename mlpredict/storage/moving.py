"""Moving early runs out of the default partition into partitions of their own, a range of runs at a time.

A range goes in one transaction: its rows are taken out of the one table and put into the other in blocks,
and nobody sees either until it commits, when everybody sees both, whatever their snapshot. Killed at any
point, the rows are where they were.

Before that, a check keeps more rows of these runs out of the default partition. Whoever has some waits until
the range is moved, and stores them then. Once the rows are gone, the check is made valid while others read
and store, so that the partition that comes beside it takes milliseconds under a lock. Deletions of ours wait
for the whole of it: a lock of a row that they waited for would keep us from that last lock for ever.

The lock is that of `predictions` itself. Were it of the partitions alone, a reader that has found out which
there are, and waits for one, would look into that one only, and miss what has just left it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from psycopg.sql import SQL, Identifier, Literal

from mlpredict.errors import DatabaseError
from mlpredict.storage import partitions
from mlpredict.storage.connection import Connection, describe, translated
from mlpredict.storage.early_runs import Range, next_range
from mlpredict.storage.names import catalog_only, schema_of
from mlpredict.storage.partitioning import first_of_later
from mlpredict.storage.partitions import LOCK, MOVING_LOCK
from mlpredict.storage.short_locks import PASSING, GaveWay, lock, patiently
from mlpredict.storage.transactions import reading, writing
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

DEFAULT = "predictions_default"
CHECK = "predictions_moving"

BLOCK_ROWS = 20_000
WORK_MEMORY = SQL("SET LOCAL work_mem = '64MB'")
"""A block is in memory while it goes from one table to the other."""

ATTEMPTS = 5
"""So often a range begins again where somebody's SQL has got in its way."""

UNATTACHED = SQL("""
    SELECT c.relname FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_constraint AS k ON k.conrelid OPERATOR(pg_catalog.=) c.oid
    WHERE n.nspname OPERATOR(pg_catalog.=) {schema} AND k.conname OPERATOR(pg_catalog.=) 'predictions_within'
      AND c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relispartition
""")
"""What a range was to go into."""

HOLDS_ROWS = SQL("SELECT EXISTS (SELECT FROM {table})")
DROP = SQL("DROP TABLE {table}")

RESERVED = SQL("""
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_constraint
        WHERE conrelid OPERATOR(pg_catalog.=) {default}::regclass
          AND conname OPERATOR(pg_catalog.=) 'predictions_moving'
    )
""")

BLOCK_END = SQL("""
    SELECT run_id, id FROM {default}
    WHERE (run_id, id) > (%s::bigint, %s::bigint) AND run_id >= {first}
    ORDER BY run_id, id OFFSET {rows} LIMIT 1
""")
MOVE = SQL("""
    WITH gone AS (
        DELETE FROM {default}
        WHERE (run_id, id) > (%s::bigint, %s::bigint) AND (run_id, id) <= (%s::bigint, %s::bigint)
        RETURNING *
    ), stored AS (
        INSERT INTO {moving} SELECT * FROM gone RETURNING 1
    )
    SELECT count(*) FROM stored
""")
LARGEST = 2**63 - 1

OF_MOVING = SQL("""
    SELECT pg_catalog.set_config('mlpredict.schema', {schema}, true),
           pg_catalog.set_config('mlpredict.moving', {place}, true)
""")
LOCK_REFERRED = SQL("LOCK TABLE {s}.inputs, {s}.runs IN SHARE ROW EXCLUSIVE MODE")
LOCK_WHOLE = SQL("LOCK TABLE ONLY {s}.predictions IN ACCESS EXCLUSIVE MODE")
LOCK_PARTS = SQL("LOCK TABLE {s}.predictions_default, {s}.inputs, {s}.runs IN ACCESS EXCLUSIVE MODE")
"""What is locked as a partition with foreign keys of its own is attached; here the waiting has an end."""

IS_SUPERUSER = SQL("SELECT pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'")
WITHOUT_TRIGGERS = SQL("SET LOCAL session_replication_role = replica")
"""The rows keep their foreign keys where they are, and so where they go to."""


class Moved(NamedTuple):
    """A range that is a partition now, and how many rows went into it."""

    range: Range
    rows: int


def upcoming(connection: Connection) -> Range | None:
    """The range that is moved next; None where there is nothing left to move."""
    with translated():
        one = next_range(connection, DEFAULT, first_of_later(connection))
        if one is None:
            _clear_away(connection)
        return one


def move(connection: Connection, one: Range, advance: Callable[[int], None]) -> Moved | None:
    """Move a range, telling `advance` of rows on their way; None where another process has been at it.

    Raises:
        DatabaseError: somebody's SQL is in the way again and again; the rows are where they were.
    """
    with translated():
        for _ in range(ATTEMPTS):
            if not _prepare(connection, one):
                return None
            done = 0

            def count(rows: int) -> None:
                nonlocal done
                done += rows
                advance(rows)

            try:
                return _carry_out(connection, one, count)
            except (GaveWay, *PASSING) as error:
                advance(-done)
                logger.warning(f"moving {one} begins again: {_why(error)}")
        raise DatabaseError(
            f"{describe(connection)}: {one} cannot be moved now: "
            "others change rows of theirs, or hold the table",
            hint="every row is where it was; the same command goes on there",
        )


def _why(error: Exception) -> str:
    if isinstance(error, GaveWay):
        return "somebody else changes a row of theirs"
    return str(error).partition("\n")[0]


def _clear_away(connection: Connection) -> None:
    """Take away what a process that was killed has left, when no row is left to be moved."""
    if _reserved(connection) or _unattached(connection):
        patiently(connection, lambda: _drop_left(connection))


def _prepare(connection: Connection, one: Range) -> bool:
    """Make the table that a range goes into, and have nobody store more of it; False where it is too late."""
    owner, _ = partitions.owner_of(connection)

    def prepare() -> bool:
        _drop_left(connection)
        if one.end != first_of_later(connection):
            return False
        parts = {"moving": _table(connection, one.name), "owner": Identifier(owner)}
        partitions.apply(connection, "moving", first=one.first, end=one.end, **parts)
        partitions.give_readers(connection, one.name)
        if _may_leave_out_triggers(connection):
            _refer(connection, one)
        return True

    return patiently(connection, prepare)


def _drop_left(connection: Connection) -> None:
    """Drop what a range was to go into whose process was killed: it has no row."""
    for name in _unattached(connection):
        table = _table(connection, name)
        connection.execute(SQL("LOCK TABLE {table}").format(table=table))
        if name not in _unattached(connection):
            continue
        if connection.execute(HOLDS_ROWS.format(table=table)).fetchone() == (True,):
            raise DatabaseError(
                f"{describe(connection)}: {name} is no partition, and somebody has put rows into it",
                hint="rename it, and run the same command again",
            )
        connection.execute(DROP.format(table=table))
    if _reserved(connection):
        partitions.apply(connection, "unreserved")


def _carry_out(connection: Connection, one: Range, advance: Callable[[int], None]) -> Moved | None:
    """Move the rows of a range and make a partition of them, in one transaction."""
    with writing(connection):
        connection.execute(LOCK.format(lock=Literal(MOVING_LOCK)))
        if one.name not in _unattached(connection) or not _reserved(connection):
            return None
        checked = _may_leave_out_triggers(connection)
        if checked:
            connection.execute(WITHOUT_TRIGGERS)
        rows = sum(_blocks(connection, one, advance))
        _apply_to(connection, one, "indexed")
        connection.execute(
            partitions.VALIDATE.format(table=_table(connection, DEFAULT), constraint=Identifier(CHECK))
        )
        # Whoever deletes an input now waits, and then looks into all partitions for who needs it.
        lock(connection, LOCK_REFERRED)
        if not checked:
            _refer(connection, one)
        lock(connection, LOCK_WHOLE, LOCK_PARTS)
        moving = _table(connection, one.name)
        partitions.apply(connection, "moved", moving=moving, first=one.first, end=one.end)
    return Moved(one, rows)


def _may_leave_out_triggers(connection: Connection) -> bool:
    """Whether rows can be put into a table without each of its foreign keys being looked at."""
    return connection.execute(IS_SUPERUSER).fetchone() == (True,)


def _refer(connection: Connection, one: Range) -> None:
    """Add the foreign keys, for which the rows that are in the table are gone through at once."""
    _apply_to(connection, one, "referring")


def _apply_to(connection: Connection, one: Range, file: str) -> None:
    """Execute a file that is about the table that a range goes into."""
    place = _table(connection, one.name).as_string(connection)
    about = {"schema": Literal(schema_of(connection)), "place": Literal(place)}
    connection.execute(OF_MOVING.format(**about))
    partitions.apply(connection, file)


def _blocks(connection: Connection, one: Range, advance: Callable[[int], None]) -> Iterator[int]:
    """Move the rows; how many were in each block."""
    tables = {"default": _table(connection, DEFAULT), "moving": _table(connection, one.name)}
    ends = BLOCK_END.format(first=Literal(one.first), rows=Literal(BLOCK_ROWS - 1), **tables)
    start = (one.first, -LARGEST)
    with catalog_only(connection):
        connection.execute(WORK_MEMORY)
        while start[0] < LARGEST:
            row = connection.execute(ends, start).fetchone()
            end = (LARGEST, LARGEST) if row is None else (int(row[0]), int(row[1]))
            ((rows,),) = connection.execute(MOVE.format(**tables), (*start, *end)).fetchall()
            advance(rows)
            yield rows
            start = end


def _unattached(connection: Connection) -> list[str]:
    query = UNATTACHED.format(schema=Literal(schema_of(connection)))
    with reading(connection):
        return [str(name) for (name,) in connection.execute(query)]


def _reserved(connection: Connection) -> bool:
    place = _table(connection, DEFAULT).as_string(connection)
    with reading(connection):
        return connection.execute(RESERVED.format(default=Literal(place))).fetchone() == (True,)


def _table(connection: Connection, name: str) -> Identifier:
    return Identifier(schema_of(connection), name)
