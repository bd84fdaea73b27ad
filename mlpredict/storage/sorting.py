"""In which order predictions are listed, each by an index, and where a page goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg.sql import SQL, Composable, Composed

from mlpredict.domain import Order
from mlpredict.errors import NotFound, UsageError
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import bigint

COLUMNS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "score": ("p.score", "real"),
    "label": ("p.label", "text"),
    "time": ("p.created_at", "timestamptz"),
}
"""By what is sorted: a column that has an index, and its type. Equal ones are in the order of their ids."""

VALUE = SQL("SELECT {column} FROM {s}.predictions AS p WHERE p.id = %s::bigint")


@dataclass(frozen=True, slots=True)
class Sorting:
    """An order in SQL, with the conditions that go with it and their values."""

    order: Composable
    conditions: tuple[Composable, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


NEWEST_FIRST = Sorting(SQL("p.id DESC"))


def sorting(connection: Connection, order: Order, before: int | None) -> Sorting:
    """How predictions are listed in an order, from behind the one of the id `before`.

    What has no value in the column that is sorted by is not listed.

    Raises:
        NotFound: there is no such prediction to go on from.
        UsageError: it is none that is listed in this order.
    """
    if order.key == "id":
        return _by_id(order, before)
    column, kind = COLUMNS[order.key]
    way, beyond = (SQL("DESC"), SQL("<")) if order.descends else (SQL("ASC"), SQL(">"))
    text = {"column": SQL(column), "kind": SQL(kind), "way": way, "beyond": beyond}
    by = SQL("{column} {way}, p.id {way}").format(**text)
    if before is None:
        return Sorting(by, (SQL("{column} IS NOT NULL").format(**text),))
    value = _value(connection, order.key, SQL(column), before)
    further = SQL("({column}, p.id) {beyond} (%(sorted_value)s::{kind}, %(sorted_id)s::bigint)")
    return Sorting(by, (further.format(**text),), {"sorted_value": value, "sorted_id": bigint(before)})


def _by_id(order: Order, before: int | None) -> Sorting:
    if order.descends:
        conditions: tuple[Composable, ...] = (SQL("p.id < %(sorted_id)s::bigint"),)
        by: Composable = SQL("p.id DESC")
    else:
        conditions, by = (SQL("p.id > %(sorted_id)s::bigint"),), SQL("p.id ASC")
    return Sorting(by) if before is None else Sorting(by, conditions, {"sorted_id": bigint(before)})


def _value(connection: Connection, key: str, column: Composable, prediction_id: int) -> Any:
    query: Composed = named(connection, VALUE, column=column)
    with catalog_only(connection):
        row = connection.execute(query, (bigint(prediction_id),)).fetchone()
    if row is None:
        raise NotFound(f"there is no prediction {prediction_id} to go on from")
    if row[0] is None:
        raise UsageError(
            f"prediction {prediction_id} has no {key}, and is not in a list that is sorted by it"
        )
    return row[0]
