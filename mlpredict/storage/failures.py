"""What gave no prediction, and why."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, LiteralString

from psycopg import sql
from psycopg.sql import SQL, Composable

from mlpredict.domain.history import FailureRecord
from mlpredict.domain.predictions import PredictionFilter
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import Values, all_of, values_of
from mlpredict.storage.listing import rows_at_once
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import bigint, decode_filename

FAILURES = SQL("""
    SELECT f.id, f.run_id, m.name || '@' || left(m.fingerprint, 8), f.filename, f.filename_bytes, f.reason,
           r.directory, f.created_at
    FROM {s}.failures AS f
    JOIN {s}.runs AS r ON r.id = f.run_id
    JOIN {s}.models AS m ON m.id = r.model_id
    WHERE {where}
    ORDER BY f.id DESC
    LIMIT {limit}
""")

FAILED_NAMES = SQL("""
    SELECT r.directory, f.filename, f.filename_bytes
    FROM {s}.failures AS f
    JOIN {s}.runs AS r ON r.id = f.run_id
    WHERE {where}
    GROUP BY r.directory, f.filename, f.filename_bytes
    ORDER BY min(f.id)
    LIMIT {limit}
""")
"""Each once, in the order in which they failed first."""

OF_FAILURES: Mapping[str, LiteralString] = {
    "id": "f.id = %(id)s",
    "before": "f.id < %(before)s::bigint",
    "run": "f.run_id = %(run)s",
    "model": "r.model_id = %(model)s",
    "models": "r.model_id = ANY(%(models)s::bigint[])",
    "since": "f.created_at >= %(since)s",
    "until": "f.created_at < %(until)s",
    "filename": "f.filename ~ %(filename)s",
}
"""What a filter of predictions asks of sources that have none; it has no label and no score to ask for."""


class Failures:
    """The failures of one database.

    Every method raises DatabaseError when the database fails. The connection does nothing else until a
    generator has ended or is closed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest_first(
        self, wanted: PredictionFilter, *, limit: int | None, before: int | None = None
    ) -> Generator[FailureRecord, None, None]:
        """Failures, newest first, from below the id `before`."""
        values = values_of(self._connection, wanted, before)
        for failure_id, run_id, model, name, raw, *rest in self._stream(FAILURES, values, limit):
            yield FailureRecord(failure_id, run_id, model, decode_filename(name, raw) or "", *rest)

    def names(
        self, wanted: PredictionFilter, *, limit: int | None = None
    ) -> Generator[tuple[str, str], None, None]:
        """The names of sources that failed, each once, with the directory they start from."""
        values = values_of(self._connection, wanted, None)
        for directory, name, raw in self._stream(FAILED_NAMES, values, limit):
            yield directory, decode_filename(name, raw) or ""

    def _stream(
        self, statement: SQL, values: Values, limit: int | None
    ) -> Generator[tuple[Any, ...], None, None]:
        query = named(
            self._connection,
            statement,
            where=all_of(OF_FAILURES, values),
            limit=sql.SQL("ALL") if limit is None else sql.Literal(bigint(limit)),
        )
        with translated(), catalog_only(self._connection), self._connection.cursor() as cursor:
            yield from cursor.stream(query, values, size=rows_at_once())


def failure_condition(values: Values) -> Composable | None:
    """The conditions on failures that values are for; None where they ask for what only a prediction has."""
    if values.keys() - OF_FAILURES.keys():
        return None
    return all_of(OF_FAILURES, values)
