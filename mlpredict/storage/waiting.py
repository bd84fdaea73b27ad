"""Waiting for runs that are on their way into partitions, as who deletes does, and who has more of one."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.storage import partitions
from mlpredict.storage.connection import MOVING_CHECKS, Connection
from mlpredict.storage.names import schema_of
from mlpredict.storage.partitions import DROP_CHECK, LOCK_TIMEOUT, MOVING_LOCK, WAIT_SHORTLY
from mlpredict.storage.transactions import writing
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

LOCK_SHARED = SQL("SELECT pg_catalog.pg_advisory_xact_lock_shared({lock}::bigint)")
TRY_LOCK_SHARED = SQL("SELECT pg_catalog.pg_try_advisory_xact_lock_shared({lock}::bigint)")

LEFT_CHECKS = SQL("""
    SELECT c.relname, k.conname FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) {schema} AND NOT k.convalidated
      AND k.conname OPERATOR(pg_catalog.=) ANY (%s::name[])
""")


def keep_from_moving(connection: Connection, waiting: str) -> bool:
    """Have no runs be moved for the rest of the transaction; whether it waited for that, which is said."""
    lock = Literal(MOVING_LOCK)
    if connection.execute(TRY_LOCK_SHARED.format(lock=lock)).fetchone() == (True,):
        return False
    logger.info(f"waiting until mlpredict db partition has moved {waiting}")
    connection.execute(LOCK_SHARED.format(lock=lock))
    return True


def wait_for_move(connection: Connection) -> bool:
    """Wait until those rows are in their partition that a run has more of; False where nobody moves them.

    What a process has left that was killed at it is taken away then, if this role may do that.
    """
    # Who reads for long keeps it from being done now; the next attempt does it.
    with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected), writing(connection):
        if keep_from_moving(connection, "rows of this run"):
            return True
        if not partitions.owner_of(connection)[1]:
            return False
        query = LEFT_CHECKS.format(schema=Literal(schema_of(connection)))
        left = connection.execute(query, (list(MOVING_CHECKS),)).fetchall()
        connection.execute(WAIT_SHORTLY.format(timeout=Literal(LOCK_TIMEOUT)))
        for table, check in left:
            names = {"table": Identifier(schema_of(connection), table), "constraint": Identifier(check)}
            connection.execute(DROP_CHECK.format(**names))
        return bool(left)
    return False
