"""Connections for reading, shared by many requests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from mlpredict.errors import TransientDatabaseError
from mlpredict.storage.connection import Connection, connection_parameters, require_local_platform
from mlpredict.storage.repository import Repository

CONNECTIONS = 4
WAITING = 32
WAIT_SECONDS = 3.0
STATEMENT_SECONDS = 30
Notify = Callable[[str], None]


class ReadPool:
    """Repositories to read from, each used by one thread at a time; close it, or use `open_reads`."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        # It says on standard error what every request that waits is told anyway.
        logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
        logging.getLogger("psycopg.pool").propagate = False
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs=parameters,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_SECONDS,
            max_waiting=WAITING,
            configure=_configure,
            check=ConnectionPool.check_connection,
            open=True,
            name="reads",
        )

    @contextmanager
    def repository(self) -> Iterator[Repository]:
        """A repository for the time of a `with` block, which does not close it.

        Raises:
            TransientDatabaseError: no connection is to be had.
        """
        try:
            connection = self._pool.getconn()
        except psycopg.Error as error:
            raise TransientDatabaseError("the database does not answer") from error
        try:
            yield Repository(connection)
        finally:
            self._pool.putconn(connection)

    def close(self) -> None:
        """Disconnect."""
        self._pool.close()


@contextmanager
def open_reads(dsn: str | None, notify: Notify) -> Iterator[ReadPool]:
    """Connections to `dsn`, or to the local PostgreSQL, which is not stopped for idleness meanwhile.

    Raises:
        DatabaseError: the DSN is not one, or there is no local PostgreSQL.
    """
    with _parameters(dsn, notify) as parameters:
        pool = ReadPool(parameters)
        try:
            yield pool
        finally:
            pool.close()


@contextmanager
def _parameters(dsn: str | None, notify: Notify) -> Iterator[dict[str, Any]]:
    if dsn is not None:
        yield connection_parameters(dsn)
        return
    require_local_platform()
    from mlpredict.storage import local_server
    from mlpredict.storage.local_place import undisturbed

    with undisturbed(), local_server.attached(local_server.locate(), notify) as conninfo:
        yield connection_parameters(conninfo)


def _configure(connection: Connection) -> None:
    connection.autocommit = True
    connection.execute("SET default_transaction_read_only = on")
    connection.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'".encode())
