"""How PostgreSQL is to join predictions to their truth, where it cannot know how many there are.

Without statistics, and for a LIMIT that is never reached, it looks a million labels up one after the other:
that takes five times as long as reading all of them once. For a few predictions it would read all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.pq import TransactionStatus
from psycopg.sql import SQL

from mlpredict.storage.connection import Connection

MANY = 100_000
"""From so many predictions on, all labels are read for them: one takes 8 µs, and a million labels 1.5 s."""

IN_MEMORY = SQL("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL enable_nestloop = off")
"""Half a million labels fit into that; compiling takes longer than it saves."""

ONE_BY_ONE = SQL("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off")

AS_BEFORE = SQL("""
    SET LOCAL work_mem = DEFAULT; SET LOCAL jit = DEFAULT; SET LOCAL enable_nestloop = DEFAULT;
    SET LOCAL enable_hashjoin = DEFAULT; SET LOCAL enable_mergejoin = DEFAULT
""")


@contextmanager
def joined_whole(connection: Connection) -> Iterator[None]:
    """Within a transaction, have whole tables be joined in memory, until the block ends."""
    with _settings(connection, IN_MEMORY):
        yield


@contextmanager
def joined_as_suits(connection: Connection, predictions: int) -> Iterator[None]:
    """The same for many predictions; for few, have the truth of each be looked up."""
    with _settings(connection, IN_MEMORY if predictions >= MANY else ONE_BY_ONE):
        yield


@contextmanager
def _settings(connection: Connection, settings: SQL) -> Iterator[None]:
    connection.execute(settings)
    try:
        yield
    finally:
        # A transaction that has failed ends, and its settings with it.
        if connection.info.transaction_status == TransactionStatus.INTRANS:
            connection.execute(AS_BEFORE)
