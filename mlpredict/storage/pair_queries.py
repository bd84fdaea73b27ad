"""The counts behind a comparison: what two models, or two runs, said of the same images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.sql import SQL, Composed, Literal

from mlpredict.domain import PredictionFilter
from mlpredict.errors import NotFound
from mlpredict.storage import truth
from mlpredict.storage.connection import Connection
from mlpredict.storage.filters import Values, joined, model_ids, where
from mlpredict.storage.lookalikes import Picture, pictures
from mlpredict.storage.names import named
from mlpredict.storage.report_queries import Queries, queries
from mlpredict.storage.values import bigint

PAGE: LiteralString = """
    CASE WHEN position('#' IN p.filename) > 0
         THEN convert_to(coalesce(substring(p.filename FROM '#[0-9]+$'), ''), 'UTF8') ELSE '' END
"""
"""The page of a file, as the name of a prediction has it, and nothing where it has none."""

IMAGE: LiteralString = f"coalesce(own.sha256, int8send(own.id)) || {PAGE}"
"""What an image is known by: its file and the page of it, else the input of the 2020 program."""

LAST_OF_EACH = SQL("""
    SELECT max(p.id) AS id, {image} AS image
    FROM {s}.predictions AS p JOIN {s}.inputs AS own ON own.id = p.inputid {maybe}
    WHERE {where} AND {side}
    GROUP BY 2
""")
"""The last prediction of each image."""

PAIRED: LiteralString = """
    (
        SELECT a.id AS first, b.id AS second
        FROM ({first}) AS a FULL JOIN ({second}) AS b ON b.image = a.image
        OFFSET 0
    ) AS pair
    JOIN {s}.predictions AS p ON p.id = pair.first
    JOIN {s}.predictions AS q ON q.id = pair.second
    {truth}
"""
"""A full join is made by hashing or sorting alone, and nobody makes another one of what has an offset. Where
many predictions have just been stored PostgreSQL takes them for few, and tried each with each: 42 s for
10,000."""

PAIRS: LiteralString = f"FROM {PAIRED}"

AGREE: LiteralString = """
    CASE WHEN p.labels IS NULL AND q.labels IS NULL
         THEN CASE WHEN coalesce(p.label, q.label) IS NOT NULL THEN p.label IS NOT DISTINCT FROM q.label END
         ELSE coalesce(p.labels, ARRAY[p.label]) @> coalesce(q.labels, ARRAY[q.label])
              AND coalesce(p.labels, ARRAY[p.label]) <@ coalesce(q.labels, ARRAY[q.label]) END
"""
"""Null of numbers, which are hardly ever the same."""

ERROR: LiteralString = f"abs(p.value::float8 - {truth.TRUE_VALUE})"
OTHER_ERROR: LiteralString = f"abs(q.value::float8 - {truth.TRUE_VALUE})"

COUNTS = SQL(f"""
    SELECT CASE WHEN ({{right}}) IS NOT NULL THEN {truth.TRUE_LABEL} END, ({{right}}), ({{right_too}}),
           {AGREE}, count(*), count({ERROR} + {OTHER_ERROR}),
           sum({ERROR}) FILTER (WHERE q.value IS NOT NULL),
           sum({OTHER_ERROR}) FILTER (WHERE p.value IS NOT NULL),
           count(*) FILTER (WHERE {ERROR} < {OTHER_ERROR}), count(*) FILTER (WHERE {ERROR} > {OTHER_ERROR})
    {PAIRS}
    GROUP BY 1, 2, 3, 4
""")

FLIPS = SQL(f"""
    SELECT p.id, q.id, p.inputid, coalesce(p.filename, q.filename), {truth.TRUE_LABEL}, ({{right}}),
           p.label, p.score, q.label, q.score
    {PAIRS}
    WHERE {{flipped}}
    ORDER BY greatest(p.score, q.score) DESC NULLS LAST, p.id
    LIMIT %(most)s
""")

FLIPPED = SQL("({right}) <> ({right_too})")
DISAGREED = SQL(f"NOT ({AGREE})")

RUN = SQL("SELECT FROM {s}.runs WHERE id = %s::bigint")


@dataclass(frozen=True, slots=True)
class PairQueries:
    """Counts of the images that two sides have both predicted, all of one moment."""

    queries: Queries
    parts: dict[str, Composed]

    def counts(self) -> list[tuple[Any, ...]]:
        """Truth, whether each side is right, whether they agree, how many images, and errors of numbers."""
        return self._rows(COUNTS)

    def flips(self, most: int, *, labelled: bool) -> list[tuple[Any, ...]]:
        """Images that one side has right and the other wrong, or, without labels, where they disagree."""
        rights = {"right": SQL(truth.is_right("p")), "right_too": SQL(truth.is_right("q"))}
        flipped = FLIPPED.format(**rights) if labelled else DISAGREED
        return self._rows(FLIPS, {"most": most}, flipped=flipped)

    def lookalikes(self) -> list[Picture]:
        """Pictures of one look of which some are labelled otherwise than others."""
        if not self.queries.has_labels:
            return []
        source = self._composed(SQL(PAIRED))
        return pictures(self.queries, source, truth.TRUE_LABEL, where=SQL("true"))

    def _rows(self, statement: SQL, values: Values | None = None, **parts: Any) -> list[tuple[Any, ...]]:
        query = self._composed(statement, **parts)
        return self.queries.connection.execute(query, {**self.queries.values, **(values or {})}).fetchall()

    def _composed(self, statement: SQL, **parts: Any) -> Composed:
        return named(
            self.queries.connection,
            statement,
            right=SQL(truth.is_right("p")),
            right_too=SQL(truth.is_right("q")),
            truth=self.queries.truth,
            **self.parts,
            **parts,
        )


@contextmanager
def pairs(
    connection: Connection, first: str, second: str, wanted: PredictionFilter, *, only_first: bool = False
) -> Iterator[PairQueries]:
    """What counts the images of two sides; each is a model, or a run by its number.

    With `only_first` the filter is one of what the first side has predicted.

    Raises:
        NotFound: there is no such model or run.
    """
    sides = {"first": _side(connection, first), "second": _side(connection, second)}
    with queries(connection, wanted) as counting:
        values = {"first": counting.values, "second": {} if only_first else counting.values}
        parts = {
            name: named(
                connection,
                LAST_OF_EACH,
                image=SQL(IMAGE),
                maybe=joined(connection, values[name]),
                where=where(values[name]),
                side=side,
            )
            for name, side in sides.items()
        }
        yield PairQueries(counting, parts)


def _side(connection: Connection, called: str) -> Composed:
    if called.isascii() and called.isdecimal():
        run_id = bigint(int(called))
        if connection.execute(named(connection, RUN), (run_id,)).fetchone() is not None:
            return SQL("p.run_id = {}").format(Literal(run_id))
    ids = model_ids(connection, called)
    if not ids:
        raise NotFound(f"there is no model or run {called}", hint="mlpredict list --columns model,run_id")
    return SQL("p.model_id = ANY({}::bigint[])").format(Literal(ids))
