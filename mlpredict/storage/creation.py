"""In which schema tables are made, and whether this role can see those that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseRefuses
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.names import home_of
from mlpredict.storage.refusals import CREATE_HINT, GRANT_HINT, POLICY_HINT
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

FIRST = SQL("SELECT pg_catalog.current_schema()")
PATH = SQL("SELECT pg_catalog.current_setting('search_path'), current_user::text")
SET_PATH = SQL("SELECT pg_catalog.set_config('search_path', %s, true)")
MAKE = SQL("CREATE SCHEMA {schema}")
USUAL = "public"
"""Where tables go when nobody says where."""

NAME = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^\s,"]+)')
"""A schema in `search_path`, as PostgreSQL writes it."""

UNUSABLE = SQL("""
    SELECT nspname FROM pg_catalog.pg_namespace
    WHERE nspname OPERATOR(pg_catalog.=) ANY (%s::name[])
      AND NOT pg_catalog.has_schema_privilege(oid, 'USAGE')
    LIMIT 1
""")

HIDDEN_RECORD = SQL("""
    SELECT pg_catalog.row_security_active(c.oid)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) %s AND c.relname OPERATOR(pg_catalog.=) 'schema_migrations'
""")


def creation_schema(connection: Connection) -> str:
    """The schema that new tables go into: the first of the search path, made where the path has none.

    Raises:
        DatabaseRefuses: it cannot be made, or this role may not use it.
    """
    if (first := first_schema(connection)) is not None:
        return first
    require_visible(connection)
    named = [name for name in _path(connection)[0] if name != "$user"]
    if not named:
        return USUAL
    connection.execute(MAKE.format(schema=Identifier(named[0])))
    logger.debug(f"made the schema {named[0]}, which the search path begins with")
    return named[0]


def first_schema(connection: Connection) -> str | None:
    """The schema of the search path that new tables go into; None where none of the path exists."""
    row = connection.execute(FIRST).fetchone()
    return None if row is None or row[0] is None else str(row[0])


@contextmanager
def put_first(connection: Connection, schema: str) -> Iterator[None]:
    """Have names without a schema mean this one first, in the transaction that there is."""
    before = _setting(connection)
    if first_schema(connection) == schema:
        yield
        return
    path = [Identifier(schema).as_string(connection), before]
    connection.execute(SET_PATH, (", ".join(filter(None, path)),))
    yield
    connection.execute(SET_PATH, (before,))


@contextmanager
def as_maker(hint: str = CREATE_HINT) -> Iterator[None]:
    """Where a right is missing to make or to change tables, say which, and not the one to use them."""
    try:
        with translated():
            yield
    except DatabaseRefuses as error:
        if error.hint == GRANT_HINT:
            error.hint = hint
        raise


def require_visible(connection: Connection) -> None:
    """Look whether there may be tables of ours that this role is not shown.

    Raises:
        DatabaseRefuses: there may.
    """
    schema = home_of(connection)
    if schema is not None:
        if connection.execute(HIDDEN_RECORD, (schema,)).fetchone() == (True,):
            raise DatabaseRefuses(
                f"row-level security hides the rows of {schema}.schema_migrations from this role",
                hint=POLICY_HINT,
            )
        return
    names, user = _path(connection)
    own = [user if name == "$user" else name for name in names]
    if row := connection.execute(UNUSABLE, (own,)).fetchone():
        raise DatabaseRefuses(f"the role {user} may not use the schema {row[0]}", hint=GRANT_HINT)


def _setting(connection: Connection) -> str:
    row = connection.execute(PATH).fetchone()
    assert row is not None
    return str(row[0])


def _path(connection: Connection) -> tuple[Sequence[str], str]:
    """The names in the search path, whatever becomes of them, and the current role."""
    row = connection.execute(PATH).fetchone()
    assert row is not None
    names = [
        found["plain"].lower() if found["plain"] else found["quoted"].replace('""', '"')
        for found in NAME.finditer(str(row[0]))
    ]
    return [name for name in names if name], str(row[1])
