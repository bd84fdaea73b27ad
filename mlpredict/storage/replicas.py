"""Reading from a copy of the database that follows it, and never less than was stored by then.

What is asked of a replica waits until it has replayed what the primary had committed when it was asked:
one cheap question to the primary, and mostly no wait at all. One that does not get there in time is not
asked, and the primary is. So `list` behind `predict` has what was predicted, whoever answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from psycopg.sql import SQL

from mlpredict.errors import DatabaseError, DatabaseRefuses, SchemaOutdated, TransientDatabaseError
from mlpredict.storage.connection import Connection, open_connection, translated
from mlpredict.storage.patience import answered_within
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.transactions import reading
from mlpredict.support.logs import get_logger
from mlpredict.support.units import in_time

logger = get_logger(__name__)

Result = TypeVar("Result")

PATIENCE_SECONDS = 1.0
"""So long a command waits for a replica to catch up."""

ANSWER_SECONDS = 3.0
"""So long a server is waited for to say how far it is: its processes may be frozen."""

FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.05

MARK = SQL("""
    SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),
           pg_catalog.current_database()::text,
           pg_catalog.pg_wal_lsn_diff(
               CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                    ELSE pg_catalog.pg_current_wal_flush_lsn() END,
               '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8
""")
"""A commit is acknowledged when its WAL is flushed, and is seen on a standby when it is replayed."""

BEHIND = SQL("""
    SELECT extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
                              pg_catalog.pg_last_xact_replay_timestamp())::pg_catalog.float8
""")
"""Seconds since the last transaction that is there was committed, by the clocks of both machines."""

SECOND_OPINION = (TransientDatabaseError, SchemaOutdated)
"""What a replica fails with where the primary may answer: it is away, or has cancelled a query that
conflicted with its recovery, or does not have a new schema yet."""


class NotACopy(DatabaseError):
    """The read replica is no copy of the database: it belongs to another one."""


class Behind(DatabaseError):
    """The read replica has not caught up."""


class Mark(NamedTuple):
    """How far a server is: the cluster it belongs to, the database, and the bytes of WAL."""

    cluster: int
    database: str
    position: int


def mark_of(connection: Connection) -> Mark | None:
    """How far a server is, in a transaction of its own; None where it does not say, as some clouds' do not.

    Raises:
        DatabaseError: it does not answer.
    """
    try:
        with translated(), answered_within(connection, ANSWER_SECONDS), reading(connection):
            row = connection.execute(MARK).fetchone()
    except DatabaseRefuses as error:
        logger.debug(f"a server does not say how far it is: {error.message}")
        return None
    return None if row is None or None in row else Mark(*row)


def catch_up(replica: Connection, wanted: Mark, seconds: float) -> None:
    """Wait until a replica has what the primary had; one that does not say how far it is is trusted.

    Raises:
        Behind: it is not there in so many seconds.
        NotACopy: it is another database.
    """
    end = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while (mark := mark_of(replica)) is not None:
        if (mark.cluster, mark.database) != (wanted.cluster, wanted.database):
            raise NotACopy(hint="name a standby of the primary, and the same database")
        if mark.position >= wanted.position:
            return
        if time.monotonic() >= end:
            said = age_of(replica)
            newest = f": the newest that it has is from {said} ago" if said else ""
            raise Behind(f"the read replica is behind{newest}")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def age_of(replica: Connection) -> str | None:
    """How long ago the last was committed that a replica has, in words; None where it does not know."""
    try:
        with translated(), answered_within(replica, ANSWER_SECONDS), reading(replica):
            row = replica.execute(BEHIND).fetchone()
    except DatabaseRefuses:
        return None
    return None if row is None or row[0] is None else in_time(max(row[0], 0.0))


def open_reader(dsn: str, read_dsn: str) -> Repository:
    """The repository of a replica that has caught up with the primary, else the primary's.

    Where the primary is away, it is the replica's as it is. What is not as wanted is said.

    Raises:
        NotACopy: the replica is another database.
        DatabaseError: neither answers, or `init-db` has not been run.
    """
    return _open_replica(dsn, read_dsn) or open_repository(dsn)


def ask(dsn: str, read_dsn: str, query: Callable[[Repository], Result]) -> Result:
    """What a query gives that changes nothing; where a replica gives it up, the primary is asked again."""
    replica = _open_replica(dsn, read_dsn)
    if replica is not None:
        try:
            with replica:
                return query(replica)
        except SECOND_OPINION as error:
            logger.warning(f"asking the primary again: {error.message}")
    with open_repository(dsn) as primary:
        return query(primary)


def _open_replica(dsn: str, read_dsn: str) -> Repository | None:
    """The repository of a replica; None where the primary is to be asked."""
    try:
        replica = open_repository(read_dsn)
    except DatabaseError as error:
        logger.warning(f"asking the primary: the read replica cannot be used: {error.message}")
        return None
    try:
        if (wanted := _mark_of_primary(dsn, replica.connection)) is not None:
            catch_up(replica.connection, wanted, PATIENCE_SECONDS)
    except Behind as error:
        replica.close()
        logger.warning(f"asking the primary: {error.message}")
        return None
    except TransientDatabaseError as error:
        replica.close()
        logger.warning(f"asking the primary: the read replica cannot be used: {error.message}")
        return None
    except BaseException:
        replica.close()
        raise
    return replica


def _mark_of_primary(dsn: str, replica: Connection) -> Mark | None:
    try:
        with open_connection(dsn) as primary:
            return mark_of(primary)
    except DatabaseError as error:
        said = age_of(replica)
        newest = f", where the newest is from {said} ago" if said else ""
        logger.warning(f"the primary does not answer; reading from the replica{newest}: {error.message}")
        return None
