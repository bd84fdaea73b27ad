"""Stored predictions, in order, as fast as PostgreSQL hands them out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from psycopg import capabilities, sql
from psycopg.rows import tuple_row
from psycopg.sql import SQL
from psycopg.types.string import TextLoader

from mlpredict.domain import PredictionFilter
from mlpredict.storage.columns import READ
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.reading import Row
from mlpredict.storage.sorting import NEWEST_FIRST, Sorting
from mlpredict.storage.values import bigint, glob_to_regex, real, storable

Values = Mapping[str, Any]

BLOCK_ROWS = 300
"""What fits into a socket's buffer: PostgreSQL goes on while a block is printed. It waits with 1,000, which
take a quarter longer."""

IN_ORDER = frozenset({"before", "label", "one_of_several", "model", "run"})
"""Conditions with an index that has the rows in the order of their ids."""

MODEL_IDS = SQL("""
    SELECT id FROM {s}.models
    WHERE name = %(model)s
       OR name || '@' || left(fingerprint, 8) = %(model)s
       OR starts_with(fingerprint, lower(%(model)s))
""")

SEVERAL_LABELS = SQL("""
    SELECT FROM {s}.models WHERE task = 'multi-label' OR description ->> 'activation' = 'sigmoid' LIMIT 1
""")
"""A model that was recorded before it was known to have several labels has the activation of those that do.
"""

PREDICTIONS = SQL("""
    SELECT {fields}
    FROM {s}.predictions AS p
    LEFT JOIN (
        SELECT id, to_json(name || '@' || left(fingerprint, 8)) AS label FROM {s}.models
        OFFSET 0  -- so that it is made once a model, and not once a prediction
    ) AS m ON m.id = p.model_id
    WHERE {where}
    ORDER BY {order}
    LIMIT {limit}
""")

COUNT = SQL("SELECT count(*) FROM {s}.predictions AS p WHERE {where}")

AS_TEXT = ("int4", "int8", "float4", "json")
"""The types of what is selected, which stay as PostgreSQL writes them."""

WITHOUT_SORTING = SQL("SET LOCAL enable_sort = off")

CONDITIONS = {
    "id": SQL("p.id = %(id)s"),
    "ids": SQL("p.id = ANY(%(ids)s::bigint[])"),
    "before": SQL("p.id < %(before)s::bigint"),
    "label": SQL("p.label = %(label)s"),
    "labels": SQL("p.label = ANY(%(labels)s::text[])"),
    "one_of_several": SQL("(p.label = %(one_of_several)s OR p.labels @> ARRAY[%(one_of_several)s]::text[])"),
    "some_of_several": SQL(
        "(p.label = ANY(%(some_of_several)s::text[]) OR p.labels && %(some_of_several)s::text[])"
    ),
    "model": SQL("p.model_id = %(model)s"),
    "models": SQL("p.model_id = ANY(%(models)s::bigint[])"),
    "run": SQL("p.run_id = %(run)s"),
    "min_score": SQL("p.score >= %(min_score)s::real"),
    "max_score": SQL("p.score <= %(max_score)s::real"),
    "since": SQL("p.created_at >= %(since)s"),
    "until": SQL("p.created_at < %(until)s"),
    "filename": SQL("p.filename ~ %(filename)s"),
    "input": SQL("p.inputid = %(input)s"),
}
"""One label or model is compared with `=`: an index on it and the id then has the rows in order."""


def prediction_rows(
    connection: Connection, values: Values, limit: int | None = None, by: Sorting = NEWEST_FIRST
) -> Generator[Row, None, None]:
    """The predictions that meet the conditions that `values` are for, sorted, the newest first.

    They come while PostgreSQL reads them, out of one snapshot, and are never all in memory. Closed
    early, it cancels the query.
    """
    conditions = [*(CONDITIONS[name] for name in values), *by.conditions] or [SQL("true")]
    parts = dict[str, sql.Composable](
        fields=SQL(", ").join(map(SQL, READ)),
        where=sql.SQL(" AND ").join(conditions),
        order=by.order,
        limit=sql.SQL("ALL") if limit is None else sql.Literal(bigint(limit)),
    )
    # Older client libraries give one row at a time.
    at_once = BLOCK_ROWS if capabilities.has_stream_chunked() else 1
    with (
        translated(),
        catalog_only(connection),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        if by is NEWEST_FIRST:
            _avoid_sorting(connection, values, limit)
        for name in AS_TEXT:
            cursor.adapters.register_loader(name, TextLoader)
        yield from cursor.stream(
            named(connection, PREDICTIONS, **parts), {**values, **by.values}, size=at_once
        )


def count_predictions(connection: Connection, values: Values) -> int:
    """How many predictions meet the conditions that `values` are for."""
    conditions = [CONDITIONS[name] for name in values] or [SQL("true")]
    query = named(connection, COUNT, where=SQL(" AND ").join(conditions))
    with translated(), catalog_only(connection):
        row = connection.execute(query, values).fetchone()
    return int(row[0]) if row else 0


def _avoid_sorting(connection: Connection, values: Values, limit: int | None) -> None:
    """Have all the predictions come in the order of an index, where there is one for the conditions.

    A planner without statistics would sort a million rows on disk before it gave the first.
    """
    if limit is None and values.keys() <= IN_ORDER:
        connection.execute(WITHOUT_SORTING)


def in_blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows, as many at once as make no delay that anybody would notice."""
    iterator = iter(rows)
    while block := list(islice(iterator, BLOCK_ROWS)):
        yield block


def values_of(connection: Connection, wanted: PredictionFilter, before: int | None) -> Values:
    """What the conditions of a filter compare with, by their names; none for what it leaves open."""
    values = {
        "before": None if before is None else bigint(before),
        "run": None if wanted.run_id is None else bigint(wanted.run_id),
        "min_score": None if wanted.min_score is None else real(wanted.min_score),
        "max_score": None if wanted.max_score is None else real(wanted.max_score),
        "since": wanted.since,
        "until": wanted.until,
        "filename": None if wanted.filename is None else glob_to_regex(storable(wanted.filename)),
        "input": None if wanted.input_id is None else bigint(wanted.input_id),
        **_labels(connection, [storable(label) for label in wanted.labels]),
        **({} if wanted.model is None else _models(connection, wanted.model)),
    }
    return {name: value for name, value in values.items() if value is not None}


def _labels(connection: Connection, wanted: Sequence[str]) -> Values:
    """One label or more, compared with all that a prediction may have only where there are such models."""
    if not wanted:
        return {}
    with translated(), catalog_only(connection):
        several = connection.execute(named(connection, SEVERAL_LABELS)).fetchone() is not None
    if len(wanted) == 1:
        return {"one_of_several" if several else "label": wanted[0]}
    return {"some_of_several" if several else "labels": list(wanted)}


def model_ids(connection: Connection, wanted: str) -> list[int]:
    """The models of a name, of `name@digits`, or with these first digits of the fingerprint."""
    rows = connection.execute(named(connection, MODEL_IDS), {"model": storable(wanted)})
    return [model_id for (model_id,) in rows]


def _models(connection: Connection, wanted: str) -> Values:
    with translated(), catalog_only(connection):
        ids = model_ids(connection, wanted)
    # A model that nobody knows has no predictions, rather than all of them.
    return {"model": ids[0]} if len(ids) == 1 else {"models": ids}
