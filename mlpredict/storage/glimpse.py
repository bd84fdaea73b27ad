"""A short look into a database, for what a shell offers at a TAB: nothing is started, and nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, connection_parameters
from mlpredict.storage.known_values import KnownValues
from mlpredict.storage.names import catalog_only

CONNECT_SECONDS = 2
"""The least that libpq takes for a number of seconds."""

STATEMENT_MILLISECONDS = 400
SHORT = SQL("SET LOCAL statement_timeout = {}")


@contextmanager
def glimpse(dsn: str | None) -> Iterator[KnownValues]:
    """Look into the database of `dsn`, or the local one where it runs, until the block ends.

    Raises:
        DatabaseError: nothing answers there.
    """
    try:
        with _connect(dsn) as connection, catalog_only(connection):
            connection.execute(SHORT.format(STATEMENT_MILLISECONDS))
            yield KnownValues(connection)
    except (psycopg.Error, OSError) as error:
        raise DatabaseError from error


def _connect(dsn: str | None) -> Connection:
    if dsn is None:
        from mlpredict.storage.server import local_server

        return local_server.connect(local_server.locate(), autocommit=True)
    parameters = {**connection_parameters(dsn), "connect_timeout": str(CONNECT_SECONDS)}
    return psycopg.connect(**parameters, autocommit=True)
