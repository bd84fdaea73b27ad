"""The newest predictions of an early time.

They are found by reading from the newest of all backwards, past everything that came later, or by the index
of times, of which all that fit are looked at and sorted. Where a limit is asked for, PostgreSQL does the
first, as it takes times for scattered among ids. Which has less to read is told by what it thinks of the
times alone; either gives the same.
"""

from __future__ import annotations

from psycopg.sql import SQL, Literal

from mlpredict.storage.connection import Connection
from mlpredict.storage.filters import OF_TRUTH, Values, where
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import bigint

UNTIL, SINCE = "until", "since"
OTHERWISE_FOUND = frozenset({"id", "ids", "before", "run", "input", *OF_TRUTH})
"""Conditions with which few are left, or another way is taken."""

COSTLIER = 2
"""How many times as long a prediction takes that is found by its time."""

ESTIMATE = SQL("EXPLAIN (FORMAT JSON) SELECT FROM {s}.predictions AS p WHERE {where}")

BY_TIME = SQL("""
    SELECT p.id FROM (
        SELECT p.id FROM {s}.predictions AS p WHERE {where}
        OFFSET 0  -- so that all of them are looked for, and not the first of the list
    ) AS p
    ORDER BY p.id DESC
    LIMIT {limit}
""")


def ids_of_early_time(connection: Connection, values: Values, limit: int | None) -> list[int] | None:
    """The ids of the newest that meet conditions; None where they are better read from the newest of all."""
    if limit is None or UNTIL not in values or values.keys() & OTHERWISE_FOUND:
        return None
    with catalog_only(connection):
        times = {name: value for name, value in values.items() if name in (SINCE, UNTIL)}
        places = {name: value for name, value in values.items() if name in ("from_run", "to_run")}
        later = _estimated(connection, places) - _estimated(connection, {**places, UNTIL: values[UNTIL]})
        if COSTLIER * _estimated(connection, {**places, **times}) >= later:
            return None
        query = named(connection, BY_TIME, where=where(values), limit=Literal(bigint(limit)))
        return [one for (one,) in connection.execute(query, values)]


def _estimated(connection: Connection, values: Values) -> int:
    """How many predictions PostgreSQL thinks that conditions leave."""
    query = named(connection, ESTIMATE, where=where(values))
    ((plan,),) = connection.execute(query, values).fetchall()
    return int(plan[0]["Plan"]["Plan Rows"])
