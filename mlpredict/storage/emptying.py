"""Deleting all rows of a partition at once, and then the inputs that nobody needs any more.

The rows go in one transaction, which leaves a table of the inputs that they had. These are gone through a
block at a time, and the table goes with the last one. Whoever is killed leaves it to the next deletion.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.storage import deleting, partitions
from mlpredict.storage.connection import Connection
from mlpredict.storage.listing import rows_at_once
from mlpredict.storage.merging import merge_empty
from mlpredict.storage.names import named, schema_of
from mlpredict.storage.partitions import LOCK_TIMEOUT, WAIT_SHORTLY, Partition
from mlpredict.storage.transactions import BY_INDEX, reading, writing

if TYPE_CHECKING:
    from mlpredict.storage.deleting import Block

ADVISORY_LOCK = 0x6D6C7074
"""Any constant will do: two deletions go through such a table one after the other."""

WORTH_ROWS = 10_000
"""Fewer rows are as well deleted one by one."""

KEPT = "predictions_inputs_of_"
"""What a table of inputs is called, with the number at the end of its partition's name behind it."""

BLOCK_INPUTS = 2000

LOCK = SQL("LOCK TABLE {partition} IN SHARE MODE")
"""Nobody stores in it any more; others read."""

COUNT = SQL("SELECT pg_catalog.count(*) FROM {partition}")
IDS = SQL("SELECT id FROM {partition} ORDER BY id")
FORGET_REPLIES = SQL("""
    DELETE FROM {s}.idempotency_keys
    WHERE created_at OPERATOR(pg_catalog.>=) (SELECT pg_catalog.min(created_at) FROM {partition})
      AND EXISTS (
          SELECT FROM {partition} AS p WHERE p.created_at OPERATOR(pg_catalog.=) idempotency_keys.created_at
      )
""")
LEFT = SQL("""
    SELECT c.relname FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) {schema} AND c.relkind OPERATOR(pg_catalog.=) 'r'
      AND pg_catalog.starts_with(c.relname::text, {kept})
    ORDER BY c.relname
""")
SOME = SQL("SELECT inputid FROM {kept} LIMIT {rows}")
DONE = SQL("DELETE FROM {kept} WHERE inputid OPERATOR(pg_catalog.=) ANY (%s::bigint[])")
DROP = SQL("DROP TABLE {kept}")


class Emptied(NamedTuple):
    """How many rows have been deleted with whole partitions, and the ids that are not among them."""

    rows: int
    others: Sequence[int]


def empty_whole(connection: Connection, ids: Sequence[int]) -> Emptied:
    """Empty the partitions of which all rows are among these ids, which are sorted.

    None is where the rows are too few to be worth it, or the table is in no partitions or another role's. A
    partition that others hold for long is left to be emptied row by row.
    """
    known = partitions.partitions_of(connection) if len(ids) >= WORTH_ROWS else []
    if not known or not partitions.owner_of(connection)[1]:
        return Emptied(0, ids)
    gone = []
    for one in known:
        if one.first is not None and one.bytes:
            with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                gone.append(_empty(connection, one, ids))
    gone = [rows for rows in gone if rows]
    if not gone:
        return Emptied(0, ids)
    merge_empty(connection)
    others = array("q", (one for one in ids if not any(_is_among(one, rows) for rows in gone)))
    return Emptied(len(ids) - len(others), others)


def _empty(connection: Connection, one: Partition, ids: Sequence[int]) -> Sequence[int]:
    """Empty a partition if all of its rows are among these; their ids, or none."""
    table = Identifier(schema_of(connection), one.name)
    with writing(connection):
        ((rows,),) = connection.execute(COUNT.format(partition=table)).fetchall()
        if not WORTH_ROWS <= rows <= len(ids):
            return ()
        connection.execute(WAIT_SHORTLY.format(timeout=Literal(LOCK_TIMEOUT)))
        connection.execute(LOCK.format(partition=table))
        with connection.cursor() as cursor:
            rows_of = cursor.stream(IDS.format(partition=table), size=rows_at_once())
            found = array("q", (one for (one,) in rows_of))
        if not all(_is_among(one, ids) for one in found):
            return ()
        connection.execute(named(connection, FORGET_REPLIES, partition=table))
        kept = Identifier(schema_of(connection), f"{KEPT}{one.first}")
        partitions.apply(connection, "emptied", kept=kept, partition=table)
        return found


def _is_among(one: int, ids: Sequence[int]) -> bool:
    at = bisect_left(ids, one)
    return at < len(ids) and ids[at] == one


def left(connection: Connection) -> list[str]:
    """The tables of inputs that are yet to be looked at."""
    query = LEFT.format(schema=Literal(schema_of(connection)), kept=Literal(KEPT))
    with reading(connection):
        return [str(name) for (name,) in connection.execute(query)]


def sweep_some(connection: Connection, name: str) -> Block | None:
    """Delete those of some inputs that no prediction needs; None where all have been, and the table is gone.

    Those that another holds are left to the caller.
    """
    kept = Identifier(schema_of(connection), name)
    with writing(connection, **BY_INDEX):
        connection.execute(partitions.LOCK.format(lock=Literal(ADVISORY_LOCK)))
        if name not in left(connection):
            return None
        rows = connection.execute(SOME.format(kept=kept, rows=Literal(BLOCK_INPUTS))).fetchall()
        ids = [one for (one,) in rows]
        if not ids:
            connection.execute(DROP.format(kept=kept))
            return None
        block = deleting.delete_inputs(connection, ids)
        connection.execute(DONE.format(kept=kept), (ids,))
        return block
