"""How many predictions of runs, or of models, are labelled, and how many of those are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from psycopg.sql import SQL

from mlpredict.storage import truth
from mlpredict.storage.connection import Connection
from mlpredict.storage.joining import joined_as_suits
from mlpredict.storage.names import named

JUDGED = SQL("""
    SELECT p.{of}, count(*) FILTER (WHERE {labelled}), count(*) FILTER (WHERE {right}), count({right})
    FROM {s}.predictions AS p {truth}
    WHERE p.{of} = ANY(%s::bigint[])
    GROUP BY p.{of}
""")
"""All at once: of one run or model at a time, the truth is looked up for one prediction after the other."""


class Judged(NamedTuple):
    """Predictions that are labelled, and those of them that are right."""

    labelled: int = 0
    right: int = 0
    accuracy: float | None = None
    """The share of the right ones among those that can be right or wrong."""


def judged_of_runs(connection: Connection, predictions: Mapping[int, int]) -> dict[int, Judged]:
    """What is known of the predictions of runs, by their numbers, which have so many each."""
    return _judged(connection, SQL("run_id"), predictions)


def judged_of_models(connection: Connection, predictions: Mapping[int, int]) -> dict[int, Judged]:
    """What is known of the predictions of models, by their ids, which have so many each."""
    return _judged(connection, SQL("model_id"), predictions)


def _judged(connection: Connection, of: SQL, predictions: Mapping[int, int]) -> dict[int, Judged]:
    if connection.execute(named(connection, truth.ANY_LABEL)).fetchone() is None:
        return {}
    query = named(
        connection,
        JUDGED,
        of=of,
        labelled=SQL(truth.IS_LABELLED),
        right=SQL(truth.IS_RIGHT),
        truth=named(connection, truth.JOIN),
    )
    with joined_as_suits(connection, sum(predictions.values())):
        rows = connection.execute(query, (list(predictions),)).fetchall()
    return {
        one: Judged(labelled, right, right / certain if certain else None)
        for one, labelled, right, certain in rows
    }
