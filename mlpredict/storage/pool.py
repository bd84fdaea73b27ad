"""Connections for reading, shared by many requests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg_pool import ConnectionPool

from mlpredict.errors import DatabaseError, TransientDatabaseError
from mlpredict.storage.connection import (
    KEEPALIVE,
    Connection,
    connection_parameters,
    require_local_platform,
    translated,
)
from mlpredict.storage.patience import PatientConnection, answered_within
from mlpredict.storage.repository import Repository
from mlpredict.storage.transactions import Isolation, reading

if TYPE_CHECKING:
    from mlpredict.storage.server.local_server import LocalServer

CONNECTIONS = 5
"""One of them for reports, which are made one at a time."""

WAITING = 32
WAIT_SECONDS = 2.0
RECONNECT_SECONDS = 0.2
"""After which a pool does not go on trying by itself: who asks next has it try again at once."""

STATEMENT_SECONDS = 30

CHECK_SECONDS = 2.0
"""For so long an idle connection is waited for to say that it is one still: the server may be frozen."""

GRACE_SECONDS = 3.0
"""For so much longer than a statement may take its answer is waited for."""


class ReadPool:
    """Repositories to read from, each used by one thread at a time; close it, or use `open_reads`."""

    def __init__(self, parameters: dict[str, Any], kind: type[Connection] = PatientConnection) -> None:
        # It says on standard error what every request that waits is told anyway.
        logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
        logging.getLogger("psycopg.pool").propagate = False
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs=parameters,
            connection_class=kind,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_SECONDS,
            max_waiting=WAITING,
            reconnect_timeout=RECONNECT_SECONDS,
            configure=_configure,
            check=_check,
            open=True,
            name="reads",
        )

    @contextmanager
    def repository(
        self,
        *,
        isolation: Isolation = "read committed",
        seconds: int = STATEMENT_SECONDS,
        first: Callable[[Connection], None] | None = None,
    ) -> Iterator[Repository]:
        """A repository for the time of a `with` block, which does not close it.

        A statement takes at most so many seconds, and of a server that says nothing little more. What is
        to be done `first` is done with the connection before the transaction begins.

        All of it is one read-only transaction, which nothing outlives: behind a pooler the session is
        another program's in the next moment.

        Raises:
            TransientDatabaseError: no connection is to be had.
        """
        try:
            connection = self._pool.getconn()
        except psycopg.Error as error:
            raise TransientDatabaseError("the database does not answer") from error
        try:
            if first is not None:
                first(connection)
            with (
                translated(),
                answered_within(connection, seconds + GRACE_SECONDS),
                reading(connection, isolation=isolation, statement_timeout=f"'{seconds}s'"),
            ):
                yield Repository(connection)
        finally:
            self._pool.putconn(connection)

    def close(self) -> None:
        """Disconnect."""
        self._pool.close()


@contextmanager
def open_reads(dsn: str | None) -> Iterator[ReadPool]:
    """Connections to `dsn`, or to the local PostgreSQL, which is not stopped for idleness meanwhile.

    Raises:
        DatabaseError: the DSN is not one, or there is no local PostgreSQL.
    """
    if dsn is not None:
        pool = ReadPool(connection_parameters(dsn))
        with closing(pool):
            yield pool
        return
    require_local_platform()
    from mlpredict.storage.server import lifecycle, local_server

    server = local_server.locate()
    with lifecycle.attached(server):
        pool = ReadPool({**KEEPALIVE, **local_server.parameters(server)}, _reviving(server))
        with closing(pool):
            yield pool


def _reviving(server: LocalServer) -> type[Connection]:
    """Connections to a local server that is started again where it was killed."""
    from mlpredict.storage.server import lifecycle, local_server

    class RevivingConnection(PatientConnection):
        settled = True

        @classmethod
        def connect(cls, *arguments: Any, **options: Any) -> Self:
            try:
                with local_server.without_service():
                    connection = super().connect(*arguments, **options)
            except psycopg.OperationalError:
                try:
                    lifecycle.ensure_running(server)
                except DatabaseError as error:
                    raise psycopg.OperationalError(error.message) from error
                with local_server.without_service():
                    connection = super().connect(*arguments, **options)
            local_server.settle(connection)
            return connection

    return RevivingConnection


def _check(connection: Connection) -> None:
    with answered_within(connection, CHECK_SECONDS):
        ConnectionPool.check_connection(connection)


def _configure(connection: Connection) -> None:
    connection.autocommit = True
