"""Runs and models: what is stored of them, and what came of each."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed

from mlpredict.domain.history import (
    ModelDetail,
    ModelOutput,
    ModelRecord,
    RunDetail,
    RunRecord,
)
from mlpredict.domain.models import Activation, Task
from mlpredict.domain.parts import PartRecord
from mlpredict.domain.predictions import PredictionFilter
from mlpredict.errors import NotFound
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import Values, all_of, model_ids, newest_run, values_of
from mlpredict.storage.judging import Judged, judged_of_models, judged_of_runs
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import bigint

MODEL = SQL("m.name || '@' || left(m.fingerprint, 8)")

RUNS = SQL("""
    SELECT r.id AS run_id, {model} AS model, r.ended, made.predictions, failed.failures, made.mean_score,
           r.engine, r.keep, r.directory, coalesce(r.model_path, m.path) AS model_path, r.version,
           r.started_at, made.last_at, r.finished_at, r.environment_id,
           pl.key AS run_key, pl.images, pl.parts, pl.parts - pl.parts_left AS parts_done
    FROM (SELECT * FROM {s}.runs AS r WHERE {where} ORDER BY r.id DESC LIMIT {limit}) AS r
    JOIN {s}.models AS m ON m.id = r.model_id
    LEFT JOIN {s}.run_plans AS pl ON pl.run_id = r.id
    CROSS JOIN LATERAL (
        SELECT count(*) AS predictions, avg(p.score) AS mean_score,
               max(p.created_at) FILTER (WHERE p.created_at < '9999-12-30') AS last_at
        FROM {s}.predictions AS p WHERE p.run_id = r.id
    ) AS made
    CROSS JOIN LATERAL (SELECT count(*) AS failures FROM {s}.failures AS f WHERE f.run_id = r.id) AS failed
    ORDER BY r.id DESC
""")
"""Only the runs that are shown are counted."""

MODELS = SQL("""
    SELECT m.id, {model} AS model, m.name, m.fingerprint, m.task, m.format,
           CASE WHEN json_typeof(m.labels) = 'array' THEN json_array_length(m.labels) END AS classes,
           used.runs, made.predictions, used.failures, made.mean_score,
           coalesce(newest.model_path, m.path) AS path, m.created_at, newest.started_at AS last_at
    FROM {s}.models AS m
    CROSS JOIN LATERAL (
        SELECT count(*) AS predictions, avg(p.score) AS mean_score
        FROM {s}.predictions AS p WHERE p.model_id = m.id
    ) AS made
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs, coalesce(sum(failed.failures), 0)::bigint AS failures
        FROM {s}.runs AS r
        CROSS JOIN LATERAL (
            SELECT count(*) AS failures FROM {s}.failures AS f WHERE f.run_id = r.id
        ) AS failed
        WHERE r.model_id = m.id
    ) AS used
    LEFT JOIN LATERAL (
        SELECT id, model_path, started_at FROM {s}.runs WHERE model_id = m.id ORDER BY id DESC LIMIT 1
    ) AS newest ON true
    WHERE {where}
    ORDER BY newest.id DESC NULLS LAST, m.id DESC
""")

NAMES = SQL("""
    SELECT {model}, m.name, m.fingerprint
    FROM {s}.models AS m
    LEFT JOIN LATERAL (SELECT max(id) AS id FROM {s}.runs WHERE model_id = m.id) AS newest ON true
    ORDER BY newest.id DESC NULLS LAST, m.id DESC
""")

MODEL_DETAIL = SQL("SELECT labels, description FROM {s}.models WHERE fingerprint = %s")

OUTPUTS = SQL("""
    SELECT {model}, m.task, m.labels, m.description FROM {s}.models AS m
    WHERE %(ids)s::bigint[] IS NULL OR m.id = ANY(%(ids)s::bigint[])
    ORDER BY m.id
""")

LABELS_OF_RUN = SQL("""
    SELECT label, count(*) FROM {s}.predictions
    WHERE run_id = %s AND label IS NOT NULL
    GROUP BY label ORDER BY count(*) DESC, label
""")

REASONS_OF_RUN = SQL("""
    SELECT reason, count(*) FROM {s}.failures WHERE run_id = %s GROUP BY reason ORDER BY count(*) DESC, reason
""")

ENVIRONMENT = SQL("SELECT facts FROM {s}.environments WHERE id = %s")

PARTS_OF_RUN = SQL("""
    SELECT c.part, c.first, c.last, c.last - c.first + 1, c.missing,
           CASE WHEN c.done THEN 'done' WHEN c.attempt IS NULL THEN 'free'
                WHEN c.held_until > now() THEN 'at work' ELSE 'silent' END,
           c.host, coalesce(stored.by, '{{}}'), stored.at
    FROM {s}.run_claims AS c
    CROSS JOIN LATERAL (
        SELECT json_object_agg(host, images ORDER BY host) AS by, max(at) AS at FROM (
            SELECT host, sum(last - first + 1) AS images, max(stored_at) AS at
            FROM {s}.run_parts AS p WHERE p.run_id = c.run_id AND p.part = c.part GROUP BY host
        ) AS hosts
    ) AS stored
    WHERE c.run_id = %s
    ORDER BY c.part
""")

OF_RUNS: Mapping[str, LiteralString] = {
    "id": "r.id = %(id)s",
    "before": "r.id < %(before)s::bigint",
    "run": "r.id = %(run)s",
    "model": "r.model_id = %(model)s",
    "models": "r.model_id = ANY(%(models)s::bigint[])",
    "since": "r.started_at >= %(since)s",
    "until": "r.started_at < %(until)s",
}


class History:
    """The runs and models of one database.

    Every method raises DatabaseError when the database fails. The connection does nothing else until a
    generator has ended or is closed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def runs(
        self, wanted: PredictionFilter, *, limit: int | None, before: int | None = None
    ) -> Generator[RunRecord, None, None]:
        """Runs, newest first, from below the number `before`: of a model, or begun at a time."""
        yield from self._runs(values_of(self._connection, wanted, before), limit)

    def last_run(self) -> int:
        """The number of the newest run.

        Raises:
            NotFound: there was none.
        """
        with translated(), catalog_only(self._connection):
            if (found := newest_run(self._connection)) is None:
                raise NotFound("there was no run yet")
        return found

    def run(self, run_id: int) -> RunDetail:
        """A run with what came of it.

        Raises:
            NotFound: there is none of this number.
        """
        record = next(iter([*self._runs({"id": bigint(run_id)}, 1)]), None)
        if record is None:
            raise NotFound(f"there is no run {run_id}")
        with translated(), catalog_only(self._connection):
            labels, reasons = [
                {str(what): int(count) for what, count in self._rows(statement, (run_id,))}
                for statement in (LABELS_OF_RUN, REASONS_OF_RUN)
            ]
            facts = self._rows(ENVIRONMENT, (record.environment_id,))
            parts = [PartRecord(*row) for row in self._rows(PARTS_OF_RUN, (run_id,))]
        known = facts[0][0] if facts else None
        return RunDetail(record, labels, reasons, known if isinstance(known, dict) else None, parts)

    def models(self) -> list[ModelRecord]:
        """Every model that was used, the last one first."""
        return self._models({})

    def model_names(self) -> list[tuple[str, str, str]]:
        """The label, name and fingerprint of every model, the last one used first; nothing is counted."""
        with translated(), catalog_only(self._connection):
            return self._connection.execute(named(self._connection, NAMES, model=MODEL)).fetchall()

    def model(self, name: str) -> list[ModelDetail]:
        """The models of a name, of `name@digits`, or with these first digits of the fingerprint.

        Raises:
            NotFound: there is none.
        """
        with translated(), catalog_only(self._connection):
            ids = model_ids(self._connection, name)
        if not ids:
            raise NotFound(f"there is no model {name}", hint="mlpredict models lists those that were used")
        details = []
        with translated(), catalog_only(self._connection):
            for record in self._models({"ids": ids}):
                [(labels, description)] = self._rows(MODEL_DETAIL, (record.fingerprint,))
                details.append(ModelDetail(record, labels, description))
        return details

    def outputs(self, wanted: PredictionFilter) -> list[ModelOutput]:
        """How the outputs of models are read: of those that a filter names, or of all."""
        values = values_of(self._connection, wanted)
        model = values.get("model")
        ids = values.get("models") if model is None else [model]
        with translated(), catalog_only(self._connection):
            rows = self._connection.execute(
                named(self._connection, OUTPUTS, model=MODEL), {"ids": ids}
            ).fetchall()
        return [_model_output(*row) for row in rows]

    def _runs(self, values: Values, limit: int | None) -> Iterator[RunRecord]:
        query = named(
            self._connection,
            RUNS,
            model=MODEL,
            where=all_of(OF_RUNS, values),
            limit=sql.SQL("ALL") if limit is None else sql.Literal(bigint(limit)),
        )
        with translated(), catalog_only(self._connection):
            rows = self._dicts(query, values)
            judged = judged_of_runs(self._connection, {row["run_id"]: row["predictions"] for row in rows})
        for row in rows:
            yield RunRecord(**row, **judged.get(row["run_id"], Judged())._asdict())

    def _models(self, values: Values) -> list[ModelRecord]:
        where = SQL("m.id = ANY(%(ids)s::bigint[])") if values else SQL("true")
        with translated(), catalog_only(self._connection):
            rows = self._dicts(named(self._connection, MODELS, where=where, model=MODEL), values)
            judged = judged_of_models(self._connection, {row["id"]: row["predictions"] for row in rows})
        return [
            ModelRecord(**row, **judged.get(model_id, Judged())._asdict())
            for model_id, row in ((row.pop("id"), row) for row in rows)
        ]

    def _dicts(self, query: Composed, values: Values) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()

    def _rows(self, statement: SQL, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._connection.execute(named(self._connection, statement), values).fetchall()


def _model_output(model: str, task: object, labels: object, description: object) -> ModelOutput:
    described = description if isinstance(description, dict) else {}
    return ModelOutput(
        model,
        next((one for one in Task if one == task), None),
        next((one for one in Activation if one == described.get("activation")), None),
        [str(label) for label in labels] if isinstance(labels, list) else None,
    )
