"""Making one of empty partitions that follow one another, as old runs leave them behind.

They are not simply dropped: a run of theirs may go on by its key, and its rows must find a place. The two
highest partitions stay apart, as their widths tell how wide the next one is to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.storage import partitions
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named, schema_of
from mlpredict.storage.partitions import LOCK_TIMEOUT, WAIT_SHORTLY, Partition
from mlpredict.storage.transactions import writing

KEPT_APART = 2

EMPTY_BYTES = 64 << 10
"""What a partition has at the most that has just been emptied: the first page of its TOAST's index."""

LOCK_WHOLE = SQL("LOCK TABLE ONLY {s}.predictions IN ACCESS EXCLUSIVE MODE")
IS_EMPTY = SQL("SELECT NOT EXISTS (SELECT FROM {table})")
DROP = SQL("DROP TABLE {table}")


def merge_empty(connection: Connection) -> None:
    """Merge them, if that can be done at once; else the next deletion of a whole partition does it."""
    with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected), writing(connection):
        connection.execute(WAIT_SHORTLY.format(timeout=Literal(LOCK_TIMEOUT)))
        connection.execute(partitions.LOCK.format(lock=Literal(partitions.ADVISORY_LOCK)))
        if not any(_groups(connection)):
            return
        connection.execute(named(connection, LOCK_WHOLE))
        for group in _groups(connection):
            _merge(connection, group)


def _groups(connection: Connection) -> list[list[Partition]]:
    """Empty partitions that follow one another, two or more at a time."""
    old = [one for one in partitions.partitions_of(connection) if one.first is not None][:-KEPT_APART]
    groups = groupby(old, key=lambda one: one.bytes <= EMPTY_BYTES and _is_empty(connection, one))
    return [found for is_empty, group in groups if is_empty and len(found := list(group)) > 1]


def _is_empty(connection: Connection, one: Partition) -> bool:
    query = IS_EMPTY.format(table=Identifier(schema_of(connection), one.name))
    return connection.execute(query).fetchone() == (True,)


def _merge(connection: Connection, group: Sequence[Partition]) -> None:
    lowest, *others = group
    for one in others:
        connection.execute(DROP.format(table=Identifier(schema_of(connection), one.name)))
    table = Identifier(schema_of(connection), lowest.name)
    partitions.apply(connection, "widened", lowest=table, first=lowest.first, end=group[-1].end)
