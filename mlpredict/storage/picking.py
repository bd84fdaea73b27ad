"""Predictions by other words than their ids: the newest ones, and those from one id to another."""

from __future__ import annotations

from psycopg.sql import SQL

from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.values import bigint

NEWEST_ID = SQL("SELECT id FROM {s}.predictions ORDER BY id DESC OFFSET %s::bigint LIMIT 1")
IDS_BETWEEN = SQL("SELECT id FROM {s}.predictions WHERE id BETWEEN %s::bigint AND %s::bigint ORDER BY id")


def newest_id(connection: Connection, place: int) -> int | None:
    """The id of the newest prediction, of the second newest with a `place` of 2; None without one."""
    row = connection.execute(named(connection, NEWEST_ID), (bigint(place - 1),)).fetchone()
    return None if row is None else int(row[0])


def ids_between(connection: Connection, first: int, last: int) -> list[int]:
    """The ids of the predictions from one to another, both included."""
    rows = connection.execute(named(connection, IDS_BETWEEN), (bigint(first), bigint(last)))
    return [int(one) for (one,) in rows]
