"""The runs that were stored before `predictions` was put into partitions, and how they are to be parted.

A range is of whole runs that follow one another, the highest first, and as large as a partition: a run that
is larger has one for itself.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from psycopg.sql import SQL, Identifier, Literal

from mlpredict.storage import partitions
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.names import catalog_only, schema_of

ROW_BYTES = 200
"""What a row takes beside its vector, its other outputs and its map."""

RUNS = SQL("""
    SELECT r.run_id, r.rows, (r.rows * w.bytes)::bigint
    FROM (
        SELECT run_id, count(*) AS rows FROM {table} WHERE run_id < {end} GROUP BY run_id ORDER BY run_id DESC
    ) AS r
    CROSS JOIN LATERAL (
        SELECT {row_bytes} + avg(
            coalesce(pg_column_size(p.predictions), 0) + coalesce(pg_column_size(p.outputs), 0)
            + coalesce(pg_column_size(p.map), 0)
        ) AS bytes
        FROM (SELECT predictions, outputs, map FROM {table} WHERE run_id = r.run_id LIMIT 20) AS p
    ) AS w
""")
"""Each with the size that some of its rows suggest, as the index gives them: only those that are read are
counted."""

IN_ORDER_OF_INDEX = {"enable_hashagg": "off", "enable_sort": "off", "enable_seqscan": "off"}

SHARE_OF_INDEXES = SQL("""
    SELECT pg_catalog.pg_total_relation_size({place}::regclass)::float8
           OPERATOR(pg_catalog./) GREATEST(pg_catalog.pg_table_size({place}::regclass), 1)
""")


class Range(NamedTuple):
    """Early runs, from `first` on and before `end`, with how many rows they have and what these take."""

    first: int
    end: int
    rows: int
    bytes: int

    @property
    def name(self) -> str:
        """What their partition is called."""
        return f"predictions_from_{self.first}"

    def __str__(self) -> str:
        """The runs in words."""
        last = self.end - 1
        return f"run {last:,}" if self.first == last else f"runs {self.first:,} to {last:,}"


def next_range(connection: Connection, table: str, end: int) -> Range | None:
    """The highest runs in a table that are before one; None where it has none of them."""
    first, rows, size = None, 0, 0
    with translated(), closing(_runs(connection, table, end)) as runs:
        for run_id, its_rows, its_bytes in runs:
            if first is not None and size + its_bytes > partitions.FULL_BYTES:
                return Range(first, end, rows, size)
            first, rows, size = run_id, rows + its_rows, size + its_bytes
    # The numbers before the lowest of them go with it: one of their runs may yet store something.
    return None if first is None else Range(min(first, 1), end, rows, size)


def _runs(connection: Connection, table: str, end: int) -> Generator[tuple[int, int, int], None, None]:
    """The runs of a table before one, the highest first, with their rows and bytes."""
    place = Identifier(schema_of(connection), table)
    query = RUNS.format(table=place, end=Literal(end), row_bytes=Literal(ROW_BYTES))
    with catalog_only(connection, **IN_ORDER_OF_INDEX), connection.cursor() as cursor:
        for run_id, rows, size in cursor.stream(query):
            yield int(run_id), int(rows), int(size)


def ranges(connection: Connection, table: str, end: int) -> Iterator[Range]:
    """All early runs in a table that are before one, the highest first."""
    one = next_range(connection, table, end)
    while one is not None:
        yield one
        one = next_range(connection, table, one.first)


def bytes_with_indexes(connection: Connection, table: str, one: Range) -> int:
    """What a range is going to take on the disk, by what the table takes that it is in now."""
    place = Literal(Identifier(schema_of(connection), table).as_string(connection))
    with translated(), catalog_only(connection):
        ((share,),) = connection.execute(SHARE_OF_INDEXES.format(place=place)).fetchall()
    return round(one.bytes * float(share))
