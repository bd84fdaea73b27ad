"""What a database can hold: in UTF8 every name, in another encoding some.

One that is to be filled must hold every name. One that has tables already, as the 2020 program's may, goes
on in its own encoding: names that it cannot hold are kept as bytes beside a text with question marks.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

UTF8 = "UTF8"
ALL_BYTES = (UTF8, "SQL_ASCII")
"""Those that take whatever we store: the second knows no characters, and keeps bytes."""

CANNOT_HOLD = (psycopg.errors.UntranslatableCharacter, psycopg.errors.CharacterNotInRepertoire)

NAME = SQL("SELECT pg_catalog.current_database()")

LOCALE = SQL("""
    SELECT datctype::text, pg_catalog.pg_encoding_to_char(encoding)::text FROM pg_catalog.pg_database
    WHERE datname OPERATOR(pg_catalog.=) 'template0'
""")
"""A new database has the locale of its template, which may allow no encoding but its own."""

ANY_ENCODING = ("C", "POSIX")


def encoding_of(connection: Connection) -> str:
    """What the database is encoded in, in PostgreSQL's words."""
    # Every server tells as it connects, and poolers pass it on.
    return connection.info.parameter_status("server_encoding") or UTF8


def require_every_name(connection: Connection) -> None:
    """Look whether a database that is to be filled can hold every name.

    Raises:
        DatabaseError: it cannot; with what makes one that can.
    """
    encoding = encoding_of(connection)
    if encoding not in ALL_BYTES:
        raise DatabaseError(
            f"the database {_name(connection)} is encoded in {encoding}, which does not hold every name",
            hint=f"make another, and name that one: {creation(connection)}",
        )


def warn_of_encoding(connection: Connection) -> None:
    """Say what a database that is used all the same cannot do."""
    encoding = encoding_of(connection)
    if encoding == UTF8:
        return
    lacks = "knows bytes and no characters" if encoding in ALL_BYTES else "does not hold every name"
    logger.warning(
        f"the database {_name(connection)} is encoded in {encoding}, which {lacks}; to move to one in UTF8: "
        f"{creation(connection)}, then mlpredict db dump and db restore"
    )


def creation(connection: Connection) -> str:
    """The statement that makes a database in UTF8 on the same server.

    Example:
        >>> creation(connection)
        "CREATE DATABASE scans_utf8 ENCODING 'UTF8' TEMPLATE template0"
    """
    name = Identifier(f"{_name(connection)}_utf8").as_string(connection)
    if name[1:-1].isidentifier() and name == name.lower() and name.isascii():
        name = name[1:-1]
    row = connection.execute(LOCALE).fetchone()
    locale, encoding = row or ("C", UTF8)
    # The locale goes with its own encoding alone, unless it says nothing of any.
    fits = encoding == UTF8 or locale in ANY_ENCODING
    plain = "" if fits else " LC_COLLATE 'C' LC_CTYPE 'C'"
    return f"CREATE DATABASE {name} ENCODING 'UTF8'{plain} TEMPLATE template0"


def unheld(connection: Connection, texts: Iterable[str]) -> frozenset[str]:
    """Those of the texts that the database cannot hold; asked outside of a transaction."""
    if encoding_of(connection) in ALL_BYTES:
        return frozenset()
    asked = sorted({text for text in texts if not text.isascii()})
    if not asked or _holds(connection, asked):
        return frozenset()
    return frozenset(text for text in asked if not _holds(connection, [text]))


def _holds(connection: Connection, texts: list[str]) -> bool:
    try:
        connection.execute("SELECT %s::text[]", (texts,))
    except CANNOT_HOLD:
        return False
    return True


def _name(connection: Connection) -> str:
    ((name,),) = connection.execute(NAME).fetchall()
    return str(name)
