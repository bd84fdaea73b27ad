"""What is stored of predictions that are to be made once more, and of what they were made with."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composable, Literal
from psycopg.types.string import TextLoader

from mlpredict.domain.environments import Facts
from mlpredict.domain.predictions import PredictionFilter
from mlpredict.domain.verification import Made, RecordedModel, StoredAnswer
from mlpredict.errors import NotFound
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import Values, joined, values_of, where
from mlpredict.storage.listing import rows_at_once
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import bigint, decode_filename

CHOSEN = SQL("""
    SELECT p.id, p.model_id, r.engine, coalesce(made.environment_id, r.environment_id)
    FROM (
        SELECT p.id, p.model_id, p.run_id, p.position FROM {s}.predictions AS p {truth} WHERE {where} {sample}
    ) AS p
    LEFT JOIN {s}.runs AS r ON r.id = p.run_id
    LEFT JOIN LATERAL (
        SELECT environment_id FROM {s}.run_parts AS l
        WHERE l.run_id = p.run_id AND l.last >= p.position ORDER BY l.last LIMIT 1
    ) AS made ON true
    ORDER BY p.id
""")
"""Of a run that several machines did, the ledger knows what each part of it was made with."""

SAMPLE = SQL("ORDER BY random() LIMIT {size}")

ANSWERS = SQL("""
    SELECT p.id, p.inputid, p.filename, p.filename_bytes, coalesce(p.predictions, 'null'), p.likely_class,
           p.label, p.score, p.labels, p.value, p.unit, p.outputs, p.map
    FROM {s}.predictions AS p
    WHERE p.id = ANY(%s::bigint[])
    ORDER BY p.id
""")

MODEL = SQL("""
    SELECT m.name, m.fingerprint, m.format, m.task, m.labels, m.description, m.path,
           ARRAY(
               SELECT r.model_path FROM {s}.runs AS r
               WHERE r.model_id = m.id AND r.model_path IS NOT NULL
               GROUP BY r.model_path ORDER BY max(r.id) DESC LIMIT 20
           ),
           ARRAY(
               SELECT DISTINCT e.facts ->> 'model_sha256'
               FROM {s}.runs AS r JOIN {s}.environments AS e ON e.id = r.environment_id
               WHERE r.model_id = m.id
           )
    FROM {s}.models AS m
    WHERE m.id = %s
""")

ENVIRONMENT = SQL("SELECT facts FROM {s}.environments WHERE id = %s")


class Verifying:
    """Reads what `verify` compares; every method raises DatabaseError when the database fails."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def chosen(self, wanted: PredictionFilter, sample: int | None = None) -> dict[Made, array[int]]:
        """The predictions that a filter finds, or so many of them at random, by what they were made with."""
        return self._chosen(values_of(self._connection, wanted), sample)

    def named(self, ids: Sequence[int], sample: int | None = None) -> dict[Made, array[int]]:
        """The predictions of these ids, without those that there are not."""
        return self._chosen({"ids": [bigint(one) for one in ids]}, sample)

    def _chosen(self, values: Values, sample: int | None) -> dict[Made, array[int]]:
        size: Composable = SQL("") if sample is None else SAMPLE.format(size=Literal(bigint(sample)))
        statement = named(
            self._connection,
            CHOSEN,
            truth=joined(self._connection, values),
            where=where(values),
            sample=size,
        )
        groups: dict[Made, array[int]] = {}
        with translated(), catalog_only(self._connection), self._connection.cursor() as cursor:
            for one, *made in cursor.stream(statement, values, size=rows_at_once()):
                groups.setdefault(Made(*made), array("q")).append(one)
        return groups

    def answers(self, ids: Sequence[int]) -> Iterator[StoredAnswer]:
        """What is stored of predictions; those that are gone meanwhile are left out."""
        with (
            translated(),
            catalog_only(self._connection),
            self._connection.cursor(row_factory=tuple_row) as cursor,
        ):
            # As text it is compared, and parsed only where it differs.
            cursor.adapters.register_loader("json", TextLoader)
            rows = cursor.execute(named(self._connection, ANSWERS), (list(ids),)).fetchall()
        for one, input_id, name, raw, *rest in rows:
            yield StoredAnswer(one, input_id, decode_filename(name, raw), *rest)

    def model(self, model_id: int) -> RecordedModel:
        """A model with all that was recorded of it.

        Raises:
            NotFound: it is gone meanwhile.
        """
        with translated(), catalog_only(self._connection):
            row = self._connection.execute(named(self._connection, MODEL), (model_id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no model {model_id} any more")
        name, fingerprint, format_, task, labels, description, path, paths, hashes = row
        return RecordedModel(
            name,
            fingerprint,
            format_,
            task,
            tuple(map(str, labels)) if isinstance(labels, list) else None,
            description if isinstance(description, dict) else {},
            tuple(dict.fromkeys([*paths, path])),
            frozenset(filter(None, hashes)),
        )

    def environment(self, environment_id: int) -> Facts | None:
        """The facts of an environment; None where there are none."""
        with translated(), catalog_only(self._connection):
            row = self._connection.execute(named(self._connection, ENVIRONMENT), (environment_id,)).fetchone()
        facts: Mapping[str, Any] | None = row[0] if row and isinstance(row[0], dict) else None
        return facts
