"""Stored predictions, newest first, as fast as PostgreSQL hands them out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from psycopg import capabilities, sql
from psycopg.rows import tuple_row

from mlpredict.domain import PredictionFilter
from mlpredict.storage import statements
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.numbers import bigint, real
from mlpredict.storage.prediction_pieces import Pieces
from mlpredict.storage.text import glob_to_regex, storable

Values = Mapping[str, Any]

# What fits into a socket's buffer: PostgreSQL goes on while a block is printed. It waits with 1,000, which
# take a quarter longer.
BLOCK_ROWS = 300
# Conditions with an index that has the rows in the order of their ids.
IN_ORDER = frozenset({"before", "label", "model", "run"})


def prediction_rows(
    connection: Connection, values: Values, limit: int | None = None
) -> Generator[Pieces, None, None]:
    """The predictions that meet the conditions that `values` are for.

    They come while PostgreSQL reads them, out of one snapshot, and are never all in memory. Closed
    early, it cancels the query.
    """
    conditions = [statements.CONDITIONS[name] for name in values] or [sql.SQL("true")]
    query = statements.PREDICTIONS.format(
        where=sql.SQL(" AND ").join(conditions),
        limit=sql.SQL("ALL") if limit is None else sql.Literal(bigint(limit)),
    )
    # Older client libraries give one row at a time.
    at_once = BLOCK_ROWS if capabilities.has_stream_chunked() else 1
    with (
        translated(),
        _without_sorting(connection, values, limit),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        yield from cursor.stream(query, values, size=at_once)


@contextmanager
def _without_sorting(connection: Connection, values: Values, limit: int | None) -> Iterator[None]:
    """Have all the predictions come in the order of an index, where there is one for the conditions.

    A planner without statistics would sort a million rows on disk before it gave the first.
    """
    if limit is not None or not values.keys() <= IN_ORDER:
        yield
        return
    with connection.transaction():
        connection.execute(statements.WITHOUT_SORTING)
        yield


def in_blocks(rows: Iterable[Pieces]) -> Iterator[list[Pieces]]:
    """The rows, as many at once as make no delay that anybody would notice."""
    iterator = iter(rows)
    while block := list(islice(iterator, BLOCK_ROWS)):
        yield block


def values_of(connection: Connection, wanted: PredictionFilter, before: int | None) -> Values:
    """What the conditions of a filter compare with, by their names; none for what it leaves open."""
    one_label = len(wanted.labels) == 1
    values = {
        "before": None if before is None else bigint(before),
        "label": storable(wanted.labels[0]) if one_label else None,
        "labels": [storable(label) for label in wanted.labels] if len(wanted.labels) > 1 else None,
        "run": None if wanted.run_id is None else bigint(wanted.run_id),
        "min_score": None if wanted.min_score is None else real(wanted.min_score),
        "max_score": None if wanted.max_score is None else real(wanted.max_score),
        "since": wanted.since,
        "until": wanted.until,
        "filename": None if wanted.filename is None else glob_to_regex(storable(wanted.filename)),
        **({} if wanted.model is None else _models(connection, wanted.model)),
    }
    return {name: value for name, value in values.items() if value is not None}


def _models(connection: Connection, wanted: str) -> Values:
    with translated():
        rows = connection.execute(statements.MODEL_IDS, {"model": storable(wanted)}).fetchall()
    ids = [model_id for (model_id,) in rows]
    # A model that nobody knows has no predictions, rather than all of them.
    return {"model": ids[0]} if len(ids) == 1 else {"models": ids}
