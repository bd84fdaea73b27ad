"""Images with what was predicted of them: each once, with the first of its predictions in an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from psycopg.sql import SQL, Literal

from mlpredict.domain import Order, PredictionFilter, PredictionRecord
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import OF_TRUTH, Values, joined, values_of, where
from mlpredict.storage.listing import ids_of_certain_truth, joined_for, prediction_rows
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.reading import as_record
from mlpredict.storage.sorting import Sorting, sorting

WINDOWS = (4, 32, 256)
"""So many predictions are looked at for each image of a page, one window after the other. More would be too
many where images were predicted a thousand times: then a page is short, and the next goes on behind it."""

CANDIDATES = SQL("""
    WITH candidates AS MATERIALIZED (
        SELECT p.id, p.inputid, p.score, row_number() OVER (ORDER BY {order}) AS place
        FROM {s}.predictions AS p {joined}
        WHERE {where}
        ORDER BY {order}
        LIMIT {window}
    ),
    firsts AS (
        SELECT DISTINCT ON (coalesce(inputid, -id)) id, inputid, score, place
        FROM candidates
        ORDER BY coalesce(inputid, -id), place
    )
    SELECT c.id, c.inputid
    FROM firsts AS c
    -- As a value, it is looked up for one image after the other until the page is full.
    WHERE (SELECT true FROM {s}.predictions AS p {truth}
           WHERE p.inputid = c.inputid AND {earlier} AND {wanted} LIMIT 1) IS NULL
    ORDER BY c.place
    LIMIT {limit}
""")
"""The images whose first prediction is in a window of the predictions that are wanted."""

WINDOW_END = SQL("""
    SELECT p.id FROM {s}.predictions AS p WHERE {where} ORDER BY {order} LIMIT 1 OFFSET {last}
""")

EARLIER: Mapping[Order, SQL] = {
    Order.NEWEST: SQL("p.id > c.id"),
    Order.OLDEST: SQL("p.id < c.id"),
    Order.LEAST_SURE: SQL("(p.score, p.id) < (c.score, c.id)"),
    Order.SUREST: SQL("(p.score, p.id) > (c.score, c.id)"),
}
"""The orders that images come in: which predictions come before another."""

BEHIND = SQL("""
    SELECT p.inputid, count(*) FROM {s}.predictions AS p
    WHERE p.inputid = ANY(%s::bigint[])
    GROUP BY p.inputid
""")

COUNT = SQL(
    "SELECT count(DISTINCT coalesce(p.inputid, -p.id)) FROM {s}.predictions AS p {truth} WHERE {where}"
)


class ImageFound(NamedTuple):
    """An image: the first of the predictions that are wanted, and how many it has in all."""

    first: PredictionRecord
    predictions: int


class ImagePage(NamedTuple):
    """Images in an order; `before` is where the next page begins, None behind the last."""

    images: list[ImageFound]
    before: int | None


def images(
    connection: Connection, wanted: PredictionFilter, order: Order, before: int | None, limit: int
) -> ImagePage:
    """A page of images; it may have fewer than `limit` although others follow.

    Raises:
        NotFound: they are sorted by something else than ids, and there is no prediction `before`.
    """
    values = values_of(connection, wanted, None)
    found: dict[int, int | None] = {}
    with translated(), catalog_only(connection):
        for share in WINDOWS:
            by = sorting(connection, order, before)
            window = _window(connection, values, by, share * limit)
            found |= _firsts(connection, values, window, order, by, limit - len(found))
            if len(found) == limit:
                before = next(reversed(found))
                break
            before = _window_end(connection, window, by)
            if before is None:
                break
        counts: dict[int | None, int] = dict(
            connection.execute(named(connection, BEHIND), ([*found.values()],)).fetchall()
        )
    rows = prediction_rows(connection, {"ids": [*found]}) if found else ()
    records = {record.prediction_id: record for record in map(as_record, rows)}
    return ImagePage(
        [ImageFound(records[one], counts.get(image, 1)) for one, image in found.items() if one in records],
        before,
    )


def count_images(connection: Connection, wanted: PredictionFilter) -> int:
    """How many images have a prediction that is wanted."""
    values = values_of(connection, wanted, None)
    with translated(), catalog_only(connection), joined_for(connection, values):
        query = named(connection, COUNT, where=where(values), truth=joined(connection, values))
        row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


class Window(NamedTuple):
    """The first predictions that are wanted, so many at most, by conditions that find them."""

    values: Values
    size: int


def _window(connection: Connection, values: Values, by: Sorting, size: int) -> Window:
    """By their ids where their truth is wanted: else that of all is looked up where few have it."""
    if values.keys() & OF_TRUTH:
        return Window({"ids": ids_of_certain_truth(connection, values, size, by)}, size)
    return Window(values, size)


def _firsts(
    connection: Connection, values: Values, window: Window, order: Order, by: Sorting, limit: int
) -> dict[int, int | None]:
    """The first predictions of images, by their ids, with the images'."""
    query = named(
        connection,
        CANDIDATES,
        where=where(window.values, *by.conditions),
        joined=joined(connection, window.values),
        wanted=where(values),
        truth=joined(connection, values),
        earlier=EARLIER[order],
        order=by.order,
        window=Literal(window.size),
        limit=Literal(limit),
    )
    return dict(connection.execute(query, {**values, **window.values, **by.values}).fetchall())


def _window_end(connection: Connection, window: Window, by: Sorting) -> int | None:
    """The last prediction of a window; None where nothing follows."""
    parts = {"where": where(window.values, *by.conditions), "order": by.order}
    query = named(connection, WINDOW_END, **parts, last=Literal(window.size - 1))
    row = connection.execute(query, {**window.values, **by.values}).fetchone()
    return None if row is None else int(row[0])
