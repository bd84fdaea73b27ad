"""Putting `predictions` into partitions by run, whatever it holds; not a row of it is moved.

The table becomes the default partition of a new one. That needs a check on it, that no later run is in it.
A small table is locked and read; of a larger one the check is made valid beforehand, while others read and
store, and what then needs a lock takes milliseconds. Killed at any point, it is as it was or goes on there.
"""

from __future__ import annotations

from typing import NamedTuple

from psycopg.sql import SQL, Composed, Identifier, Literal

from mlpredict.errors import DatabaseError, DatabaseRefuses
from mlpredict.storage import partitions
from mlpredict.storage.connection import Connection, describe, translated
from mlpredict.storage.names import catalog_only, named, schema_of
from mlpredict.storage.partitions import READ_AT_ONCE, WIDTH, Partition
from mlpredict.storage.refusals import OWNER_HINT
from mlpredict.storage.short_locks import patiently
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

STATE = SQL("""
    SELECT c.relkind = 'p', pg_table_size(c.oid),
           substring(pg_get_constraintdef(k.oid) FROM 'run_id < \\D*([0-9]+)')::bigint, k.convalidated
    FROM pg_class AS c
    LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.conname = 'predictions_earlier'
    WHERE c.oid = {table}::regclass
""")

IN_THE_WAY = SQL("""
    SELECT 'a foreign key of ' || conrelid::regclass FROM pg_constraint
    WHERE contype = 'f' AND confrelid = {table}::regclass
    UNION ALL
    SELECT 'the constraint ' || conname FROM pg_constraint
    WHERE contype IN ('u', 'x') AND conrelid = {table}::regclass
    UNION ALL
    SELECT 'row-level security' FROM pg_class WHERE oid = {table}::regclass AND relrowsecurity
    UNION ALL
    SELECT 'the materialized view ' || v.oid::regclass
    FROM pg_depend AS d
    JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    JOIN pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'm'
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {table}::regclass
    UNION ALL
    SELECT 'the rule ' || rulename FROM pg_rewrite WHERE ev_class = {table}::regclass
    UNION ALL
    SELECT 'a table that inherits from it, or that it inherits from' FROM pg_inherits
    WHERE {table}::regclass IN (inhrelid, inhparent)
    UNION ALL
    SELECT 'the function ' || d.objid::regprocedure FROM pg_depend AS d
    WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = {table}::regclass
    UNION ALL
    SELECT 'its ids, which are an identity' FROM pg_attribute
    WHERE attrelid = {table}::regclass AND attname = 'id' AND attidentity <> ''
    LIMIT 1
""")
"""What somebody has added to the table and would not come along."""

SET_SCHEMA = SQL("SELECT pg_catalog.set_config('mlpredict.schema', {schema}, true)")
LOCK_RUNS = SQL("LOCK TABLE {s}.predictions, {s}.runs IN ACCESS EXCLUSIVE MODE")
"""In the order in which who stores has them."""

VALIDATE = SQL("ALTER TABLE {name} VALIDATE CONSTRAINT predictions_earlier")
LAST_STORED = SQL("SELECT coalesce(max(run_id), 0) FROM {s}.predictions")
RAISE_COUNTER = SQL("""
    SELECT setval(pg_get_serial_sequence({table}, 'id')::regclass, {number}) WHERE {number} > {last}
""")


class Partitioned(NamedTuple):
    """What was done: partitions that were made, and how many there are now."""

    made: tuple[Partition, ...]
    partitions: int


def partition(connection: Connection) -> Partitioned:
    """Put the table into partitions; of one that is, see that the last partition is empty.

    Raises:
        DatabaseError: something stands on the table that would not come along.
        DatabaseRefuses: this role does not own the tables.
    """
    with translated():
        _require_owner(connection)
        if _state(connection).partitioned:
            closed = partitions.close_large(connection)
            made = () if closed is None else (closed,)
        else:
            made = (_convert(connection),)
        return Partitioned(made, len(partitions.partitions_of(connection)))


def early_table(connection: Connection) -> str:
    """Where the rows of early runs are.

    Raises:
        DatabaseRefuses: this role does not own the tables.
    """
    with translated():
        _require_owner(connection)
        return "predictions_default" if _state(connection).partitioned else "predictions"


def first_of_later(connection: Connection) -> int:
    """The first run that is, or would be, in a partition of its own."""
    with translated():
        firsts = [one.first for one in partitions.partitions_of(connection) if one.first is not None]
        if firsts:
            return min(firsts)
        with catalog_only(connection):
            return _state(connection).first or _first(connection)


def _require_owner(connection: Connection) -> None:
    owner, may = partitions.owner_of(connection)
    if not may:
        raise DatabaseRefuses(f"the tables are those of {owner}", hint=OWNER_HINT)


class _State(NamedTuple):
    """The table: whether it is in partitions, its size, and the check that is on it."""

    partitioned: bool
    bytes: int
    first: int | None
    valid: bool | None


def _state(connection: Connection) -> _State:
    with catalog_only(connection):
        (row,) = connection.execute(_about(connection, STATE)).fetchall()
    return _State(*row)


def _convert(connection: Connection) -> Partition:
    """Make the table the default partition of a new one."""
    _require_nothing_else(connection)
    state = _state(connection)
    if state.bytes > READ_AT_ONCE and not state.valid:
        # A run that begins meanwhile must not go beyond: it has a thousand numbers at the least.
        first = (partitions.last_number(connection) // WIDTH + 2) * WIDTH
        logger.info(f"reading {state.bytes:,} bytes of predictions once, while others read and store")
        partitions.recheck(connection, "predictions", "predictions_earlier", "earlier", first=first)
    return patiently(connection, lambda: _swap(connection))


def _swap(connection: Connection) -> Partition:
    """The same, in the transaction there is, for a table whose check is valid or is made so quickly."""
    connection.execute(SET_SCHEMA.format(schema=Literal(schema_of(connection))))
    connection.execute(named(connection, LOCK_RUNS))
    with catalog_only(connection):
        state = _state(connection)
        first = state.first or _first(connection)
        if state.first is None:
            partitions.apply(connection, "earlier", first=first)
            connection.execute(_about(connection, VALIDATE))
        partitions.apply(connection, "predictions")
        made = partitions.add_last(connection, first)
        partitions.apply(connection, "default")
        last = partitions.last_number(connection)
        raising = {"number": Literal(first - 1), "last": Literal(last)}
        connection.execute(_about(connection, RAISE_COUNTER, "runs", **raising))
    return made


def _first(connection: Connection) -> int:
    """The first number of a run that has none of its rows in the table yet."""
    ((stored,),) = connection.execute(named(connection, LAST_STORED)).fetchall()
    return max(int(stored), partitions.last_number(connection)) + 1


def _require_nothing_else(connection: Connection) -> None:
    with catalog_only(connection):
        row = connection.execute(_about(connection, IN_THE_WAY)).fetchone()
    if row is not None:
        raise DatabaseError(
            f"{describe(connection)}: predictions cannot be put into partitions: {row[0]} is in the way",
            hint="somebody has added it; nothing was changed",
        )


def _about(connection: Connection, statement: SQL, table: str = "predictions", **parts: Literal) -> Composed:
    """A statement about a table of ours."""
    place = Identifier(schema_of(connection), table)
    return statement.format(table=Literal(place.as_string(connection)), name=place, **parts)
