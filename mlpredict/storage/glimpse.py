"""A short look into a database, for what a shell offers at a TAB: nothing is started, and nobody waits.

Labels are found by going through their index from one to the next, however many predictions there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, connection_parameters
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import bigint, storable

CONNECT_SECONDS = 2
"""The least that libpq takes for a number of seconds."""

STATEMENT_MILLISECONDS = 400
MOST = 100
NEWEST = 20
DIGITS = 19
"""Of the largest id."""

SHORT = SQL("SET LOCAL statement_timeout = {}")

LABELS = SQL("""
    WITH RECURSIVE next (label) AS (
        (SELECT p.label FROM {s}.predictions AS p WHERE p.label >= %(start)s::text ORDER BY p.label LIMIT 1)
        UNION ALL
        SELECT (SELECT p.label FROM {s}.predictions AS p WHERE p.label > next.label ORDER BY p.label LIMIT 1)
        FROM next WHERE next.label IS NOT NULL
    )
    SELECT label FROM next WHERE starts_with(label, %(start)s::text) LIMIT %(most)s
""")

MODEL_LABELS = SQL("""
    SELECT DISTINCT label
    FROM {s}.models AS m
    CROSS JOIN json_array_elements_text(CASE json_typeof(m.labels) WHEN 'array' THEN m.labels END) AS label
    WHERE starts_with(label, %(start)s::text)
    ORDER BY label LIMIT %(most)s
""")

MODELS = SQL("""
    SELECT name, left(fingerprint, 8), path FROM {s}.models ORDER BY id DESC LIMIT %(most)s
""")

RUNS = SQL("""
    SELECT r.id, to_char(r.started_at, 'YYYY-MM-DD HH24:MI'), coalesce(r.model_name, m.name)
    FROM {s}.runs AS r JOIN {s}.models AS m ON m.id = r.model_id
    ORDER BY r.id DESC LIMIT %(most)s
""")

PREDICTIONS = SQL("""
    SELECT id, filename, label FROM {s}.predictions
    WHERE id BETWEEN %(least)s::bigint AND %(greatest)s::bigint
    ORDER BY id DESC LIMIT %(most)s
""")


@contextmanager
def glimpse(dsn: str | None) -> Iterator[Glimpse]:
    """Look into the database of `dsn`, or the local one where it runs, until the block ends.

    Raises:
        DatabaseError: nothing answers there.
    """
    try:
        with _connect(dsn) as connection, catalog_only(connection):
            connection.execute(SHORT.format(STATEMENT_MILLISECONDS))
            yield Glimpse(connection)
    except (psycopg.Error, OSError) as error:
        raise DatabaseError from error


class Glimpse:
    """What there is to choose from, in a database that is connected to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def labels(self, start: str) -> list[str]:
        """Labels of predictions, and those that models know, that begin so."""
        values = {"start": storable(start), "most": MOST}
        found = self._connection.execute(named(self._connection, MODEL_LABELS), values).fetchall()
        found += self._connection.execute(named(self._connection, LABELS), values).fetchall()
        return sorted({str(label) for (label,) in found if label is not None})[:MOST]

    def models(self) -> list[tuple[str, str, str]]:
        """The names, first digits and paths of models, the newest first."""
        return self._connection.execute(named(self._connection, MODELS), {"most": MOST}).fetchall()

    def runs(self) -> list[tuple[int, str, str]]:
        """The newest runs: number, time and model."""
        return self._connection.execute(named(self._connection, RUNS), {"most": NEWEST}).fetchall()

    def predictions(self, digits: str) -> list[tuple[int, str | None, str | None]]:
        """The newest predictions whose ids begin with these digits, with file and label."""
        query = named(self._connection, PREDICTIONS)
        if not digits:
            values = {"least": 0, "greatest": bigint(10**DIGITS), "most": NEWEST}
            return self._connection.execute(query, values).fetchall()
        found: list[tuple[int, str | None, str | None]] = []
        for more in range(DIGITS - len(digits) + 1):
            least = int(digits) * 10**more
            values = {"least": bigint(least), "greatest": bigint(least + 10**more - 1), "most": NEWEST}
            found += self._connection.execute(query, values).fetchall()
        return sorted(found, reverse=True)[:NEWEST]


def _connect(dsn: str | None) -> Connection:
    if dsn is None:
        from mlpredict.storage.server import local_server

        return local_server.connect(local_server.locate(), autocommit=True)
    parameters = {**connection_parameters(dsn), "connect_timeout": str(CONNECT_SECONDS)}
    return psycopg.connect(**parameters, autocommit=True)
