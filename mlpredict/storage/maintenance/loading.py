"""A dump into a transaction: pg_restore prints it, and it is sent over the connection there is.

Restoring over a connection of its own, pg_restore would have committed before it can be known whether
what it has made is whole and ours.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.creation import as_maker, creation_schema
from mlpredict.storage.maintenance.clients import Target, failure, find, plain
from mlpredict.storage.maintenance.script import Rows, Torn, choose, pieces, renaming, schemas_of
from mlpredict.support.scratch import scratch_file
from mlpredict.support.signals import interrupted_by_termination

MOST_DEFINITIONS = 64 << 20
"""The bytes in which a dump says what it holds; its rows come behind that."""

NEW_SETTING = b"SET transaction_timeout = 0;\n"
NEW_SETTING_SINCE = 170000
"""The first `server_version` that knows it."""

SET_BY_DUMPS = (
    "check_function_bodies",
    "client_encoding",
    "client_min_messages",
    "default_table_access_method",
    "default_tablespace",
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "row_security",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "transaction_timeout",
    "xmloption",
)

SETTINGS = SQL("SELECT name, setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) ANY (%s)")
SET = SQL("SELECT pg_catalog.set_config(%s, %s, false)")

Rename = Callable[[bytes], bytes]


def load(dump: int, target: Target, connection: Connection, arguments: Sequence[str]) -> None:
    """Send a dump's statements and rows, with our tables put into the first schema of the search path.

    Raises:
        DatabaseError: the dump is torn or not ours, or the server refuses it.
    """
    command = [find("pg_restore", target.bindir), "--file=-", "--single-transaction", *arguments]
    with as_maker(), interrupted_by_termination(), scratch_file() as complaints:
        schema = creation_schema(connection)
        with _process(command, plain(target.environment), dump, complaints) as printing:
            assert printing.stdout is not None
            try:
                with _settings_kept(connection):
                    _send(printing.stdout, schema, connection)
            except Torn as error:
                printing.wait()
                raise _reason(command, printing, complaints) from error
            if printing.wait():
                raise _reason(command, printing, complaints)


def _send(script: IO[bytes], schema: str, connection: Connection) -> None:
    """Execute a script; what it makes is held until it is known in which schema our tables are."""
    held: list[bytes] = []
    size = 0
    rename: Rename | None = None
    for piece in pieces(script):
        if rename is None and (isinstance(piece, Rows) or size > MOST_DEFINITIONS):
            rename = _renaming(held, schema, connection)
            _execute(connection, rename(b"".join(held)))
        if isinstance(piece, Rows):
            assert rename is not None
            with connection.cursor() as cursor, cursor.copy(rename(piece.statement)) as copy:
                for rows in piece.data:
                    copy.write(rows)
        elif rename is not None:
            _execute(connection, rename(piece.text))
        elif piece.sets_encoding:
            _execute(connection, b"".join(held) + piece.text)
            held.clear()
        else:
            held.append(piece.text)
            size += len(piece.text)
    if rename is None:
        _execute(connection, _renaming(held, schema, connection)(b"".join(held)))


def _renaming(held: Sequence[bytes], schema: str, connection: Connection) -> Rename:
    encoding = connection.info.encoding
    new = schema.encode(encoding)
    return renaming(choose(schemas_of(b"".join(held)), new), new, Identifier(schema).as_bytes(connection))


def _execute(connection: Connection, text: bytes) -> None:
    if connection.info.server_version < NEW_SETTING_SINCE:
        text = text.replace(NEW_SETTING, b"", 1)
    with translated():
        connection.execute(text)


@contextmanager
def _settings_kept(connection: Connection) -> Iterator[None]:
    """Give the session back the settings that a dump begins with."""
    before = connection.execute(SETTINGS, (list(SET_BY_DUMPS),)).fetchall()
    yield
    for name, setting in before:
        connection.execute(SET, (name, setting))


def _reason(command: list[str], printing: subprocess.Popen[bytes], complaints: IO[bytes]) -> DatabaseError:
    complaints.seek(0)
    return failure(command, printing.returncode, complaints.read())


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], stdin: int, stderr: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive the block."""
    try:
        process = subprocess.Popen(
            command, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, bufsize=1 << 18
        )
    except OSError as error:
        raise DatabaseError(f"{os.fsdecode(command[0])} does not run: {error.strerror}") from error
    with process:
        try:
            yield process
        finally:
            process.kill()
