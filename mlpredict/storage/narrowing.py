"""In which partitions rows of a time are.

A list that merges the newest of each partition would read the whole of those that have no row of that time.
"""

from __future__ import annotations

from psycopg.sql import SQL, Composed, Identifier, Literal

from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.filters import OF_TIME, Values, where
from mlpredict.storage.names import catalog_only, schema_of
from mlpredict.storage.partitions import Partition, partitions_of

ALWAYS = SQL("SELECT {place}::integer")
"""Of a partition that this role may not look into by itself."""

HAS_SOME = SQL("SELECT {place}::integer WHERE EXISTS (SELECT FROM {partition} AS p WHERE {where})")
EITHER = SQL(" UNION ALL ")


def narrowed(connection: Connection, values: Values) -> Values:
    """Conditions of a time with those of the runs that were then; the same where there are no partitions."""
    with translated(), catalog_only(connection):
        known = partitions_of(connection)
        if not known:
            return values
        times = {name: value for name, value in values.items() if name in OF_TIME}
        asking = [_asking(connection, place, one, times) for place, one in enumerate(known)]
        some = {place for (place,) in connection.execute(EITHER.join(asking), times)}
    # The default partition comes first, and holds the runs before those of all others.
    there = [known[place] for place in sorted(some)] or known[-1:]
    from_run, to_run = there[0].first, there[-1].end
    if there[-1].first is None:
        to_run = next((one.first for one in known if one.first is not None), None)
    runs = {"from_run": from_run, "to_run": to_run}
    return {**values, **{name: run for name, run in runs.items() if run is not None}}


def _asking(connection: Connection, place: int, one: Partition, times: Values) -> Composed:
    table = Identifier(schema_of(connection), one.name)
    if not one.is_readable:
        return ALWAYS.format(place=Literal(place))
    return HAS_SOME.format(place=Literal(place), partition=table, where=where(times))
