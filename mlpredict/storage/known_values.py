"""What there is to choose from: labels, models, runs and predictions, for shells and for messages.

Labels are found by going through their index from one to the next, however many predictions there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.sql import SQL

from mlpredict.domain import PredictionFilter
from mlpredict.storage.connection import Connection
from mlpredict.storage.filters import model_ids
from mlpredict.storage.names import named
from mlpredict.storage.values import bigint, storable

MOST = 100
NEWEST = 20
DIGITS = 19
"""Of the largest id."""

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

MODELS = SQL("SELECT name, left(fingerprint, 8), path FROM {s}.models ORDER BY id DESC LIMIT %(most)s")

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

IS_LABEL = SQL("""
    SELECT EXISTS (SELECT FROM {s}.predictions WHERE label = %(label)s)
        OR EXISTS (SELECT FROM {s}.predictions WHERE labels @> ARRAY[%(label)s]::text[])
        OR EXISTS (
            SELECT FROM {s}.models AS m
            CROSS JOIN json_array_elements_text(
                CASE json_typeof(m.labels) WHEN 'array' THEN m.labels END
            ) AS one
            WHERE one = %(label)s
        )
""")

IS_RUN = SQL("SELECT EXISTS (SELECT FROM {s}.runs WHERE id = %(run)s)")


class KnownValues:
    """What a database knows, within a transaction that looks names up in pg_catalog alone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def labels(self, start: str = "") -> list[str]:
        """Labels of predictions, and those that models know, that begin so."""
        values = {"start": storable(start), "most": MOST}
        found = self._rows(MODEL_LABELS, values) + self._rows(LABELS, values)
        return sorted({str(label) for (label,) in found if label is not None})[:MOST]

    def models(self) -> list[tuple[str, str, str]]:
        """The names, first digits and paths of models, the newest first."""
        return self._rows(MODELS, {"most": MOST})

    def runs(self) -> list[tuple[int, str, str]]:
        """The newest runs: number, time and model."""
        return self._rows(RUNS, {"most": NEWEST})

    def predictions(self, digits: str = "") -> list[tuple[int, str | None, str | None]]:
        """The newest predictions whose ids begin with these digits, with file and label."""
        if not digits:
            return self._rows(PREDICTIONS, {"least": 0, "greatest": bigint(10**DIGITS), "most": NEWEST})
        found: list[tuple[int, str | None, str | None]] = []
        for more in range(DIGITS - len(digits) + 1):
            least = int(digits) * 10**more
            values = {"least": bigint(least), "greatest": bigint(least + 10**more - 1), "most": NEWEST}
            found += self._rows(PREDICTIONS, values)
        return sorted(found, key=lambda row: -row[0])[:NEWEST]

    def unknown(self, wanted: PredictionFilter) -> list[tuple[str, str, list[str]]]:
        """What a filter names that there is not: the kind of thing, its name, and those that there are."""
        found = []
        if wanted.model is not None and not model_ids(self._connection, wanted.model):
            found.append(("model", wanted.model, [f"{name}@{digits}" for name, digits, _ in self.models()]))
        for label in wanted.labels:
            if not self._is(IS_LABEL, {"label": storable(label)}):
                found.append(("label", label, self.labels()))
        if isinstance(wanted.run_id, int) and not self._is(IS_RUN, {"run": bigint(wanted.run_id)}):
            found.append(("run", str(wanted.run_id), [str(number) for number, *_ in self.runs()]))
        return found

    def _rows(self, statement: SQL, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        return self._connection.execute(named(self._connection, statement), values).fetchall()

    def _is(self, statement: SQL, values: Mapping[str, object]) -> bool:
        return bool(self._rows(statement, values)[0][0])
