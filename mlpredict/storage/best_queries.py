"""Counts of the predictions of which only the best classes are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from psycopg.sql import SQL, Literal

from mlpredict.storage.names import named
from mlpredict.storage.report_queries import TRUE_CLASS, Queries

ANY_SUCH_RUN = SQL("SELECT FROM {s}.environments WHERE facts ->> 'store_top' IS NOT NULL LIMIT 1")

OBJECT: LiteralString = (
    r'^\{(?:"[0-9]{1,9}": ?-?[0-9]{1,39}(?:\.[0-9]{1,60})?(?:[eE][-+]?[0-9]{1,2})?(?:, ?|(?=\})))+\}$'
)
"""The best classes as they are stored; no number is beyond float64, which would end the statement."""

BEST_ONLY = SQL("""
    SELECT count(*), min(found.classes),
           count(*) FILTER (WHERE found.above < 1), count(*) FILTER (WHERE found.above < 2),
           count(*) FILTER (WHERE found.above < 3), count(*) FILTER (WHERE found.above < 5),
           count(*) FILTER (WHERE found.above < 10)
    FROM (
        SELECT true_class.place,
               CASE WHEN p.predictions::text ~ {object}
                    THEN p.predictions END AS best
        {true_class}
        OFFSET 0
    ) AS said
    CROSS JOIN LATERAL (
        SELECT max(value::float8) AS own FROM json_each_text(said.best) WHERE key = (said.place - 1)::text
    ) AS truth
    CROSS JOIN LATERAL (
        SELECT count(*) AS classes,
               CASE WHEN truth.own IS NOT NULL
                    THEN count(*) FILTER (WHERE value::float8 > truth.own) END AS above
        FROM json_each_text(said.best)
    ) AS found
    WHERE said.place IS NOT NULL AND said.best IS NOT NULL
""")
"""A truth that is not among the stored classes is below all of them; of equal ones the first are stored."""


class BestOnly(NamedTuple):
    """How many labelled predictions there are of which only the best classes are stored."""

    predictions: int = 0
    least: int = 0
    """How many classes are stored of each at least."""
    hits: tuple[int, ...] = ()
    """Of how many the truth is among the k best, for each of `TOP_K`; true up to `least`."""


def best_only(queries: Queries, models: Sequence[int]) -> BestOnly:
    """Count them among the labelled predictions of classifying models."""
    any_such_run = named(queries.connection, ANY_SUCH_RUN)
    if not models or queries.connection.execute(any_such_run).fetchone() is None:
        return BestOnly()
    values = {**queries.values, "of_models": list(models)}
    query = queries.composed(BEST_ONLY, true_class=queries.composed(TRUE_CLASS), object=Literal(OBJECT))
    row = queries.connection.execute(query, values).fetchone()
    assert row is not None
    count, least, *hits = row
    return BestOnly(count, least or 0, tuple(hits))
