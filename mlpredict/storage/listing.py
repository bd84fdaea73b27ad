"""Stored predictions, in order, as fast as PostgreSQL hands them out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from psycopg import capabilities, sql
from psycopg.rows import tuple_row
from psycopg.sql import SQL
from psycopg.types.string import TextLoader

from mlpredict.storage import joining, truth
from mlpredict.storage.columns import READ
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.early_times import ids_of_early_time
from mlpredict.storage.filters import IN_ORDER, OF_TRUTH, Values, joined, where
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.reading import Row
from mlpredict.storage.sorting import NEWEST_FIRST, Sorting
from mlpredict.storage.values import bigint

BLOCK_ROWS = 300
"""What fits into a socket's buffer: PostgreSQL goes on while a block is printed. It waits with 1,000, which
take a quarter longer."""

WINDOWS = (2000, 32_000)
"""So many predictions are looked at for those of a certain truth, one window behind the other; then all that
are left at once."""

FEW = 100_000
"""So many predictions of a certain truth are found first, and then read."""

PREDICTIONS = SQL("""
    SELECT {fields}
    FROM {s}.predictions AS p
    LEFT JOIN (
        SELECT id, to_json(name || '@' || left(fingerprint, 8)) AS label FROM {s}.models
        OFFSET 0  -- so that it is made once a model, and not once a prediction
    ) AS m ON m.id = p.model_id
    {truth}
    WHERE {where}
    ORDER BY {order}
    LIMIT {limit}
""")

COUNT = SQL("SELECT count(*) FROM {s}.predictions AS p {truth} WHERE {where}")

IDS = SQL("SELECT p.id FROM {s}.predictions AS p {truth} WHERE {where} ORDER BY p.id DESC")

OF_CERTAIN_TRUTH = SQL("""
    SELECT p.id
    FROM (
        SELECT p.id, p.inputid, p.label, p.labels, p.score, p.created_at
        FROM {s}.predictions AS p
        WHERE {candidates}
        ORDER BY {order}
        OFFSET {start} LIMIT {size}
    ) AS p
    {truth}
    WHERE {where}
    ORDER BY {order}
    LIMIT {limit}
""")
"""Among so many candidates: else the truth of one after the other is looked up, a million times where few
are found."""

FIRST_OF_ALL = SQL("""
    SELECT p.id FROM {s}.predictions AS p {truth}
    WHERE {where}
    ORDER BY {order}
    LIMIT {limit}
""")

SOME = SQL("SELECT p.id FROM {s}.predictions AS p {truth} WHERE {where} LIMIT {limit}")

HOW_MANY = SQL("""
    SELECT count(*) FROM (SELECT FROM {s}.predictions AS p WHERE {candidates} LIMIT {most}) AS first_ones
""")

CANDIDATES = SQL("SELECT FROM {s}.predictions AS p WHERE {candidates} ORDER BY {order} OFFSET {end} LIMIT 1")

AS_TEXT = ("int4", "int8", "float4", "json")
"""The types of what is selected, which stay as PostgreSQL writes them."""

WITHOUT_SORTING = SQL("SET LOCAL enable_sort = off")


def prediction_rows(
    connection: Connection, values: Values, limit: int | None = None, by: Sorting = NEWEST_FIRST
) -> Generator[Row, None, None]:
    """The predictions that meet the conditions that `values` are for, sorted, the newest first.

    They come while PostgreSQL reads them, out of one snapshot, and are never all in memory. Closed
    early, it cancels the query.
    """
    if values.keys() & OF_TRUTH:
        ids = (
            _few_of_certain_truth(connection, values, by)
            if limit is None
            else ids_of_certain_truth(connection, values, limit, by)
        )
        if ids is not None:
            yield from prediction_rows(connection, {"ids": ids}, by=Sorting(by.order)) if ids else ()
            return
    if by is NEWEST_FIRST:
        with translated():
            early = ids_of_early_time(connection, values, limit)
        if early is not None:
            yield from prediction_rows(connection, {"ids": early}) if early else ()
            return
    parts = dict[str, sql.Composable](
        fields=SQL(", ").join(map(SQL, READ)),
        where=where(values, *by.conditions),
        order=by.order,
        limit=sql.SQL("ALL") if limit is None else sql.Literal(bigint(limit)),
    )
    with (
        translated(),
        catalog_only(connection),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        parts["truth"] = named(connection, truth.JOIN if are_labels(connection) else truth.NO_JOIN)
        if by is NEWEST_FIRST:
            _avoid_sorting(connection, values, limit)
        for name in AS_TEXT:
            cursor.adapters.register_loader(name, TextLoader)
        yield from cursor.stream(
            named(connection, PREDICTIONS, **parts), {**values, **by.values}, size=rows_at_once()
        )


def count_predictions(connection: Connection, values: Values) -> int:
    """How many predictions meet the conditions that `values` are for."""
    query = named(connection, COUNT, truth=joined(connection, values), where=where(values))
    with translated(), catalog_only(connection), joined_for(connection, values):
        row = connection.execute(query, values).fetchone()
    return int(row[0]) if row else 0


def prediction_ids(connection: Connection, values: Values) -> list[int]:
    """The ids of all predictions that meet conditions, the newest first."""
    query = named(connection, IDS, truth=joined(connection, values), where=where(values))
    with translated(), catalog_only(connection), joined_for(connection, values):
        return [one for (one,) in connection.execute(query, values)]


def are_labels(connection: Connection) -> bool:
    """Whether any image is labelled: else nobody need look for the truth of one."""
    return connection.execute(named(connection, truth.ANY_LABEL)).fetchone() is not None


def ids_of_certain_truth(connection: Connection, values: Values, limit: int, by: Sorting) -> list[int]:
    """The first predictions that meet conditions of their truth: among the first of all, else among all."""
    given = {**values, **by.values}
    parts: dict[str, sql.Composable] = {"truth": joined(connection, values), "order": by.order}
    with translated(), catalog_only(connection):
        found, is_all = _in_windows(connection, values, limit, by)
        if is_all:
            return found
        query = named(
            connection,
            FIRST_OF_ALL,
            where=where(values, *by.conditions),
            limit=sql.Literal(bigint(limit)),
            **parts,
        )
        with joining.joined_whole(connection):
            return [one for (one,) in connection.execute(query, given)]


def _few_of_certain_truth(connection: Connection, values: Values, by: Sorting) -> list[int] | None:
    """All that meet conditions of their truth; None where they are many, and better read in their order."""
    query = named(
        connection,
        SOME,
        truth=joined(connection, values),
        where=where(values, *by.conditions),
        limit=sql.Literal(FEW + 1),
    )
    given = {**values, **by.values}
    with translated(), catalog_only(connection), joined_for(connection, values):
        ids = [one for (one,) in connection.execute(query, given)]
    return ids if len(ids) <= FEW else None


@contextmanager
def joined_for(connection: Connection, values: Values) -> Iterator[None]:
    """Within a transaction, have the truth be joined as suits the predictions that its conditions leave."""
    if not values.keys() & OF_TRUTH:
        yield
        return
    plain = {name: value for name, value in values.items() if name not in OF_TRUTH}
    query = named(connection, HOW_MANY, candidates=where(plain), most=sql.Literal(joining.MANY))
    row = connection.execute(query, plain).fetchone()
    with joining.joined_as_suits(connection, 0 if row is None else row[0]):
        yield


def _in_windows(connection: Connection, values: Values, limit: int, by: Sorting) -> tuple[list[int], bool]:
    """Those found among the first predictions, and whether these are as many as wanted, or all there are."""
    plain = {name: value for name, value in values.items() if name not in OF_TRUTH}
    of_truth = {name: value for name, value in values.items() if name in OF_TRUTH}
    parts = {"candidates": where(plain, *by.conditions), "order": by.order}
    given = {**values, **by.values}
    found: list[int] = []
    start = 0
    for size in WINDOWS:
        query = named(
            connection,
            OF_CERTAIN_TRUTH,
            truth=joined(connection, values),
            where=where(of_truth),
            start=sql.Literal(start),
            size=sql.Literal(size),
            limit=sql.Literal(bigint(limit - len(found))),
            **parts,
        )
        found += [one for (one,) in connection.execute(query, given)]
        start += size
        more = named(connection, CANDIDATES, end=sql.Literal(start), **parts)
        if len(found) >= limit or connection.execute(more, given).fetchone() is None:
            return found, True
    return found, False


def _avoid_sorting(connection: Connection, values: Values, limit: int | None) -> None:
    """Have all the predictions come in the order of an index, where there is one for the conditions.

    A planner without statistics would sort a million rows on disk before it gave the first.
    """
    if limit is None and values.keys() <= IN_ORDER:
        connection.execute(WITHOUT_SORTING)


def rows_at_once() -> int:
    """How many rows a streaming cursor is to give at a time; older client libraries give one."""
    return BLOCK_ROWS if capabilities.has_stream_chunked() else 1


def in_blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows, as many at once as make no delay that anybody would notice."""
    iterator = iter(rows)
    while block := list(islice(iterator, BLOCK_ROWS)):
        yield block
