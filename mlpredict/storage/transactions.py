"""Transactions that mean the same whatever the server, the database, the role or the environment has set.

DateStyle, TimeZone and many other settings change what is stored and what is read, and everybody may
set them: `ALTER SYSTEM`, `ALTER DATABASE`, `ALTER ROLE`, `PGOPTIONS`, `PGTZ`. So a transaction says
what it needs as it begins, in one round trip with its BEGIN. Nothing outlives it: behind a pooler the
session is another program's in the next moment, and a pooler may refuse settings at the start. No pooler
stands before the local server: there a session has them from its start to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Literal

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import Composed

from mlpredict.storage.connection import Connection
from mlpredict.storage.patience import PatientConnection
from mlpredict.storage.session_settings import Settings, settings_of

BY_INDEX = {"enable_seqscan": "off", "jit": "off"}
"""Of transactions that look up a few of many rows: PostgreSQL may think that one image has all predictions,
as it had when it last looked, and go through all of them for each. So do the checks of foreign keys, whose
plan a session keeps from the first on."""

Access = Literal["READ ONLY", "READ WRITE"]
# In small letters: who looks for a COMMIT in what is sent finds no other.
Isolation = Literal["read committed", "repeatable read"]


@contextmanager
def writing(connection: Connection, **settings: str) -> Iterator[None]:
    """A transaction that may write, with settings of its own, or the rest of the one there is.

    On a standby it may not, and what would write is refused by its own name.

    Example:
        >>> with writing(connection):
        ...     connection.execute("INSERT INTO …")
    """
    with _transaction(connection, _access(connection), own=tuple(settings.items())):
        yield


@contextmanager
def reading(
    connection: Connection, *, isolation: Isolation = "read committed", **settings: str
) -> Iterator[None]:
    """A transaction that may not write, with settings of its own, or the rest of the one there is.

    A standby takes it, which refuses one that may write.

    Example:
        >>> with reading(connection, statement_timeout="'30s'"):
        ...     connection.execute("SELECT …")
    """
    with _transaction(connection, "READ ONLY", isolation, tuple(settings.items())):
        yield


@contextmanager
def attempt(connection: Connection) -> Iterator[None]:
    """What may fail within a transaction: it is undone then, and the transaction may go on.

    Example:
        >>> with suppress(psycopg.errors.LockNotAvailable), attempt(connection):
        ...     connection.execute("LOCK TABLE …")
    """
    connection.execute("SAVEPOINT attempt")
    try:
        yield
    except psycopg.Error:
        with suppress(psycopg.OperationalError):  # of a connection that is lost, the first error is told
            connection.execute("ROLLBACK TO SAVEPOINT attempt")
        raise
    connection.execute("RELEASE SAVEPOINT attempt")


def write_alone(connection: Connection, statement: Composed) -> list[tuple[Any, ...]]:
    """Execute a statement without parameters in a transaction of its own, in one round trip; its rows."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        return _rows(connection.execute(statement))
    begin = _begin(_access(connection), "read committed", _needed(connection))
    try:
        return _rows(connection.execute(b"; ".join([begin, statement.as_bytes(connection), b"COMMIT"])))
    except BaseException:
        _roll_back(connection)
        raise


def _rows(cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows of the one statement of several that has some."""
    rows: list[tuple[Any, ...]] = []
    for results in cursor.results():
        if results.description:
            rows = results.fetchall()
    return rows


@contextmanager
def _transaction(
    connection: Connection, access: Access, isolation: Isolation = "read committed", own: Settings = ()
) -> Iterator[None]:
    if connection.info.transaction_status != TransactionStatus.IDLE:
        yield
        return
    try:
        connection.execute(_begin(access, isolation, (*_needed(connection), *own)))
        yield
    except BaseException:
        _roll_back(connection)
        raise
    connection.commit()


def _roll_back(connection: Connection) -> None:
    # A connection that is lost has rolled back; who waits is told of the first error.
    with suppress(psycopg.Error):
        connection.rollback()


def _access(connection: Connection) -> Access:
    """What a transaction that is to write may do here."""
    standby = connection.info.parameter_status("in_hot_standby") == "on"
    return "READ ONLY" if standby else "READ WRITE"


def is_settled(connection: Connection) -> bool:
    """Whether a session has from its start on what a transaction would say as it begins."""
    return isinstance(connection, PatientConnection) and connection.settled


def _needed(connection: Connection) -> Settings:
    return () if is_settled(connection) else settings_of(connection.info.server_version // 10_000)


@cache
def _begin(access: Access, isolation: Isolation, settings: Settings) -> bytes:
    """BEGIN with the settings behind it, as one query of several statements; of one name the last counts."""
    local = (f"SET LOCAL {name} = {value}" for name, value in dict(settings).items())
    return "; ".join([f"BEGIN ISOLATION LEVEL {isolation} {access}", *local]).encode()
