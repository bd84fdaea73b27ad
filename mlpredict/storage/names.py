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
from functools import cache
from weakref import WeakKeyDictionary

from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Composable, Composed, Identifier

from mlpredict.errors import SchemaOutdated
from mlpredict.storage.connection import INIT_DB_HINT, Connection
from mlpredict.storage.transactions import reading
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

HOME = """
    SELECT n.nspname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
    WHERE c.relname OPERATOR(pg_catalog.=) 'predictions'
      AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::"char"[])
      AND a.attname OPERATOR(pg_catalog.=) 'inputid'
      AND NOT a.attisdropped
"""
"""The column tells our `predictions` and the 2020 program's from those of others.

Not to_regclass: it answers from a cache that waiting for a lock does not refresh, and so would not
see the tables that another mlpredict has made meanwhile."""

HOME_ON_PATH = SQL(
    HOME
    + """
      AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
    ORDER BY pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname)
    LIMIT 1
"""
)

USUAL_HOME = SQL(
    HOME
    + """
      AND n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY[current_user, 'public'::pg_catalog.name])
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND (NOT pg_catalog.has_schema_privilege('public', n.oid, 'CREATE')
           OR pg_catalog.pg_has_role(c.relowner, 'MEMBER'))
    ORDER BY n.nspname OPERATOR(pg_catalog.=) 'public'
    LIMIT 1
"""
)
"""The same for the search path that PostgreSQL has where nobody sets another; not where anybody may have
made the table."""

PATH_SOURCE = SQL("""
    SELECT source FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'search_path'
""")

CATALOG = "pg_catalog, pg_temp"
"""Without its name, pg_temp would come first."""

ONLY_CATALOG = f"SET LOCAL search_path = {CATALOG}".encode()

_schemas: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()


def home_of(connection: Connection) -> str | None:
    """The first schema of the search path that has our tables, or the 2020 program's; None without one."""
    row = connection.execute(HOME_ON_PATH).fetchone()
    return None if row is None else str(row[0])


def found_home(connection: Connection) -> str | None:
    """The same, or the usual schema where the search path does not lead to it; somebody may have set that."""
    return home_of(connection) or usual_home(connection)


def usual_home(connection: Connection) -> str | None:
    """The schema that has our tables on the search path of who sets none; it is said that it is used."""
    row = connection.execute(USUAL_HOME).fetchone()
    if row is None:
        return None
    _tell_once(schema := str(row[0]))
    return schema


def chooses_schema(connection: Connection) -> bool:
    """Whether the search path is this connection's own, by its DSN or PGOPTIONS."""
    return connection.execute(PATH_SOURCE).fetchone() in (("client",), ("session",))


def schema_of(connection: Connection) -> str:
    """The schema of our tables, looked up once a connection.

    Raises:
        SchemaOutdated: there are none.
    """
    schema = _schemas.get(connection)
    if schema is None:
        schema = found_home(connection)
        if schema is None:
            raise SchemaOutdated("the database has no mlpredict tables yet", hint=INIT_DB_HINT)
        _schemas[connection] = schema
    return schema


@cache
def _tell_once(schema: str) -> None:
    logger.info(f"using the tables in the schema {schema}: the search path has none")


def named(connection: Connection, statement: SQL, **parts: Composable) -> Composed:
    """A statement with the schema of our tables in the place of `{s}`."""
    return statement.format(s=Identifier(schema_of(connection)), **parts)


@contextmanager
def catalog_only(connection: Connection, **settings: str) -> Iterator[None]:
    """A transaction, or the rest of the one there is, whose names are looked up in pg_catalog alone.

    A transaction that begins here has settings of its own.
    """
    schema_of(connection)  # while the search path leads to it
    if connection.info.transaction_status != TransactionStatus.IDLE:
        connection.execute(ONLY_CATALOG)
        yield
        return
    with reading(connection, isolation="read committed", search_path=CATALOG, **settings):
        yield
