"""Which objects the names in our statements stand for, whoever may create others of the same name.

A search path finds operators and functions in every schema on it, and takes the one that fits the
types best: `real = integer` of a role that may create in our schema, for one, and with our rights.
So statements name their tables with the schema, `{s}`, and look for everything else in pg_catalog
alone. That holds for a transaction, as poolers give sessions to others between transactions.

Statements that store keep the search path, as triggers of the tables' owner run with it. They have
no operator and no function but those written with pg_catalog, casts and multi-argument `unnest`,
which PostgreSQL's grammar takes from there. Whoever owns our tables, or may create in a schema that
the search path has before theirs, is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Composable, Composed, Identifier

from mlpredict.errors import SchemaOutdated
from mlpredict.storage.connection import INIT_DB_HINT, Connection

HOME = SQL("""
    SELECT n.nspname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
    WHERE c.relname OPERATOR(pg_catalog.=) 'predictions'
      AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::"char"[])
      AND a.attname OPERATOR(pg_catalog.=) 'inputid'
      AND NOT a.attisdropped
      AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
    ORDER BY pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname)
    LIMIT 1
""")
"""The column tells our `predictions` and the 2020 program's from those of others.

Not to_regclass: it answers from a cache that waiting for a lock does not refresh, and so would not
see the tables that another mlpredict has made meanwhile."""

ONLY_CATALOG = SQL("SET LOCAL search_path = pg_catalog, pg_temp")
"""Without its name, pg_temp would come first."""

_schemas: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()


def home_of(connection: Connection) -> str | None:
    """The first schema of the search path that has our tables, or the 2020 program's; None without one."""
    row = connection.execute(HOME).fetchone()
    return None if row is None else str(row[0])


def schema_of(connection: Connection) -> str:
    """The schema of our tables, looked up once a connection.

    Raises:
        SchemaOutdated: there are none.
    """
    schema = _schemas.get(connection)
    if schema is None:
        schema = home_of(connection)
        if schema is None:
            raise SchemaOutdated("the database has no mlpredict tables yet", hint=INIT_DB_HINT)
        _schemas[connection] = schema
    return schema


def named(connection: Connection, statement: SQL, **parts: Composable) -> Composed:
    """A statement with the schema of our tables in the place of `{s}`."""
    return statement.format(s=Identifier(schema_of(connection)), **parts)


@contextmanager
def catalog_only(connection: Connection) -> Iterator[None]:
    """A transaction, or the rest of the one there is, whose names are looked up in pg_catalog alone."""
    schema_of(connection)  # while the search path leads to it
    if connection.info.transaction_status != TransactionStatus.IDLE:
        connection.execute(ONLY_CATALOG)
        yield
        return
    with connection.transaction():
        connection.execute(ONLY_CATALOG)
        yield
