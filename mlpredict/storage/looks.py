"""What stored pictures look like: which are near duplicates, and which nobody has looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import LiteralString, NamedTuple

from psycopg.sql import SQL, Composable, Composed, Literal

from mlpredict.domain.predictions import PredictionFilter
from mlpredict.domain.similar import Look
from mlpredict.errors import NotFound
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import joined, values_of, where
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.transactions import reading, writing
from mlpredict.storage.values import bigint

DISTANCE: LiteralString = "bit_count((i.difference_hash # %(look)s::bigint)::bit(64))"

OF_MODELS: LiteralString = "starts_with(coalesce(i.kept, ''), 'model-input/')"
"""What a model saw of a picture is another picture."""

LOOK = SQL("""
    SELECT i.id, i.sha256, coalesce(
               i.difference_hash,
               (SELECT o.difference_hash FROM {s}.inputs AS o
                WHERE o.sha256 = i.sha256 AND o.difference_hash IS NOT NULL LIMIT 1)
           )
    FROM {s}.predictions AS p JOIN {s}.inputs AS i ON i.id = p.inputid
    WHERE p.id = %s
""")

INPUTS = SQL("""
    SELECT count(*) FILTER (WHERE i.difference_hash IS NULL AND NOT {of_model}),
           array_agg(i.id) FILTER (WHERE {far} <= %(distance)s)
    FROM {s}.inputs AS i
""")
"""One pass over all of them: there is no index for it, and half a million take a quarter of a second."""

NEAR = SQL("""
    WITH near AS MATERIALIZED (
        SELECT i.id, coalesce(i.sha256, int8send(i.id)) AS image, {far} AS distance
        FROM {s}.inputs AS i
        WHERE i.id = ANY(%(inputs)s::bigint[])
          AND i.id IS DISTINCT FROM %(own)s::bigint AND i.sha256 IS DISTINCT FROM %(own_sha256)s::bytea
    ), newest AS (
        SELECT DISTINCT ON (near.image) p.id, near.distance
        FROM near JOIN {s}.predictions AS p ON p.inputid = near.id {joined}
        WHERE {where}
        ORDER BY near.image, p.id DESC
    )
    SELECT id, distance, count(*) OVER () FROM newest ORDER BY distance, id DESC LIMIT {limit}
""")
"""Each picture once, by the newest prediction of it."""

WITHOUT_HASH = SQL("""
    SELECT i.id, (
        SELECT max(p.id) FROM {s}.predictions AS p
        WHERE p.inputid = i.id AND coalesce(p.filename, '') !~ '#([2-9]|[1-9][0-9]+)$'
    )
    FROM {s}.inputs AS i
    WHERE i.id > %s::bigint AND i.difference_hash IS NULL AND NOT {of_model}
    ORDER BY i.id LIMIT %s
""")
"""With a prediction of each, as images are decoded by that; not of another page than the first."""

COUNT_WITHOUT = SQL("""
    SELECT count(*) FROM {s}.inputs AS i WHERE i.difference_hash IS NULL AND NOT {of_model}
""")

SET_HASHES = SQL("""
    UPDATE {s}.inputs SET difference_hash = found.look
    FROM unnest(%s::bigint[], %s::bigint[]) AS found (id, look)
    WHERE inputs.id OPERATOR(pg_catalog.=) found.id AND inputs.difference_hash IS NULL
""")


class Near(NamedTuple):
    """How far pictures are from one, by the newest prediction of each, the nearest first."""

    distances: Mapping[int, int]
    total: int
    """How many there are, where they were limited."""
    without_hash: int
    """Stored images that nobody has looked at."""


class Unseen(NamedTuple):
    """An input that nobody has looked at, and a prediction of it."""

    input_id: int
    prediction_id: int | None


class Looks:
    """Finds near duplicates; every method raises DatabaseError when the database fails."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look_of(self, prediction_id: int) -> Look:
        """What the picture of a prediction looks like, as far as it is known.

        Raises:
            NotFound: there is no such prediction.
        """
        with translated(), catalog_only(self._connection):
            row = self._connection.execute(self._named(LOOK), (bigint(prediction_id),)).fetchone()
        if row is None:
            raise NotFound(f"there is no prediction {prediction_id}")
        input_id, sha256, look = row
        return Look(look, sha256, input_id, prediction_id)

    def near(self, look: Look, distance: int, limit: int | None, wanted: PredictionFilter) -> Near:
        """The pictures that are not farther from a look; a stored picture is none of its own."""
        assert look.difference_hash is not None
        connection = self._connection
        values = values_of(connection, wanted)
        sought = {
            "look": look.difference_hash,
            "distance": distance,
            "own": look.input_id,
            "own_sha256": None if look.input_id is None else look.sha256,
        }
        with translated(), reading(connection, isolation="repeatable read"), catalog_only(connection):
            row = connection.execute(self._named(INPUTS), sought).fetchone()
            assert row is not None
            without_hash, inputs = row
            statement = self._named(
                NEAR,
                joined=joined(connection, values),
                where=where(values),
                limit=SQL("ALL") if limit is None else Literal(bigint(limit)),
            )
            rows = connection.execute(statement, {**values, **sought, "inputs": inputs or []}).fetchall()
        return Near({one: far for one, far, _ in rows}, rows[0][2] if rows else 0, without_hash)

    def count_without_hash(self) -> int:
        """How many stored images nobody has looked at."""
        with translated(), catalog_only(self._connection):
            row = self._connection.execute(self._named(COUNT_WITHOUT)).fetchone()
        return int(row[0]) if row else 0

    def without_hash(self, after: int, most: int) -> list[Unseen]:
        """So many of these images at most, by their ids from behind one."""
        with translated(), catalog_only(self._connection):
            rows = self._connection.execute(self._named(WITHOUT_HASH), (after, most))
            return [Unseen(*row) for row in rows]

    def set_hashes(self, hashes: Sequence[tuple[int, int]]) -> None:
        """Store the looks of inputs, where nobody has done it meanwhile."""
        if not hashes:
            return
        columns = [list(column) for column in zip(*hashes, strict=True)]
        with translated(), writing(self._connection):
            self._connection.execute(self._named(SET_HASHES), columns)

    def _named(self, statement: SQL, **parts: Composable) -> Composed:
        return named(self._connection, statement, far=SQL(DISTANCE), of_model=SQL(OF_MODELS), **parts)
