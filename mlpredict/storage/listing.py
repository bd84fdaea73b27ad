"""Stored predictions, newest first, as fast as PostgreSQL hands them out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice

from psycopg import capabilities, sql
from psycopg.rows import tuple_row
from psycopg.sql import SQL
from psycopg.types.string import TextLoader

from mlpredict.storage import truth
from mlpredict.storage.columns import READ
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import IN_ORDER, OF_TRUTH, Values, joined, where
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.reading import Row
from mlpredict.storage.values import bigint

BLOCK_ROWS = 300
"""What fits into a socket's buffer: PostgreSQL goes on while a block is printed. It waits with 1,000, which
take a quarter longer."""

FIRST_CANDIDATES = 2000
MORE_CANDIDATES = 16
"""How many predictions are looked at for those of a certain truth: so many, and then so many times more."""

PREDICTIONS = SQL("""
    SELECT {fields}
    FROM {s}.predictions AS p
    LEFT JOIN (
        SELECT id, to_json(name || '@' || left(fingerprint, 8)) AS label FROM {s}.models
        OFFSET 0  -- so that it is made once a model, and not once a prediction
    ) AS m ON m.id = p.model_id
    {truth}
    WHERE {where}
    ORDER BY p.id DESC
    LIMIT {limit}
""")

AS_TEXT = ("int4", "int8", "float4", "json")
"""The types of what is selected, which stay as PostgreSQL writes them."""

WITHOUT_SORTING = SQL("SET LOCAL enable_sort = off")

CANDIDATES_END = SQL("""
    SELECT p.id FROM {s}.predictions AS p WHERE {where} ORDER BY p.id DESC LIMIT 1 OFFSET {size}
""")

OF_CERTAIN_TRUTH = SQL("""
    SELECT id FROM (
        SELECT p.id FROM {s}.predictions AS p {truth} WHERE {where}
        OFFSET 0  -- else the truth of one after the other is looked up, a million times where few are found
    ) AS found
    ORDER BY id DESC
    LIMIT {limit}
""")


def prediction_rows(
    connection: Connection, values: Values, limit: int | None = None
) -> Generator[Row, None, None]:
    """The predictions that meet the conditions that `values` are for.

    They come while PostgreSQL reads them, out of one snapshot, and are never all in memory. Closed
    early, it cancels the query.
    """
    if limit is not None and values.keys() & OF_TRUTH:
        ids = _ids_of_certain_truth(connection, values, limit)
        yield from prediction_rows(connection, {"ids": ids}) if ids else ()
        return
    parts = dict[str, sql.Composable](
        fields=SQL(", ").join(map(SQL, READ)),
        where=where(values),
        limit=sql.SQL("ALL") if limit is None else sql.Literal(bigint(limit)),
    )
    # Older client libraries give one row at a time.
    at_once = BLOCK_ROWS if capabilities.has_stream_chunked() else 1
    with (
        translated(),
        catalog_only(connection),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        parts["truth"] = named(connection, truth.JOIN if _are_labels(connection) else truth.NO_JOIN)
        _avoid_sorting(connection, values, limit)
        for name in AS_TEXT:
            cursor.adapters.register_loader(name, TextLoader)
        yield from cursor.stream(named(connection, PREDICTIONS, **parts), values, size=at_once)


def prediction_ids(connection: Connection, values: Values) -> list[int]:
    """The ids of all predictions that meet conditions, the newest first."""
    parts = {"truth": joined(connection, values), "where": where(values), "limit": SQL("ALL")}
    with translated(), catalog_only(connection):
        query = named(connection, OF_CERTAIN_TRUTH, **parts)
        return [one for (one,) in connection.execute(query, values)]


def _avoid_sorting(connection: Connection, values: Values, limit: int | None) -> None:
    """Have all the predictions come in the order of an index, where there is one for the conditions.

    A planner without statistics would sort a million rows on disk before it gave the first.
    """
    if limit is None and values.keys() <= IN_ORDER:
        connection.execute(WITHOUT_SORTING)


def _are_labels(connection: Connection) -> bool:
    return connection.execute(named(connection, truth.ANY_LABEL)).fetchone() is not None


def _ids_of_certain_truth(connection: Connection, values: Values, limit: int) -> list[int]:
    """The newest predictions that meet conditions of their truth, found among ever more candidates."""
    plain = {name: value for name, value in values.items() if name not in OF_TRUTH}
    found: list[int] = []
    size = FIRST_CANDIDATES
    with translated(), catalog_only(connection):
        while True:
            end = _candidates_end(connection, plain, size)
            ends = {} if end is None else {"from": end}
            parts = {
                "truth": joined(connection, values),
                "where": where({**values, **plain, **ends}),
                "limit": sql.Literal(bigint(limit - len(found))),
            }
            query = named(connection, OF_CERTAIN_TRUTH, **parts)
            found += [one for (one,) in connection.execute(query, {**values, **plain, **ends})]
            if end is None or len(found) >= limit:
                return found
            plain["before"] = end
            size *= MORE_CANDIDATES


def _candidates_end(connection: Connection, plain: Values, size: int) -> int | None:
    """The last of so many candidates; None where there are not as many."""
    query = named(connection, CANDIDATES_END, where=where(plain), size=sql.Literal(size))
    row = connection.execute(query, plain).fetchone()
    return None if row is None else int(row[0])


def in_blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows, as many at once as make no delay that anybody would notice."""
    iterator = iter(rows)
    while block := list(islice(iterator, BLOCK_ROWS)):
        yield block
