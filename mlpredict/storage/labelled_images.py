"""Which stored images are meant by ids, hashes and names: found for all of them at once, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.sql import SQL

from mlpredict.domain import NewLabel
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.values import bigint, storable

WANTED = SQL("""
    CREATE TEMPORARY TABLE wanted (
        place bigint, text text, prediction_id bigint, input_id bigint, sha256 bytea, filename text
    ) ON COMMIT DROP
""")
COPY_WANTED = SQL("""
    COPY pg_temp.wanted (place, text, prediction_id, input_id, sha256, filename) FROM STDIN
""")
FOUND = SQL("CREATE TEMPORARY TABLE found (place bigint, sha256 bytea, input_id bigint) ON COMMIT DROP")
ANALYZE = SQL("ANALYZE pg_temp.wanted")

BY_INPUT = SQL("""
    INSERT INTO pg_temp.found
    SELECT w.place, i.sha256, CASE WHEN i.sha256 IS NULL THEN i.id END
    FROM pg_temp.wanted AS w
    LEFT JOIN {s}.predictions AS p ON p.id = w.prediction_id
    JOIN {s}.inputs AS i ON i.id = coalesce(w.input_id, p.inputid)
    WHERE w.prediction_id IS NOT NULL OR w.input_id IS NOT NULL
""")

BY_SHA256 = SQL("""
    INSERT INTO pg_temp.found
    SELECT w.place, w.sha256, NULL
    FROM pg_temp.wanted AS w
    WHERE w.sha256 IS NOT NULL AND EXISTS (SELECT FROM {s}.inputs AS i WHERE i.sha256 = w.sha256)
""")

BY_NAME = SQL("""
    INSERT INTO pg_temp.found
    SELECT w.place, min(i.sha256::text)::bytea, min(CASE WHEN i.sha256 IS NULL THEN i.id END)
    FROM pg_temp.wanted AS w
    JOIN {s}.predictions AS p ON {same}
    JOIN {s}.inputs AS i ON i.id = p.inputid
    WHERE w.filename IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_temp.found AS f WHERE f.place = w.place)
    GROUP BY w.place
    HAVING count(DISTINCT coalesce(i.sha256::text, i.id::text)) = 1
""")
"""A name that several images had is that of none."""

SAME_NAMES = (
    SQL("p.filename = w.filename"),
    SQL("""
        substring(p.filename FROM '[^/]*$') = substring(w.filename FROM '[^/]*$')
        AND right(p.filename, length(w.filename) + 1) = '/' || w.filename
    """),
)
"""The whole name; else its last parts, as far as they are said."""

PAGES = SQL("""
    SELECT w.place
    FROM pg_temp.wanted AS w
    JOIN {s}.predictions AS p ON {named}
    JOIN {s}.inputs AS i ON i.id = p.inputid
    WHERE EXISTS (
        SELECT FROM {s}.inputs AS other
        JOIN {s}.predictions AS page ON page.inputid = other.id
        WHERE other.sha256 = i.sha256 AND page.filename <> p.filename
          AND regexp_replace(page.filename, '#[0-9]+$', '') = regexp_replace(p.filename, '#[0-9]+$', '')
    )
""")
"""Those that are one page of several: the truth of an image is that of its whole file."""

OF_PREDICTION = SQL("p.id = w.prediction_id")
OF_INPUT = SQL("p.inputid = w.input_id")

MISSING = SQL("""
    SELECT w.place FROM pg_temp.wanted AS w
    WHERE NOT EXISTS (SELECT FROM pg_temp.found AS f WHERE f.place = w.place)
    ORDER BY w.place
""")

PAGE = " (a page: its file has one label)"


def find_images(connection: Connection, labels: Sequence[NewLabel]) -> tuple[str, ...]:
    """Fill the table `found` with the images that are meant; the names of those that are not stored.

    It and `wanted`, the table of what is named, are gone with the transaction.
    """
    connection.execute(WANTED)
    connection.execute(FOUND)
    with connection.cursor() as cursor, cursor.copy(COPY_WANTED) as copy:
        for place, one in enumerate(labels):
            copy.write_row(_wanted(place, one))
    connection.execute(ANALYZE)
    pages = {place for (place,) in connection.execute(named(connection, PAGES, named=OF_PREDICTION))}
    if any(one.input_id is not None for one in labels):
        pages |= {place for (place,) in connection.execute(named(connection, PAGES, named=OF_INPUT))}
    connection.execute(named(connection, BY_INPUT))
    connection.execute(named(connection, BY_SHA256))
    if any(one.filename is not None for one in labels):
        for same in SAME_NAMES:
            connection.execute(named(connection, BY_NAME, same=same))
    if pages:
        connection.execute(SQL("DELETE FROM pg_temp.found WHERE place = ANY(%s::bigint[])"), (list(pages),))
    connection.execute(SQL("ANALYZE pg_temp.found"))
    places = [place for (place,) in connection.execute(MISSING)]
    return tuple(f"{labels[place].name}{PAGE if place in pages else ''}" for place in places)


def _wanted(place: int, one: NewLabel) -> tuple[Any, ...]:
    return (
        place,
        storable(one.text),
        None if one.prediction_id is None else bigint(one.prediction_id),
        None if one.input_id is None else bigint(one.input_id),
        one.sha256,
        None if one.filename is None else storable(one.filename),
    )
