"""Which stored images another model is to predict, and which models have predicted them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Literal

from mlpredict.domain import LAST_RUN, PredictionFilter, model_label
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import joined, newest_run, values_of, where
from mlpredict.storage.listing import rows_at_once
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.pair_queries import IMAGE, PAGE

KNOWN = SQL("SELECT id FROM {s}.models WHERE fingerprint = %s")

CHOSEN = SQL("""
    SELECT id, is_done
    FROM (
        SELECT wanted.id, done.image IS NOT NULL AS is_done
        FROM (
            SELECT max(p.id) AS id, {image} AS image
            FROM {s}.predictions AS p JOIN {s}.inputs AS own ON own.id = p.inputid {maybe}
            WHERE {where} AND p.model_id IS DISTINCT FROM {model}
            GROUP BY 2
        ) AS wanted
        FULL JOIN (
            SELECT DISTINCT {image} AS image
            FROM {s}.predictions AS p JOIN {s}.inputs AS own ON own.id = p.inputid
            WHERE p.model_id = {model}
        ) AS done ON done.image = wanted.image
        OFFSET 0
    ) AS found
    WHERE id IS NOT NULL
    ORDER BY id
""")
"""Each image once, and whether the model has predicted it; images are told apart, and joined, as a comparison
does it."""

PREDICTED = SQL("""
    SELECT p.id
    FROM unnest(%(ids)s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT p.id, p.inputid, {page} AS page FROM {s}.predictions AS p WHERE p.id = wanted.id OFFSET 0
    ) AS p
    CROSS JOIN LATERAL (SELECT sha256 FROM {s}.inputs WHERE id = p.inputid OFFSET 0) AS own
    WHERE EXISTS (
        SELECT FROM (
            SELECT p.inputid AS id
            UNION ALL SELECT i.id FROM {s}.inputs AS i WHERE i.sha256 = own.sha256 AND i.id <> p.inputid
        ) AS alike
        CROSS JOIN LATERAL (
            SELECT p.model_id, {page} AS page FROM {s}.predictions AS p WHERE p.inputid = alike.id OFFSET 0
        ) AS q
        WHERE q.page = p.page AND q.model_id = (SELECT id FROM {s}.models WHERE fingerprint = %(fingerprint)s)
    )
""")
"""By indexes alone, whatever PostgreSQL knows of the tables, which is what `OFFSET 0` is for."""

MODELS = SQL("""
    SELECT m.name, m.fingerprint
    FROM (
        SELECT p.model_id AS id, max(p.id) AS last
        FROM {s}.predictions AS p {maybe}
        WHERE {where} AND p.model_id IS DISTINCT FROM {model}
        GROUP BY 1
    ) AS used
    JOIN {s}.models AS m ON m.id = used.id
    ORDER BY used.last DESC
""")


@dataclass(frozen=True, slots=True)
class ReplayedModel:
    """A model that has predicted images which are replayed."""

    name: str
    fingerprint: str

    def __str__(self) -> str:
        return model_label(self.name, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Images that a model is to predict, by the ids of predictions of them, the oldest first."""

    ids: Sequence[int]
    done: int
    """How many others of those that are wanted it has predicted already."""
    models: Sequence[ReplayedModel]
    """Whose predictions are wanted: those of others, the one that predicted last first."""
    wanted: PredictionFilter
    """The filter that found them; it has a number for the last run, which is another one afterwards."""


def replayed(connection: Connection, wanted: PredictionFilter, fingerprint: str) -> Replayed:
    """The images of the predictions that a filter finds, each once, for the model of a fingerprint."""
    ids, done = array("q"), 0
    if wanted.run_id == LAST_RUN:
        wanted = wanted._replace(run_id=newest_run(connection) or 0)
    values = values_of(connection, wanted)
    with translated(), catalog_only(connection), connection.cursor() as cursor:
        row = connection.execute(named(connection, KNOWN), (fingerprint,)).fetchone()
        parts = {
            "maybe": joined(connection, values),
            "where": where(values),
            "model": Literal(0 if row is None else row[0]),
        }
        models = connection.execute(named(connection, MODELS, **parts), values).fetchall()
        statement = named(connection, CHOSEN, image=SQL(IMAGE), **parts)
        for one, is_done in cursor.stream(statement, values, size=rows_at_once()):
            if is_done:
                done += 1
            else:
                ids.append(one)
    return Replayed(ids, done, [ReplayedModel(*model) for model in models], wanted)


def predicted_of(connection: Connection, ids: Sequence[int], fingerprint: str) -> set[int]:
    """Those of predictions by their ids whose image the model of a fingerprint has predicted, too."""
    statement = named(connection, PREDICTED, page=SQL(PAGE))
    rows = connection.execute(statement, {"ids": list(ids), "fingerprint": fingerprint})
    return {one for (one,) in rows}
